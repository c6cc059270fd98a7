#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

expect_file files/ironwake.local /etc/fail2ban/jail.d/ironwake.local
if [ -e files/ironwake-proxmox.conf ]; then
  expect_file files/ironwake-proxmox.conf /etc/fail2ban/filter.d/ironwake-proxmox.conf
  expect 'another file over the filter' '' "$(ls /etc/fail2ban/filter.d/ironwake-proxmox.local 2> /dev/null || true)"
fi
expect 'fail2ban.service at boot' enabled "$(systemctl is-enabled fail2ban.service 2> /dev/null || true)"
expect fail2ban.service active "$(systemctl is-active fail2ban.service || true)"

mapfile -t jails < parameters/jails
facts=$(bash ./ignored.sh "$IRONWAKE_LIB" | python3 ./jails.py "${jails[@]}" 2> /dev/null || true)
fact() { sed -n "s/^$1 $2 //p" <<< "$facts"; }
rules=$(nft list table inet f2b-table 2> /dev/null || true)
for jail in "${jails[@]}"; do
  expect "jail $jail" runs "$(grep -q "^$jail " <<< "$facts" && echo runs || echo 'does not run')"
  grep -q "^$jail " <<< "$facts" || continue
  expect "failures, seconds, ban of $jail" "$(parameter settings)" "$(fact "$jail" settings)"
  expect "what $jail bans with" nftables "$(fact "$jail" actions)"
  expect "names looked up by $jail" no "$(fact "$jail" usedns)"
  expect "never banned by $jail, and missing there" '' "$(fact "$jail" missing | paste -sd ' ' -)"
  # Somebody else may have flushed the rules; then a ban is a word and nothing more.
  while read -r address; do
    [ -z "$address" ] || expect "$address, banned by $jail" 'in the kernel' \
      "$(grep -qwF "$address" <<< "$rules" && echo 'in the kernel' || echo 'not in the kernel')"
  done < <(fact "$jail" bans)
done
if grep -q '^proxmox$' parameters/jails && [ -e files/ironwake-proxmox.conf ]; then
  # As the running daemon has it, <ADDR> filled in: still one pattern, with nothing before the part that is ours.
  wanted=$(sed -n 's/^failregex = \(.*\)<ADDR>.*/\1/p' files/ironwake-proxmox.conf)
  running=$(fact proxmox pattern)
  expect 'pattern of proxmox' "$wanted" "$([ "${running:0:${#wanted}}" = "$wanted" ] && [ "$(grep -c '' <<< "$running")" = 1 ] && printf '%s' "$wanted" || printf '%s' "$running")"
fi
verified
