#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"
shopt -s nullglob

others=(systemd-timesyncd ntpsec ntp openntpd)
for unit in chrony "${others[@]}"; do
  if [ "$(systemctl show --property=LoadState --value "$unit.service")" != not-found ]; then keep_unit "$unit.service"; fi
done
if ! command -v chronyd > /dev/null; then
  apt_get update || true
  # Debian lets only one time daemon be installed: this takes systemd-timesyncd, ntpsec and openntpd away.
  apt_get install --no-install-recommends chrony || fail 'the package chrony cannot be installed'
  changed 'package chrony'
fi
for other in "${others[@]}"; do
  if systemctl --quiet is-active "$other.service" || systemctl --quiet is-enabled "$other.service" 2> /dev/null; then
    systemctl --quiet disable --now "$other.service"
    changed "$other.service off"
  fi
done

# Debian's own lines and those of other files would be there beside ours. What is asked is said in one place, or nobody knows it.
subject=settings
if [ -e files/ironwake.sources ]; then subject=sources; fi
for file in /etc/chrony/chrony.conf /etc/chrony/conf.d/*.conf /etc/chrony/sources.d/*.sources; do
  case $file in */ironwake.conf | */ironwake.sources) continue ;; esac
  if [ -n "$(perl ./switch-off.pl "$subject" "$file")" ]; then
    perl ./switch-off.pl -w "$subject" "$file" > "$IRONWAKE_STATE/switched-off"
    install_file "$IRONWAKE_STATE/switched-off" "$file" 0644
  fi
done
install_file files/ironwake.conf /etc/chrony/conf.d/ironwake.conf 0644
if [ -e files/ironwake.sources ]; then
  install_file files/ironwake.sources /etc/chrony/sources.d/ironwake.sources 0644
else
  remove_file /etc/chrony/sources.d/ironwake.sources
fi
refusal=$(chronyd -p 2>&1 > /dev/null) || fail "chronyd refuses its configuration: $(tail -n 1 <<< "$refusal")"

systemctl --quiet is-enabled chrony.service || {
  systemctl --quiet enable chrony.service
  changed 'chrony.service enabled'
}
# Started before the files were as they are now, or told otherwise by hand: it starts anew.
started=$(systemctl show --property=ActiveEnterTimestamp --value chrony.service)
newest=$(stat -c %Y /etc/chrony/chrony.conf /etc/chrony/conf.d /etc/chrony/sources.d /etc/chrony/conf.d/*.conf /etc/chrony/sources.d/*.sources | sort -n | tail -n 1)
foreign=$(bash ./sources.sh | grep -v '^ok' || true)
if ! systemctl --quiet is-active chrony.service || [ -s "$IRONWAKE_CHANGES" ] || [ -n "$foreign" ] ||
  [ "$(date -d "${started:-1970-01-01}" +%s)" -lt "$newest" ]; then
  systemctl restart chrony.service || fail 'chrony.service does not start: see journalctl -u chrony'
  changed 'chrony.service started anew'
fi

seconds=$(parameter wait-seconds)
if [ "$seconds" -gt 0 ]; then
  # chronyd decides after a few answers; half a second is what clusters and one-time passwords can stand.
  chronyc waitsync "$((seconds / 2 + 1))" 0.5 0 2 ||
    fail "after $seconds s no time server has set the clock: $(chronyc -n -c sources | cut -d, -f3,6 | paste -sd ' ' -)"
fi
