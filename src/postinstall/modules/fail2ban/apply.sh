#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

keep_unit fail2ban.service
# The settings first: with Debian 12's own, Fail2Ban looks for a file that a node without rsyslog does not have, and does not start.
bash ./ignored.sh "$IRONWAKE_LIB" > "$IRONWAKE_STATE/ignored"
{
  printf '# Managed by Ironwake (module fail2ban): changes are overwritten.\n[DEFAULT]\nignoreip ='
  sed 's/^/    /' "$IRONWAKE_STATE/ignored"
} > "$IRONWAKE_STATE/ironwake-ignored.local"
sed -i 's/^ignoreip =    /ignoreip = /' "$IRONWAKE_STATE/ironwake-ignored.local"
install_file "$IRONWAKE_STATE/ironwake-ignored.local" /etc/fail2ban/jail.d/ironwake-ignored.local 0644
install_file files/ironwake.local /etc/fail2ban/jail.d/ironwake.local 0644
if [ -e files/ironwake-proxmox.conf ]; then
  install_file files/ironwake-proxmox.conf /etc/fail2ban/filter.d/ironwake-proxmox.conf 0644
fi
# A file of that name would go over ours (jail.conf(5)).
remove_file /etc/fail2ban/filter.d/ironwake-proxmox.local

log=$(parameter log)
if [ -n "$log" ] && [ ! -e "$log" ]; then
  # Proxmox Backup Server makes it with the first login; without the file the jail does not start.
  install -d -o backup -g backup "$(dirname "$log")"
  install -o backup -g backup -m 0640 /dev/null "$log"
  changed "$log made"
fi

missing=()
command -v fail2ban-client > /dev/null || missing+=(fail2ban)
command -v nft > /dev/null || missing+=(nftables)
python3 -c 'import systemd.journal' 2> /dev/null || missing+=(python3-systemd)
if [ ${#missing[@]} -gt 0 ]; then
  apt_get update || true
  apt_get install --no-install-recommends "${missing[@]}" || fail "packages cannot be installed: ${missing[*]}"
  changed "packages ${missing[*]}"
fi
refusal=$(fail2ban-client -t 2>&1) || fail "Fail2Ban refuses its configuration: $(grep -m 1 ERROR <<< "$refusal" || tail -n 1 <<< "$refusal")"

if [ "$(systemctl is-enabled fail2ban.service 2> /dev/null || true)" != enabled ]; then
  systemctl --quiet unmask fail2ban.service
  systemctl --quiet enable fail2ban.service
  changed 'fail2ban.service enabled'
fi
# What runs may be older than its files, told otherwise by hand, or without its rules in the kernel: then it starts anew, and its bans with it.
if [ -s "$IRONWAKE_CHANGES" ] || ! holds; then
  systemctl restart fail2ban.service || fail 'fail2ban.service does not start: see journalctl -u fail2ban'
  changed 'fail2ban.service started anew'
  for _ in {1..60}; do
    if fail2ban-client ping > /dev/null 2>&1; then break; fi
    sleep 0.5
  done
fi
# Banned before it was known who that is.
{ grep -v / "$IRONWAKE_STATE/ignored" || true; } | while read -r address; do fail2ban-client unban "$address" > /dev/null || true; done
