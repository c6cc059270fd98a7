#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"
# shellcheck source=src/postinstall/modules/hosts/own.sh
. ./own.sh

name='' fqdn='' address=''
own_facts "$IRONWAKE_STATE"
if [ -d /etc/pve/nodes ] && [ ! -d "/etc/pve/nodes/$name" ]; then
  fail "the node is called $name now, and Proxmox VE knows it under another name: $(paste -sd ' ' < <(ls /etc/pve/nodes))"
fi
remember fqdn <<< "$fqdn"

# The name that runs stays: it is the one that Proxmox' certificates and guests belong to.
printf '%s\n' "$name" > "$IRONWAKE_STATE/hostname"
install_file "$IRONWAKE_STATE/hostname" /etc/hostname 0644

[ -e /etc/hosts ] || printf '127.0.0.1 localhost\n' > /etc/hosts
perl ./hosts.pl "$name" "$fqdn" "$address" "$IRONWAKE_STATE/local" parameters/entries < /etc/hosts > "$IRONWAKE_STATE/hosts"
install_file "$IRONWAKE_STATE/hosts" /etc/hosts 0644
