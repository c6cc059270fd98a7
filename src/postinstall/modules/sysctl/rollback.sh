#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

restore_all
values="$IRONWAKE_STATE/backup/values"
[ -e "$values" ] || exit 0
while read -r path former; do
  # unprivileged_bpf_disabled = 1 is final until the next boot; an interface may be gone.
  { printf '%s\n' "$former" > "$path"; } 2> /dev/null || printf 'stays as it is until the next boot: %s\n' "${path#/proc/sys/}"
done < "$values"
rm -f "$values"
