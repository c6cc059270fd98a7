#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

filled() {
  local refusal
  refusal=$(bash ./fill.sh "files/$1" "$(remembered server)" 2>&1 > "$IRONWAKE_STATE/$1.verify") || fail "${refusal:-$1 could not be filled in}"
  expect_file "$IRONWAKE_STATE/$1.verify" "$2" "${3:-0644}"
}

if [ "$(parameter product)" = pve ]; then
  # The cluster's file system gives its own rights (pmxcfs: group www-data may read).
  filled cluster.fw /etc/pve/firewall/cluster.fw "$(stat -L -c %a /etc/pve/firewall/cluster.fw 2> /dev/null || true)"
  filled host.fw /etc/pve/local/host.fw "$(stat -L -c %a /etc/pve/local/host.fw 2> /dev/null || true)"
  expect pve-firewall 'Status: enabled/running' "$(pve-firewall status 2> /dev/null | sed 's/ (pending changes)$//')"
  expect 'what pve-firewall leaves out' '' "$(pve-firewall compile 2>&1 > /dev/null | head -n 1)"
else
  filled firewall.nft /etc/ironwake/firewall.nft
  expect_file files/ironwake-firewall.service /etc/systemd/system/ironwake-firewall.service
  expect ironwake-firewall.service enabled "$(systemctl is-enabled ironwake-firewall.service 2> /dev/null || true)"
  # What the kernel has, against what it would have with our file alone: in a network of its own, where nothing is touched.
  # shellcheck disable=SC2016
  wanted=$(unshare --net bash -c 'nft -f "$1" && nft --stateless list table inet ironwake' rules "$IRONWAKE_STATE/firewall.nft.verify" | sha256sum)
  expect 'rules in the kernel' "$wanted" "$(nft --stateless list table inet ironwake 2> /dev/null | sha256sum)"
fi
verified
