#!/bin/bash
# PID 1 of the live system. Any unguarded failing command ends in the shell, for ever, as in the official one.
set -Eeuo pipefail
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 TERM=linux PYTHONDONTWRITEBYTECODE=1

# The lab reads the serial port, whatever console the kernel was given.
if [ -c /dev/ttyS0 ]; then exec < /dev/ttyS0 > /dev/ttyS0 2>&1; fi

aborted() {
  trap - ERR
  echo
  echo "Installation aborted - unable to continue (type exit or CTRL-D to reboot)"
  setsid bash -i || true
  busybox reboot -f
}
trap aborted ERR

echo "stand-in live system: starting"
mkdir -p /dev/pts /dev/shm
mount -t tmpfs -o mode=0755 tmpfs /run
mount -t tmpfs tmpfs /tmp
mount -t devpts devpts /dev/pts
if [ -d /sys/firmware/efi ]; then
  modprobe efivarfs || true
  mount -t efivarfs efivarfs /sys/firmware/efi/efivars || true
fi
echo proxmox > /etc/hostname
hostname proxmox
ip link set lo up

automatic=
for word in $(cat /proc/cmdline); do
  case $word in
    proxmox-start-auto-installer | proxauto) automatic=yes ;;
    proxmox-tui-mode | proxtui) automatic=; break ;;
  esac
done
if [ -z "$automatic" ]; then
  echo "no proxmox-start-auto-installer on the kernel command line: the stand-in has no other installer"
  false
fi

/lib/systemd/systemd-udevd --daemon
udevadm trigger --action=add --type=subsystems
udevadm trigger --action=add --type=devices
udevadm settle

# Options 250 and 251 are asked for in automatic mode only; Debian's dhclient sends the host name by itself.
cat >> /etc/dhcp/dhclient.conf << 'CONF'
option proxmox-auto-installer-manifest-url code 250 = text;
option proxmox-auto-installer-cert-fingerprint code 251 = text;
also request proxmox-auto-installer-manifest-url, proxmox-auto-installer-cert-fingerprint;
CONF
dhclient -v || true

echo "stand-in live system: $(cut -d' ' -f1 /proc/uptime) s after the kernel's start"
python3 /standin/autoinstall.py

sync
if [ "$(cat /run/reboot-mode 2> /dev/null)" = power-off ]; then
  echo "Powering off"
  busybox poweroff -f
fi
echo "Rebooting"
busybox reboot -f
