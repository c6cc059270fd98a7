#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

[ -d "$IRONWAKE_STATE/backup" ] || exit 0
(cd "$IRONWAKE_STATE/backup" && find . -type f) | sed 's/^\.//; s/\.absent$//' | while read -r file; do
  restore "$file"
  printf 'restored: %s\n' "$file"
done
