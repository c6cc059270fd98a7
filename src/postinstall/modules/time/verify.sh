#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"
shopt -s nullglob extglob

command -v chronyd > /dev/null || fail 'chrony is not installed'
expect_file files/ironwake.conf /etc/chrony/conf.d/ironwake.conf
subject=settings
if [ -e files/ironwake.sources ]; then
  subject=sources
  expect_file files/ironwake.sources /etc/chrony/sources.d/ironwake.sources
fi
others=()
for file in /etc/chrony/chrony.conf /etc/chrony/conf.d/*.conf /etc/chrony/sources.d/*.sources; do
  case $file in */ironwake.conf | */ironwake.sources) ;; *) others+=("$file") ;; esac
done
expect 'other files about the same' '' "$(perl ./switch-off.pl "$subject" "${others[@]}" | paste -sd ';' -)"

expect 'chrony.service at boot' enabled "$(systemctl is-enabled chrony.service 2> /dev/null || true)"
expect chrony.service active "$(systemctl is-active chrony.service || true)"
for other in systemd-timesyncd ntpsec ntp openntpd; do
  state=$(systemctl is-active "$other.service" || true)
  expect "$other.service" 'not running' "${state/%@(inactive|failed|unknown)/not running}"
done
# What the daemon really does, which may be another thing than its files.
expect 'servers that are asked' '' "$(bash ./sources.sh | grep -v '^ok' | paste -sd ';' - || true)"
while read -r network; do
  expect "$network may ask" 'Access allowed' "$(chronyc accheck "${network%/*}" 2>&1 | cut -c5- || true)"
done < parameters/allow
if [ "$(parameter wait-seconds)" -gt 0 ] && systemctl --quiet is-active chrony.service; then
  expect 'the clock' synchronised \
    "$(chronyc -c tracking | awk -F, '{ off = $5 < 0 ? -$5 : $5; print ($14 == "Not synchronised" || $2 == "" ? "no server has set it" : off < 0.5 ? "synchronised" : "wrong by " off " s") }')"
fi
verified
