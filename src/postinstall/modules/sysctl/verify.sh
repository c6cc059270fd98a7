#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

target=/etc/sysctl.d/99-zz-ironwake.conf
expect_file files/sysctl.conf "$target"
while read -r path wanted; do
  expect "${path#/proc/sys/}" "$wanted" "$(tr -s '\t' ' ' 2> /dev/null < "$path" || true)"
done < <(bash ./keys.sh)
expect 'what wins at the next boot' '' \
  "$(systemd-analyze cat-config sysctl.d 2> /dev/null | perl ./at-boot.pl "$target" | tr '\t' ' ' | paste -sd ';' -)"
verified
