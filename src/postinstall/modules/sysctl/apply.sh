#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

# The name sorts after what Debian and administrators use, 99-sysctl.conf among them: the last file wins at boot.
target=/etc/sysctl.d/99-zz-ironwake.conf
install_file files/sysctl.conf "$target" 0644

# A file that sorts even later is somebody's own: the line that contradicts is switched off, and stays readable there.
while IFS=$'\t' read -r file key value; do
  [ "${file#/etc/sysctl.d/}" != "$file" ] || fail "$file sets $key to $value, and would win at the next boot"
  perl -pe 'BEGIN { $key = shift @ARGV } s/^/# disabled by Ironwake: / if /^\s*-?\s*\Q$key\E\s*=/' "$key" "$file" > "$IRONWAKE_STATE/disabled"
  install_file "$IRONWAKE_STATE/disabled" "$(realpath "$file")" 0644
done < <(systemd-analyze cat-config sysctl.d 2> /dev/null | perl ./at-boot.pl "$target")

bash ./keys.sh > "$IRONWAKE_STATE/keys"
while read -r path wanted; do
  [ -e "$path" ] || fail "this kernel has no key ${path#/proc/sys/}"
  # Values of several numbers are separated by tabs.
  is=$(tr -s '\t' ' ' < "$path")
  [ "$is" != "$wanted" ] || continue
  if ! grep -qsF "$path " "$IRONWAKE_STATE/backup/values"; then
    mkdir -p "$IRONWAKE_STATE/backup"
    printf '%s %s\n' "$path" "$is" >> "$IRONWAKE_STATE/backup/values"
  fi
  { printf '%s\n' "$wanted" > "$path"; } 2> /dev/null || fail "the kernel does not take ${path#/proc/sys/} = $wanted"
  changed "${path#/proc/sys/} $is -> $wanted"
done < "$IRONWAKE_STATE/keys"
