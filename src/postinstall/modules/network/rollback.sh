#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

target=/etc/network/interfaces
# Interfaces of ours that the former network does not have: ifreload takes down what it knows of, and this is what it may not.
ours=$(awk '$1 == "iface" { print $2 }' "$target" | sort -u)
restore "$target"
theirs=$(awk '$1 == "iface" { print $2 }' "$target" | sort -u)
# Before networking.service has been started it reads the file anyway. One that is starting, or that our file made fail, does not again.
if [ "$(systemctl is-active networking.service || true)" != inactive ]; then
  ifreload --all || systemctl restart networking.service
  while read -r name; do
    if [ -e "/sys/class/net/$name/bridge" ] || [ -e "/sys/class/net/$name/bonding" ] || grep -qs '^DEVTYPE=vlan$' "/sys/class/net/$name/uevent"; then
      ip link del "$name" || true
    fi
  done < <(comm -23 <(printf '%s\n' "$ours") <(printf '%s\n' "$theirs"))
  ifreload --all || true
fi
printf 'the former network is back\n'
