#!/bin/bash
# The slow half of build.sh, in namespaces of its own: the tree, its two kernels, the disk around them.
#
#   tree.sh ROOT RELEASE MIRROR OUT    OUT: an empty folder that gets disk.raw
set -euo pipefail

ROOT=$1
RELEASE=$2
MIRROR=$3
OUT=$4
WORK=$OUT/work
# What the tests load, what they are refused, and what systemd asks for.
MODULES=(
  virtio_net virtio_rng af_packet bonding 8021q bridge br_netfilter veth dummy autofs4 nf_tables nft_compat nft_ct nft_reject_inet
  tipc rds dccp sctp hfsplus jffs2 udf can
)
INITRD_MODULES=(virtio_pci virtio_blk crc32c_generic crc32c_cryptoapi ext4)

in_root() { chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "${@:2}"; }

# Two layers over the tree: what is needed to build, and the guest itself.
layer() {
  mkdir -p "$WORK/$1/upper" "$WORK/$1/work" "$WORK/$1/root"
  mount -t overlay overlay -o "lowerdir=$ROOT,upperdir=$WORK/$1/upper,workdir=$WORK/$1/work" "$WORK/$1/root"
}
layer tools
layer guest
TOOLS=$WORK/tools/root
GUEST=$WORK/guest/root

