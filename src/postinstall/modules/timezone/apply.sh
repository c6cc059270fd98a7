#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

zone=$(parameter zone)
[ -f "/usr/share/zoneinfo/$zone" ] || fail "there is no time zone $zone"

# timedatectl writes the link relative to /etc.
link=$(readlink /etc/localtime || true)
if [ "${link#..}" != "/usr/share/zoneinfo/$zone" ]; then
  keep /etc/localtime
  ln -s "/usr/share/zoneinfo/$zone" /etc/localtime.ironwake-new
  mv -f /etc/localtime.ironwake-new /etc/localtime
  # The age of the link is when the zone changed: which daemons are older is seen by it. A restored link would be as old as its target.
  touch -h /etc/localtime
  changed "/etc/localtime -> $zone"
fi
# Debian 12 has the name once more; Debian 13 has given that up, and leaves the file where it was.
if [ -e /etc/timezone ]; then
  printf '%s\n' "$zone" > "$IRONWAKE_STATE/timezone"
  install_file "$IRONWAKE_STATE/timezone" /etc/timezone 0644
fi
bash ./old-zone.sh | while read -r unit; do
  # pveproxy and pvedaemon keep their connections over a reload, and start their workers anew; but only a restart reads the zone.
  systemctl restart "$unit" || fail "$unit does not start again"
  changed "$unit started anew"
done
