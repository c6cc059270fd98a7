#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

if ! command -v unattended-upgrade > /dev/null; then
  apt_get update || true
  apt_get install --no-install-recommends unattended-upgrades || fail 'the package unattended-upgrades cannot be installed'
  changed 'package unattended-upgrades'
fi
# After Debian's 20auto-upgrades and 50unattended-upgrades: those stay as the packages ship them.
install_file files/99ironwake-unattended-upgrades /etc/apt/apt.conf.d/99ironwake-unattended-upgrades 0644
apt-config dump > /dev/null || fail 'apt refuses its configuration'
# Files that sort behind it would add to its lists: they go before it.
for file in /etc/apt/apt.conf.d/*; do
  name=${file##*/}
  if [[ "$name" > 99ironwake-unattended-upgrades ]] && [[ "$name" != *.* || "$name" == *.conf ]] && grep -qE '^[^/]*(Unattended-Upgrade|APT::Periodic)' "$file"; then
    keep "$file"
    keep "/etc/apt/apt.conf.d/98-$name"
    mv -f "$file" "/etc/apt/apt.conf.d/98-$name"
    changed "$file renamed to 98-$name"
  fi
done

for timer in apt-daily.timer apt-daily-upgrade.timer; do
  keep_unit "$timer"
  state=$(systemctl is-enabled "$timer" 2> /dev/null || true)
  if [ "$state" = masked ]; then systemctl --quiet unmask "$timer"; fi
  if [ "$state" != enabled ]; then
    systemctl --quiet enable "$timer"
    changed "$timer enabled"
  fi
  # Nothing to tell: it may be the runner that has stopped it, for the length of the plan.
  systemctl --quiet is-active "$timer" || start_after_plan "$timer"
done
