#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"
# shellcheck source=src/postinstall/modules/hosts/own.sh
. ./own.sh

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
name='' fqdn='' address=''
own_facts "$work"
expect /etc/hostname "$name" "$(cat /etc/hostname 2> /dev/null || true)"
if [ -e /etc/hosts ]; then
  perl ./hosts.pl "$name" "$fqdn" "$address" "$work/local" parameters/entries < /etc/hosts > "$work/hosts"
  expect_file "$work/hosts" /etc/hosts
else
  expect /etc/hosts 'the file' 'no such file'
fi
# What programs are told, which other sources of names could spoil.
expect "what $name leads to" "$address" "$(getent ahosts "$name" | awk -v wanted="$address" '$1 == wanted { print $1; found = 1; exit } END { if (!found) print $1 }' || true)"
expect "loopback for $name" '' "$(getent ahosts "$name" | awk '$1 ~ /^127\.|^::1$/ { print $1; exit }' || true)"
expect 'full name' "$fqdn" "$(hostname -f 2> /dev/null || true)"
if [ -d /etc/pve/nodes ]; then expect '/etc/pve/local' "nodes/$name" "$(readlink /etc/pve/local || true)"; fi
verified
