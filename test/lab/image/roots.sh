#!/bin/bash
# The slow half of the stand-in image: the target system and the live system's packages, from Debian's archive. Called by build.sh
# in a mount namespace of its own, so that no mount outlives an interrupted build.
#
#   roots.sh OUT DEBS    OUT: an empty folder for base.squashfs, installer.squashfs, vmlinuz, modules/
#                        DEBS: a folder that keeps downloaded packages between builds
set -euo pipefail

OUT=$1
DEBS=$2
SUITE=bookworm
MIRROR=${DEBIAN_MIRROR:-http://deb.debian.org/debian}

# What an installed node has before the plan runs. sudo is here because the lab's mirror carries no packages; the official image's state is
# not confirmed, so the plan must install what it needs anyway.
BASE_PACKAGES=(
  systemd systemd-sysv udev kmod procps iproute2 ifupdown bridge-utils tzdata
  openssh-server openssh-client sudo curl ca-certificates openssl gpgv debian-archive-keyring
  linux-image-cloud-amd64 initramfs-tools zstd busybox-static btrfs-progs
  grub-common grub2-common grub-pc-bin grub-efi-amd64-bin
)
# What only the live system has, on top of it. xfsprogs belongs to the node, too, but brings Python along, which would be copied to every disk;
# a root on XFS boots without it.
LIVE_PACKAGES=(python3 fdisk dosfstools e2fsprogs xfsprogs isc-dhcp-client squashfs-tools)

WORK=$OUT/work
ROOT=$WORK/base
mkdir -p "$ROOT" "$DEBS"

echo "debootstrap: $SUITE from $MIRROR" >&2
include=$(IFS=,; echo "${BASE_PACKAGES[*]}")
# The kernel's and initramfs-tools' triggers would build an initrd with every module; it is made once, below, with the few that a lab
# machine has.
debootstrap --variant=minbase --cache-dir="$DEBS" --include="$include" "$SUITE" "$ROOT" "$MIRROR" >&2

in_root() { chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "${@:2}"; }

KERNEL=$(basename "$(echo "$ROOT"/lib/modules/*)")

# Copying to the emulated disk is the longest step of an installation, and modules are most of it: what no lab machine can use goes.
for path in drivers/{infiniband,comedi,target,hid,scsi,net/ethernet,gpu,iio,usb,media,staging,mtd,nvme,bluetooth} sound \
  fs/{smb,nfs,nfsd,ceph,ocfs2,gfs2,f2fs,jfs,reiserfs,ubifs,udf,afs,9p,orangefs,coda,hfs,hfsplus,jffs2,nilfs2,ufs,dlm} \
  net/{sunrpc,tipc,smc,sctp,rds,openvswitch,ceph,dccp,bluetooth,wireless,mac80211,nfc,can,l2tp,rxrpc,batman-adv}; do
  rm -rf "$ROOT/lib/modules/$KERNEL/kernel/$path"
done
depmod -b "$ROOT" "$KERNEL"

# The node's own initrd: only what a virtual machine's disk needs (the image is for the lab, and software emulation unpacks slowly).
cat > "$ROOT/etc/initramfs-tools/conf.d/lab" <<CONF
MODULES=list
COMPRESS=zstd
RESUME=none
CONF
printf '%s\n' virtio_pci virtio_blk virtio_net crc32c_generic >> "$ROOT/etc/initramfs-tools/modules"
# Of the file systems only the root's is loaded: a hook puts them into the initrd, the list above would load them all.
cat > "$ROOT/etc/initramfs-tools/hooks/lab-root" <<'HOOK'
#!/bin/sh
[ "$1" != prereqs ] || exit 0
. /usr/share/initramfs-tools/hook-functions
manual_add_modules ext4 xfs btrfs
HOOK
chmod 0755 "$ROOT/etc/initramfs-tools/hooks/lab-root"
mount -t proc proc "$ROOT/proc"
in_root "$ROOT" update-initramfs -u -k "$KERNEL" >&2

# Software emulation is about twenty times slower than a machine: longer limits, and nothing that starts by itself in the background.
mkdir -p "$ROOT/etc/systemd/system.conf.d" "$ROOT/etc/systemd/journald.conf.d"
printf '[Manager]\nDefaultTimeoutStartSec=10min\nDefaultDeviceTimeoutSec=10min\n' > "$ROOT/etc/systemd/system.conf.d/lab.conf"
printf '[Journal]\nStorage=volatile\nRuntimeMaxUse=16M\n' > "$ROOT/etc/systemd/journald.conf.d/lab.conf"
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
  systemd-timesyncd.service systemd-firstboot.service systemd-pcrphase.service systemd-pcrphase-initrd.service systemd-pcrphase-sysinit.service \
  dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount \
  modprobe@{configfs,dm_mod,drm,efi_pstore,fuse,loop}.service systemd-pstore.service systemd-binfmt.service keyboard-setup.service; do
  ln -sf /dev/null "$ROOT/etc/systemd/system/$unit"
done
# Host keys and machine id belong to one node: made at installation.
rm -f "$ROOT"/etc/ssh/ssh_host_* "$ROOT/var/lib/dbus/machine-id"
: > "$ROOT/etc/machine-id"
rm -f "$ROOT/etc/hostname" "$ROOT/etc/resolv.conf"
umount "$ROOT/proc"

# The live system's packages, as a second layer over the base: exactly what the official pve-installer.squashfs is.
LAYER=$WORK/layer
LIVE=$WORK/live
mkdir -p "$LAYER" "$WORK/overlay" "$LIVE"
mount -t overlay overlay -o "lowerdir=$ROOT,upperdir=$LAYER,workdir=$WORK/overlay" "$LIVE"
mount -t proc proc "$LIVE/proc"
cp /etc/resolv.conf "$LIVE/etc/resolv.conf"
printf '#!/bin/sh\nexit 101\n' > "$LIVE/usr/sbin/policy-rc.d"
chmod 0755 "$LIVE/usr/sbin/policy-rc.d"
echo "deb $MIRROR $SUITE main" > "$LIVE/etc/apt/sources.list"
in_root "$LIVE" apt-get -q update >&2
in_root "$LIVE" apt-get -q -y --no-install-recommends install "${LIVE_PACKAGES[@]}" >&2
# 36 MB of every image, for xfs_scrub alone.
rm -f "$LIVE"/usr/lib/x86_64-linux-gnu/libicu*
rm -f "$LIVE/usr/sbin/policy-rc.d" "$LIVE/etc/resolv.conf"
# Compiled modules: emulated Python would compile what it imports at every start.
in_root "$LIVE" python3 -m compileall -q /usr/lib/python3 /usr/lib/python3.11 >&2 || true
umount "$LIVE/proc" "$LIVE"

trim() {
  rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/* "$1"/var/cache/debconf/*-old "$1"/var/log/* "$1"/tmp/* \
    "$1"/usr/share/doc "$1"/usr/share/man "$1"/usr/share/info "$1"/usr/share/locale "$1"/usr/share/lintian
}
trim "$ROOT"
trim "$LAYER"
# The base lies under the layer: what is trimmed there need not be hidden here.
rm -rf "$LAYER"/var/lib/apt "$LAYER"/var/cache/apt
rm -rf "$ROOT/usr/lib/x86_64-linux-gnu/gconv" "$ROOT/usr/share/i18n" "$ROOT"/usr/lib/udev/hwdb.{d,bin} "$ROOT/usr/share/zoneinfo/"{right,posix}

cp "$ROOT/bin/busybox" "$OUT/busybox"
cp "$ROOT/boot/vmlinuz-$KERNEL" "$OUT/vmlinuz"
echo "$KERNEL" > "$OUT/kernel-version"

# The initrd's few modules with their dependencies, from the list that depmod made in the whole tree.
mkdir -p "$OUT/modules/lib/modules/$KERNEL"
for module in isofs loop squashfs overlay crc32c_generic virtio_pci virtio_blk; do
  modprobe -d "$ROOT" -S "$KERNEL" --show-depends "$module" 2>/dev/null | awk '$1 == "insmod" { print $2 }'
done | sort -u | while read -r file; do
  relative=${file#"$ROOT"}
  install -D -m 0644 "$ROOT/$relative" "$OUT/modules/$relative"
done
cp "$ROOT/lib/modules/$KERNEL"/modules.{order,builtin,builtin.modinfo} "$OUT/modules/lib/modules/$KERNEL/"
depmod -b "$OUT/modules" "$KERNEL"

pack() { mksquashfs "$1" "$2" -noappend -comp zstd -Xcompression-level 3 -no-progress -quiet -wildcards -e 'proc/*' 'sys/*' 'dev/*' >&2; }
pack "$ROOT" "$OUT/base.squashfs"
pack "$LAYER" "$OUT/installer.squashfs"
rm -rf "$WORK"
