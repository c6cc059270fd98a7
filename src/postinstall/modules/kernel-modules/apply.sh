#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

command -v modprobe > /dev/null || fail 'the package kmod is not installed'

mark="$IRONWAKE_STATE/initramfs-is-old"
before=$(sha256sum 2> /dev/null < /etc/modprobe.d/ironwake.conf || true)
install_file files/modprobe.conf /etc/modprobe.d/ironwake.conf 0644
# The initial RAM disk has a copy of its own. A run that was cut off in the middle leaves the mark.
if [ "$before" != "$(sha256sum < /etc/modprobe.d/ironwake.conf)" ]; then : > "$mark"; fi
if [ -e "$mark" ]; then
  if command -v update-initramfs > /dev/null; then update-initramfs -u -k all || fail 'update-initramfs failed'; fi
  rm -f "$mark"
fi
install_file files/modules-load.conf /etc/modules-load.d/ironwake.conf 0644

while read -r name; do
  # Compiled in, a module has no state and cannot go; in use, it goes at the next boot.
  [ -e "/sys/module/${name//-/_}/initstate" ] || continue
  if modprobe -r "$name"; then
    changed "module $name unloaded"
  else
    fail "the module $name is in use: restart the node, then it is no longer loaded"
  fi
done < parameters/blocked
while read -r name; do
  [ ! -d "/sys/module/${name//-/_}" ] || continue
  modprobe "$name" || fail "the module $name cannot be loaded"
  changed "module $name loaded"
done < parameters/loaded