# install TREE PACKAGE...: from the archive. One suite only, so that both kernels are of one version.
install_packages() {
  local tree=$1
  shift
  mount -t proc proc "$tree/proc"
  cp /etc/resolv.conf "$tree/etc/resolv.conf"
  printf '#!/bin/sh\nexit 101\n' > "$tree/usr/sbin/policy-rc.d"
  chmod 0755 "$tree/usr/sbin/policy-rc.d"
  echo "deb $MIRROR $RELEASE main" > "$tree/etc/apt/sources.list"
  in_root "$tree" apt-get -q update
  in_root "$tree" apt-get -q -y --no-install-recommends install "$@"
}
install_packages "$TOOLS" busybox-static grub-common grub-pc-bin fdisk
# Containers have their devices from outside.
install_packages "$GUEST" udev
in_root "$GUEST" apt-get clean
rm -rf "$GUEST"/var/lib/apt/lists/* "$GUEST/usr/sbin/policy-rc.d" "$GUEST/etc/resolv.conf"
download_kernel() {
  local package
  # What the metapackage depends on has the version in its name.
  package=$(in_root "$TOOLS" apt-cache depends "$1" | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
  mkdir -p "$TOOLS/packages/$2"
  in_root "$TOOLS" sh -c "cd '/packages/$2' && apt-get -q download '$package'"
}
download_kernel linux-image-amd64 first
download_kernel linux-image-cloud-amd64 newer

# pack META VERSION KERNEL_DEB FOLDER: the package linux-image-<kernel> and META, which depends on it, in FOLDER.
pack() {
  local meta=$1 version=$2 deb=$3 folder=$4 tree="$WORK/kernel" package="$WORK/package" name module file
  rm -rf "$tree" "$package"
  dpkg-deb -x "$deb" "$tree"
  [ -d "$tree/usr/lib/modules" ] || { mkdir -p "$tree/usr" && mv "$tree/lib" "$tree/usr/lib"; }
  ln -sfn usr/lib "$tree/lib"
  name=$(basename "$(echo "$tree"/usr/lib/modules/*)")
  find "$tree/usr/lib/modules" -name '*.ko.xz' -exec xz -d {} +
  depmod -b "$tree" "$name"

  mkdir -p "$package/DEBIAN" "$package/boot" "$package/usr/lib/modules/$name" "$WORK/initrd"
  copy_modules() {
    local into=$1
    shift
    for module in "$@"; do
      # A kernel has some of them built in and knows nothing of others.
      modprobe -d "$tree" -S "$name" --show-depends "$module" 2> /dev/null | awk '$1 == "insmod" { print $2 }' || true
    done | sort -u | while read -r file; do
      file=${file#"$tree"}
      install -D -m 0644 "$tree$file" "$into/usr${file#/usr}"
    done
    cp "$tree/usr/lib/modules/$name"/modules.{order,builtin,builtin.modinfo} "$into/usr/lib/modules/$name/"
    depmod -b "$into" "$name"
  }
  ln -sfn usr/lib "$package/lib"
  copy_modules "$package" "${INITRD_MODULES[@]}" "${MODULES[@]}"
  rm "$package/lib"

  rm -rf "$WORK/initrd"
  mkdir -p "$WORK/initrd"/{bin,proc,sys,dev,root,usr/lib/modules/"$name"}
  ln -s usr/lib "$WORK/initrd/lib"
  cp "$TOOLS/bin/busybox" "$WORK/initrd/bin/busybox"
  for file in sh mount modprobe switch_root sleep echo; do ln -s busybox "$WORK/initrd/bin/$file"; done
  copy_modules "$WORK/initrd" "${INITRD_MODULES[@]}"
  cat > "$WORK/initrd/init" << 'INIT'
#!/bin/sh
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in virtio_pci virtio_blk crc32c_generic crc32c_cryptoapi ext4; do modprobe -q "$module"; done
until [ -b /dev/vda1 ]; do sleep 0.1; done
mount -t ext4 /dev/vda1 /root || exec sh
for folder in proc sys dev; do mount --move "/$folder" "/root/$folder"; done
exec switch_root /root /sbin/init
INIT
  chmod 0755 "$WORK/initrd/init"
  (cd "$WORK/initrd" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) | zstd -q -3 > "$package/boot/initrd.img-$name"
  cp "$tree/boot/vmlinuz-$name" "$package/boot/"

  printf 'Package: linux-image-%s\nVersion: 1\nArchitecture: amd64\nMaintainer: Lab <lab@lab.test>\nDescription: kernel of the lab\n' "$name" > "$package/DEBIAN/control"
  # What Debian's own package does, too: the boot loader takes the kernel that was installed last.
  printf '#!/bin/sh\nset -e\nln -sfn boot/vmlinuz-%s /vmlinuz\nln -sfn boot/initrd.img-%s /initrd.img\n' "$name" "$name" > "$package/DEBIAN/postinst"
  chmod 0755 "$package/DEBIAN/postinst"
  mkdir -p "$folder"
  dpkg-deb --root-owner-group -Znone -b "$package" "$folder" > /dev/null
  rm -rf "$package"
  mkdir -p "$package/DEBIAN"
  printf 'Package: %s\nVersion: %s\nArchitecture: amd64\nMaintainer: Lab <lab@lab.test>\nDepends: linux-image-%s\nDescription: newest kernel of the lab\n' \
    "$meta" "$version" "$name" > "$package/DEBIAN/control"
  dpkg-deb --root-owner-group -Znone -b "$package" "$folder" > /dev/null
}
pack linux-image-lab 1 "$(echo "$TOOLS"/packages/first/*.deb)" "$WORK/first"
pack linux-image-lab 2 "$(echo "$TOOLS"/packages/newer/*.deb)" "$GUEST/srv/archive"

# The archive that the node upgrades from.
(
  cd "$GUEST/srv/archive"
  for deb in *.deb; do
    dpkg-deb -f "$deb"
    printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$deb" "$(stat -c %s "$deb")" "$(sha256sum "$deb" | cut -d' ' -f1)"
  done > Packages
  {
    printf 'Origin: Debian\nLabel: Lab\nSuite: lab\nCodename: %s\nDate: %s\nSHA256:\n' "$RELEASE" "$(date -Ru)"
    printf ' %s %s Packages\n' "$(sha256sum Packages | cut -d' ' -f1)" "$(stat -c %s Packages)"
  } > Release
)
echo 'deb [trusted=yes] file:/srv/archive ./' > "$GUEST/etc/apt/sources.list"

mkdir "$GUEST/first"
cp "$WORK"/first/*.deb "$GUEST/first/"
in_root "$GUEST" sh -c 'dpkg -i /first/*.deb'
rm -r "$GUEST/first"

# Software emulation is about twenty times slower than a machine: longer limits, and nothing that starts by itself in the background.
mkdir -p "$GUEST/etc/systemd/system.conf.d" "$GUEST/etc/systemd/system/serial-getty@ttyS0.service.d" "$GUEST/boot/grub" "$GUEST/etc/systemd/network"
printf '[Manager]\nDefaultTimeoutStartSec=10min\nDefaultDeviceTimeoutSec=10min\n' > "$GUEST/etc/systemd/system.conf.d/lab.conf"
# Somebody stands at the console.
printf '[Service]\nExecStart=\nExecStart=-/sbin/agetty --skip-login --login-program /bin/bash --keep-baud 115200 - linux\n' \
  > "$GUEST/etc/systemd/system/serial-getty@ttyS0.service.d/lab.conf"
printf 'PS1="console# "\n' > "$GUEST/root/.bashrc"
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer man-db.timer \
  systemd-timesyncd.service systemd-firstboot.service systemd-pcrphase.service systemd-pcrphase-sysinit.service \
  dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount \
  modprobe@{configfs,dm_mod,drm,efi_pstore,fuse,loop}.service systemd-pstore.service systemd-binfmt.service systemd-hwdb-update.service \
  getty@tty1.service unattended-upgrades.service; do
  ln -sf /dev/null "$GUEST/etc/systemd/system/$unit"
done
in_root "$GUEST" systemctl --quiet enable networking.service
printf '/dev/vda1 / ext4 errors=remount-ro 0 1\n' > "$GUEST/etc/fstab"
printf '[Match]\nDriver=bridge\n\n[Link]\nMACAddressPolicy=none\n' > "$GUEST/etc/systemd/network/50-vmbr.link"
# What belongs to one node comes with it.
rm -f "$GUEST"/etc/ssh/ssh_host_* "$GUEST/etc/network/interfaces" "$GUEST/etc/hostname" "$GUEST/etc/hosts" "$GUEST/etc/machine-id"
mkdir -p "$GUEST/root/.ssh" "$GUEST/var/lib/proxmox-first-boot"
chmod 0700 "$GUEST/root/.ssh" "$GUEST/var/lib/proxmox-first-boot"
# As the installer leaves it (package proxmox-first-boot).
cat > "$GUEST/etc/systemd/system/proxmox-first-boot.service" << 'UNIT'
[Unit]
Description=Proxmox First Boot Setup (fully-up)
ConditionPathExists=/var/lib/proxmox-first-boot/pending-first-boot-setup
After=network-online.target ssh.service
Wants=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=infinity
ExecStart=/var/lib/proxmox-first-boot/proxmox-first-boot fully-up
ExecStartPost=/usr/bin/rm /var/lib/proxmox-first-boot/pending-first-boot-setup

[Install]
WantedBy=multi-user.target
UNIT
in_root "$GUEST" systemctl --quiet enable proxmox-first-boot.service
cat > "$GUEST/boot/grub/grub.cfg" << 'CFG'
linux /vmlinuz root=/dev/vda1 rw console=ttyS0,115200 loglevel=4
initrd /initrd.img
boot
CFG

# The disk: GRUB in front of the only partition. boot.img loads sector 1, where grub-mkimage's core says by itself how long it is.
in_root "$TOOLS" grub-mkimage -O i386-pc -p '(hd0,msdos1)/boot/grub' -o /core.img biosdisk part_msdos ext2 linux normal
[ "$(stat -c %s "$TOOLS/core.img")" -lt $((2047 * 512)) ]
rm -rf "$GUEST"/usr/share/{doc,man,info,locale,lintian} "$GUEST"/usr/lib/udev/hwdb.{d,bin} "$GUEST"/var/cache/apt/*.bin
umount "$TOOLS/proc" "$GUEST/proc"
mebibytes=1200
mke2fs -q -t ext4 -d "$GUEST" "$WORK/file-system" $((mebibytes - 1))M
truncate -s "${mebibytes}M" "$TOOLS/disk.raw"
in_root "$TOOLS" sh -c "printf 'label: dos\nstart=2048, type=83, bootable\n' | sfdisk -q /disk.raw"
dd if="$TOOLS/usr/lib/grub/i386-pc/boot.img" of="$TOOLS/disk.raw" bs=440 count=1 conv=notrunc status=none
dd if="$TOOLS/core.img" of="$TOOLS/disk.raw" bs=512 seek=1 conv=notrunc status=none
dd if="$WORK/file-system" of="$TOOLS/disk.raw" bs=1M seek=1 conv=notrunc,sparse status=none
cp --sparse=always "$TOOLS/disk.raw" "$OUT/disk.raw"
umount "$TOOLS" "$GUEST"
rm -rf "$WORK"
