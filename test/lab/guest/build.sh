#!/bin/bash
# Builds the disk of a small Debian with a kernel of its own, and prints its path. Nothing to do when the same content was built before.
#
#   build.sh ROOT RELEASE    ROOT: the Debian tree of the container tests; RELEASE: bookworm or trixie
#
# The disk boots by itself (SeaBIOS, GRUB). It has the generic kernel of Debian, and below /srv/archive a newer one for the upgrade: Debian's
# cloud kernel, whose name sorts behind it. Both are packed anew with the few modules that the tests load, an initrd of ours and without
# compression, because software emulation would unpack the original ones for minutes.
#
# Cache: ${XDG_CACHE_HOME:-~/.cache}/ironwake/lab/guests. One builder at a time; what an interrupted one left is never taken for complete. Needs
# root. Debian packages: those of the stand-in image.
set -euo pipefail

ROOT=$1
RELEASE=$2
MIRROR=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ironwake/lab/guests
mkdir -p "$cache"
hash=$( { echo "$ROOT $RELEASE"; cat "$here/build.sh" "$here/tree.sh"; } | sha256sum | cut -c1-24)
disk=$cache/$RELEASE-$hash.raw

if [ ! -f "$disk" ]; then
  trap "exit 143" TERM
  trap "exit 130" INT
  exec 9> "$cache/lock"
  flock 9
  if [ ! -f "$disk" ]; then
    rm -rf "$cache"/*.partial
    work=$disk.partial
    mkdir "$work"
    # In namespaces of its own, so that no mount and no process of it outlives an interrupted build.
    unshare --mount --propagation private --pid --fork --kill-child --mount-proc "$here/tree.sh" "$ROOT" "$RELEASE" "$MIRROR" "$work" >&2 &
    building=$!
    trap 'kill -KILL "$building"' EXIT
    wait "$building"
    trap - EXIT
    mv "$work/disk.raw" "$disk"
    rm -rf "$work"
    find "$cache" -maxdepth 1 -name '*.raw' -mtime +21 -delete
  fi
  flock -u 9
fi
touch "$disk"
echo "$disk"
