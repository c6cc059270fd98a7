#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

# What a run that was cut off left behind.
if [ -n "$(dpkg --audit)" ]; then
  DEBIAN_FRONTEND=noninteractive dpkg --force-confdef --force-confold --configure -a < /dev/null || true
  apt_get --fix-broken install || fail 'packages are half installed, and apt cannot mend them'
  changed 'half installed packages mended'
fi

# The network of a node that has just started may need a moment.
for pause in 5 20 60 0; do
  if apt_get update -o APT::Update::Error-Mode=any; then break; fi
  [ "$pause" -gt 0 ] || fail "apt-get update failed: $(grep -m 1 '^[EW]:' "$IRONWAKE_STATE/apt.log" || echo 'see the output')"
  sleep "$pause"
done

simulate() { apt-get -s -q -o APT::Color=0 dist-upgrade 2> /dev/null | bash ./pending.sh; }
pending=$(simulate) || fail 'apt-get cannot work out an upgrade'
# With a wrong or half reachable set of repositories apt's best answer may be to remove the product.
vital=$(grep -E '^remove (proxmox-ve|pve-manager|pve-cluster|qemu-server|pve-container|proxmox-backup-server|proxmox-backup|pmg-api|proxmox-mailgateway|proxmox-datacenter-manager|openssh-server|ifupdown2|systemd)$' <<< "$pending" || true)
if [ -n "$vital" ]; then
  fail "the upgrade would take away ${vital//remove /}: the repositories do not fit, nothing was changed"
fi
if [ -n "$pending" ]; then
  : > "$IRONWAKE_STATE/before"
  install_list=$(grep -c '^install' <<< "$pending" || true)
  apt_get dist-upgrade ||
    fail "apt-get dist-upgrade failed: $(grep -m 1 '^E:' "$IRONWAKE_STATE/apt.log" || echo 'see the output')"
  changed "$install_list packages upgraded"
  left=$(simulate)
  [ -z "$left" ] || fail "after the upgrade there is still to do: $(paste -sd ';' - <<< "$left")"
fi
# The versions that this has brought, for a verification that does not complain of each day's new ones.
grep '^install' <<< "$pending" | cut -d' ' -f2- | cat > "$IRONWAKE_STATE/brought" || true
if [ -s "$IRONWAKE_STATE/brought" ]; then
  { remembered versions && cat "$IRONWAKE_STATE/brought"; } > "$IRONWAKE_STATE/versions"
  remember versions < "$IRONWAKE_STATE/versions"
fi
# Configuration that somebody had changed was kept; the package's new version of it lies beside.
if [ -n "$pending" ]; then
  find /etc -xdev \( -name '*.dpkg-dist' -o -name '*.ucf-dist' \) -cnewer "$IRONWAKE_STATE/before" -exec \
    printf 'kept as it was, with the new version beside it: %s\n' {} +
fi

# As a text: a pipe into grep -q ends apt-get before it has said everything, which would count as a failure.
unneeded=''
if [ "$(parameter autoremove)" = yes ]; then unneeded=$(apt-get -s -q autoremove 2> /dev/null || true); fi
if grep -q '^Remv' <<< "$unneeded"; then
  apt_get autoremove --purge || fail 'apt-get autoremove failed'
  changed 'packages that nothing needs removed'
fi

reason=$(bash ./newer-kernel.sh | paste -sd ';' -)
if [ -n "$reason" ]; then
  # A guest keeps its old QEMU and its memory: whoever runs it decides when.
  guests=$(pgrep -c -x 'kvm|lxc-start' || true)
  if [ "$(parameter restart)" = never ]; then
    printf 'a restart is needed: %s\n' "$reason"
  elif [ "${guests:-0}" -gt 0 ]; then
    fail "a restart is needed ($reason), and $guests guests run: move or stop them, then restart the node"
  else
    request_reboot "$reason"
  fi
fi
