#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

mask=$(parameter mask)
present=()
while read -r unit; do
  case $(systemctl show --property=LoadState --value "$unit") in
    not-found) printf 'not installed: %s\n' "$unit" ;;
    *) present+=("$unit") ;;
  esac
done < parameters/off

for unit in "${present[@]}"; do
  enabled=$(systemctl is-enabled "$unit" 2> /dev/null || true)
  active=$(systemctl is-active "$unit" || true)
  if ! grep -qsF "$unit " "$IRONWAKE_STATE/backup/units"; then
    mkdir -p "$IRONWAKE_STATE/backup"
    printf '%s %s %s\n' "$unit" "$enabled" "$active" >> "$IRONWAKE_STATE/backup/units"
  fi
  case $enabled in
    enabled | enabled-runtime)
      systemctl --quiet disable "$unit"
      changed "$unit disabled"
      ;;
  esac
  if [ "$mask" = yes ] && [ "$enabled" != masked ]; then
    # A unit that somebody wrote to /etc stands where the mask would have to be.
    systemctl --quiet mask "$unit" || fail "$unit cannot be masked: it was written to /etc/systemd/system by hand; remove it there, or set mask: false"
    changed "$unit masked"
  fi
  if [ "$mask" = no ] && [ "$enabled" = masked ]; then
    systemctl --quiet unmask "$unit"
    systemctl --quiet disable "$unit"
    changed "$unit no longer masked"
  fi
done
# All at once: a socket that still listens would start its service again.
running=()
for unit in "${present[@]}"; do
  case $(systemctl is-active "$unit" || true) in
    active | activating | reloading) running+=("$unit") ;;
  esac
done
if [ ${#running[@]} -gt 0 ]; then
  systemctl stop "${running[@]}" || fail "cannot be stopped: ${running[*]}"
  changed "stopped: ${running[*]}"
fi
# A timer that is masked while it waits counts as failed, and then the whole node does.
if [ ${#present[@]} -gt 0 ]; then systemctl reset-failed "${present[@]}" 2> /dev/null || true; fi
