#!/bin/bash
# Builds the stand-in installer image and prints its path. Nothing to do when the same content was built before.
#
#   build.sh [--release 9.2|8.4] [--keyring FILE]
#
# --keyring: the public key of the lab's mirror, which the installed node finds where the official one has the vendor's.
#
# Cache: ${XDG_CACHE_HOME:-~/.cache}/ironwake/lab/ with roots/<hash> (the Debian trees, about a minute), <hash> (one image each, a second or two)
# and debs (downloaded packages). One builder at a time; what an interrupted one left is never taken for complete. Needs root.
# Debian packages: debootstrap squashfs-tools xorriso zstd cpio kmod (list in the set-up's layer `test`).
set -euo pipefail

release=9.2
keyring=
while [ $# -gt 0 ]; do
  case $1 in
    --release) release=$2; shift 2 ;;
    --keyring) keyring=$2; shift 2 ;;
    *) echo "build.sh: unknown argument $1" >&2; exit 2 ;;
  esac
done
case $release in 9.2 | 8.4) ;; *) echo "build.sh: the stand-in plays 9.2 and 8.4, not $release" >&2; exit 2 ;; esac

here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ironwake/lab
mkdir -p "$cache/roots" "$cache/debs"

hash_of() { sha256sum | cut -c1-24; }
roots_hash=$(hash_of < "$here/roots.sh")
image_hash=$( { echo "$roots_hash $release"; cat "$here/build.sh" "$here/initrd-init" "$here"/live/*.{py,sh}; [ -z "$keyring" ] || cat "$keyring"; } | hash_of)
roots=$cache/roots/$roots_hash
folder=$cache/$image_hash
iso=$folder/proxmox-ve_$release-1.iso

if [ -f "$iso" ]; then
  touch "$folder"
  echo "$iso"
  exit 0
fi

trap "exit 143" TERM
trap "exit 130" INT
exec 9> "$cache/lock"
flock 9
if [ ! -f "$iso" ]; then
  # Only the holder of the lock builds, so whatever is half made belongs to somebody who is gone.
  rm -rf "$cache"/*.partial "$cache"/roots/*.partial

  if [ ! -d "$roots" ]; then
    mkdir "$roots.partial"
    # In a process namespace of its own, so that nothing of it outlives an interrupted build; and with the lock, which a builder that was
    # killed outright must not let go while its child still writes.
    unshare --mount --propagation private --pid --fork --kill-child --mount-proc "$here/roots.sh" "$roots.partial" "$cache/debs" &
    building=$!
    trap 'kill -KILL "$building"' EXIT
    wait "$building"
    trap - EXIT
    mv "$roots.partial" "$roots"
  fi

  work=$folder.partial
  mkdir -p "$work/image" "$work/initrd" "$work/standin"

  # The live system's own programs are added to the packed tree: packing it again would cost more than everything else here.
  cp "$here"/live/*.{py,sh} "$work/standin/"
  chmod 0755 "$work/standin/unconfigured.sh"
  if [ -n "$keyring" ]; then cp "$keyring" "$work/standin/keyring.gpg"; fi
  cp "$roots/installer.squashfs" "$work/image/pve-installer.squashfs"
  mksquashfs "$work/standin" "$work/image/pve-installer.squashfs" -keep-as-directory -all-root -no-progress -quiet -no-recovery >&2
  ln "$roots/base.squashfs" "$work/image/pve-base.squashfs" 2> /dev/null || cp "$roots/base.squashfs" "$work/image/pve-base.squashfs"

  cd_info="RELEASE='$release'
ISORELEASE='1'
ISONAME='proxmox-ve'
PRODUCT='pve'
PRODUCTLONG='Proxmox VE'"
  id=$(uuidgen 2> /dev/null || cat /proc/sys/kernel/random/uuid)

  mkdir -p "$work"/initrd/{bin,proc,sys,dev,mnt,etc,lib}
  cp "$roots/busybox" "$work/initrd/bin/busybox"
  for name in sh mount mkdir cp echo modprobe setsid switch_root; do ln -s busybox "$work/initrd/bin/$name"; done
  cp -r "$roots/modules/lib/modules" "$work/initrd/lib/"
  install -m 0755 "$here/initrd-init" "$work/initrd/init"
  echo "$cd_info" > "$work/initrd/.cd-info"
  echo "$id" > "$work/initrd/.pve-cd-id.txt"
  printf '\1\2\3\4' > "$work/initrd/etc/hostid"

  mkdir -p "$work"/image/{boot,.disk,.base,.installer,.installer-mp,.workdir,proxmox/packages}
  (cd "$work/initrd" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) | zstd -q -9 > "$work/image/boot/initrd.img"
  cp "$roots/vmlinuz" "$work/image/boot/linux26"
  echo "$cd_info" > "$work/image/.cd-info"
  echo "$cd_info" > "$work/image/.disk/info"
  echo "$id" > "$work/image/.pve-cd-id.txt"
  : > "$work/image/auto-installer-capable"

  xorriso -as mkisofs -quiet -R -J -V PVE -o "$work/$(basename "$iso")" "$work/image" >&2
  rm -rf "$work/image" "$work/initrd" "$work/standin"
  mv "$work" "$folder"
  # What nobody asked for in three weeks goes.
  find "$cache" "$cache/roots" -mindepth 1 -maxdepth 1 -type d -mtime +21 ! -name roots ! -name debs -exec rm -rf {} +
  touch "$roots"
fi
flock -u 9
echo "$iso"
