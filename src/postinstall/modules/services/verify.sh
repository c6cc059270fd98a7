#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

mask=$(parameter mask)
while read -r unit; do
  [ "$(systemctl show --property=LoadState --value "$unit")" != not-found ] || continue
  enabled=$(systemctl is-enabled "$unit" 2> /dev/null || true)
  if [ "$mask" = yes ]; then
    expect "$unit" masked "$enabled"
  else
    # A unit without an install section is static: nothing starts it at boot by itself.
    case $enabled in disabled | static | indirect | masked) enabled=disabled ;; esac
    expect "$unit" disabled "$enabled"
  fi
  active=$(systemctl is-active "$unit" || true)
  expect "$unit now" inactive "${active/failed/inactive}"
done < parameters/off
verified
