#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

if [ "$(parameter product)" = pve ]; then
  restore_pve /etc/pve/firewall/cluster.fw
  restore_pve /etc/pve/local/host.fw
  # At boot this runs before pve-firewall, which reads the files anyway.
  if systemctl --quiet is-active multi-user.target; then systemctl restart pve-firewall.service; fi
else
  systemctl disable --quiet --now ironwake-firewall.service 2> /dev/null || true
  if command -v nft > /dev/null && nft list table inet ironwake > /dev/null 2>&1; then nft delete table inet ironwake; fi
  restore /etc/ironwake/firewall.nft
  restore /etc/systemd/system/ironwake-firewall.service
  systemctl daemon-reload
  # Rules of a former profile are as good as they were.
  if [ -e /etc/systemd/system/ironwake-firewall.service ]; then systemctl enable --quiet --now ironwake-firewall.service; fi
fi
printf 'the former firewall is back\n'
