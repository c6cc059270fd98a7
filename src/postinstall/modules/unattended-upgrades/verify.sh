#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

expect 'package unattended-upgrades' installed "$(command -v unattended-upgrade > /dev/null && echo installed || echo missing)"
expect_file files/99ironwake-unattended-upgrades /etc/apt/apt.conf.d/99ironwake-unattended-upgrades
# What apt makes of all its files; lists of a later file would add up.
dump=$(apt-config dump) || fail 'apt refuses its configuration'
list_of() { sed -n "s/^$1:: \"\\(.*\\)\";\$/\\1/p" <<< "$dump"; }
expect 'where updates come from' "$(paste -sd ' ' parameters/origins)" "$(list_of Unattended-Upgrade::Origins-Pattern | paste -sd ' ' -)"
expect 'other places' '' "$(list_of Unattended-Upgrade::Allowed-Origins | paste -sd ' ' -)"
expect 'what is never upgraded' "$(paste -sd ' ' parameters/never)" \
  "$(list_of Unattended-Upgrade::Package-Blacklist | paste -sd ' ' -)"
setting_of() { sed -n "s/^$1 \"\\(.*\\)\";\$/\\1/p" <<< "$dump"; }
expect 'restarts by itself' false "$(setting_of Unattended-Upgrade::Automatic-Reboot)"
for key in Enable Update-Package-Lists Unattended-Upgrade; do
  value=$(setting_of "APT::Periodic::$key")
  expect "APT::Periodic::$key" 1 "$value"
done
for timer in apt-daily.timer apt-daily-upgrade.timer; do
  expect "$timer" enabled "$(systemctl is-enabled "$timer" 2> /dev/null || true)"
  # The plan itself keeps them stopped.
  if ! in_plan; then expect "$timer now" active "$(systemctl is-active "$timer" || true)"; fi
done
verified
