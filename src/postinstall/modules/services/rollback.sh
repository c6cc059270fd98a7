#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

units="$IRONWAKE_STATE/backup/units"
[ -e "$units" ] || exit 0
# All of them first: a socket does not start while its service is masked.
while read -r unit enabled _; do
  [ "$enabled" = masked ] || systemctl --quiet unmask "$unit" || true
  case $enabled in enabled | enabled-runtime) systemctl --quiet enable "$unit" || true ;; esac
done < "$units"
while read -r unit _ active; do
  [ "$active" != active ] || systemctl start "$unit" || true
done < "$units"
rm -f "$units"
