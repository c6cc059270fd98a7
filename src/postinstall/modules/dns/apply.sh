#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

if systemctl --quiet is-active systemd-resolved.service || command -v resolvconf > /dev/null; then
  fail 'another program writes /etc/resolv.conf: remove systemd-resolved or resolvconf, Proxmox does not use them'
fi

bash ./resolv.sh > "$IRONWAKE_STATE/resolv.conf"
if cmp -s "$IRONWAKE_STATE/resolv.conf" /etc/resolv.conf && [ ! -L /etc/resolv.conf ]; then exit 0; fi
answers=''
refusals=''
read -r -a domains < <(awk '$1 == "search" { $1 = ""; print }' "$IRONWAKE_STATE/resolv.conf"; echo)
while read -r server; do
  if said=$(perl ./ask.pl "$server" 2 "${domains[@]}" 2>&1); then answers=yes; else refusals+="${refusals:+; }$server: $said"; fi
done < parameters/servers
if [ -n "$refusals" ]; then printf '%s\n' "$refusals"; fi
[ -n "$answers" ] || fail "none of the servers answers ($refusals): the resolver stays as it is"

if [ -L /etc/resolv.conf ]; then
  # A link that a removed program left.
  keep /etc/resolv.conf
  rm -f /etc/resolv.conf
fi
install_file "$IRONWAKE_STATE/resolv.conf" /etc/resolv.conf 0644
