#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

wanted=$(mktemp)
trap 'rm -f "$wanted"' EXIT
bash ./resolv.sh > "$wanted"
expect_file "$wanted" /etc/resolv.conf
expect '/etc/resolv.conf is' 'a file' "$([ -L /etc/resolv.conf ] && echo "a link to $(readlink /etc/resolv.conf)" || echo 'a file')"
if in_plan; then
  # One that is away slows every name down, and nobody notices until the other one goes too.
  read -r -a domains < <(awk '$1 == "search" { $1 = ""; print }' "$wanted"; echo)
  while read -r server; do
    expect "DNS server $server" answers "$(said=$(perl ./ask.pl "$server" 1 "${domains[@]}" 2>&1) && echo answers || echo "$said")"
  done < parameters/servers
fi
verified
