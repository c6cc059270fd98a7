#!/bin/bash
# newer-kernel.sh: why the node has to restart, one reason a line: a kernel that is installed and would be booted, but does not run; what a
# package left in /run/reboot-required (unattended-upgrades' hooks, Debian).
set -u
shopt -s nullglob
running=$(uname -r)
pinned=''
# proxmox-boot-tool may hold the node at one kernel: then no newer one would be booted.
if [ -s /etc/kernel/proxmox-boot-pin ]; then pinned=$(head -n 1 /etc/kernel/proxmox-boot-pin); fi
if [ -s /etc/kernel/next-boot-pin ]; then pinned=$(head -n 1 /etc/kernel/next-boot-pin); fi
if [ -n "$pinned" ]; then
  newest=$pinned
else
  # Proxmox' own kernels go before Debian's, which a converted host still has (proxmox-boot-tool, GRUB's sorting).
  names=(/boot/vmlinuz-*-pve)
  [ ${#names[@]} -gt 0 ] || names=(/boot/vmlinuz-*)
  newest=$(printf '%s\n' "${names[@]#/boot/vmlinuz-}" | sort -V | tail -n 1)
fi
if [ -n "$newest" ] && [ "$newest" != "$running" ]; then printf 'kernel %s is installed, %s runs\n' "$newest" "$running"; fi
if [ -e /run/reboot-required ]; then
  packages=$(sort -u /run/reboot-required.pkgs 2> /dev/null | paste -sd ' ' -)
  printf 'asked for by %s\n' "${packages:-a package}"
fi
