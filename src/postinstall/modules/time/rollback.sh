#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

restore_all
others=(systemd-timesyncd ntpsec ntp openntpd)
# Where another daemon set the clock before, it does so again, unless its package was taken away by that of chrony.
back=''
for other in "${others[@]}"; do
  if was_active "$other.service" && [ "$(systemctl show --property=LoadState --value "$other.service")" != not-found ]; then back=yes; fi
done
if [ -e "$IRONWAKE_STATE/backup/unit-chrony.service" ]; then
  restore_unit chrony.service
elif [ -n "$back" ]; then
  # Two of them do not set one clock.
  systemctl --quiet disable --now chrony.service
elif systemctl --quiet is-active chrony.service; then
  systemctl restart chrony.service
fi
for other in "${others[@]}"; do restore_unit "$other.service"; done
