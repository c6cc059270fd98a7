#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

zone=$(parameter zone)
link=$(readlink /etc/localtime || echo 'no link')
expect /etc/localtime "/usr/share/zoneinfo/$zone" "${link#..}"
if [ -e /etc/timezone ]; then expect /etc/timezone "$zone" "$(cat /etc/timezone)"; fi
expect 'what a new program takes' "$(TZ="$zone" date +%Z%z)" "$(env -u TZ date +%Z%z)"
expect 'daemons in the former zone' '' "$(bash ./old-zone.sh | paste -sd ' ' -)"
verified
