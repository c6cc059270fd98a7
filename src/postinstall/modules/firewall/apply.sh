#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"
# shellcheck source=src/postinstall/shell/lockout.sh
. "$IRONWAKE_LIB/lockout.sh"

server=$(server_address)
# For the hourly verification, which does not ask the server.
remember server <<< "$server"

fill() { # NAME: the module's file, filled in for this node, as $IRONWAKE_STATE/NAME
  local refusal
  refusal=$(bash ./fill.sh "files/$1" "$server" 2>&1 > "$IRONWAKE_STATE/$1") || fail "${refusal:-$1 could not be filled in}"
}
armed() { [ -e "$IRONWAKE_LIB/../rollback.d/$IRONWAKE_MODULE" ]; }
listens() { ss -H -l -t -n "sport = :$1" | grep -q .; }
# Who is let in: the rest of the world must be turned away.
{
  if [ -n "$server" ]; then printf '%s/32\n' "$server"; fi
  parameter allowed
} > "$IRONWAKE_STATE/allowed"
checks=(ssh closed:22)
web=$(parameter web-port)
if listens "$web"; then checks+=("tcp:$web" "closed:$web"); fi
if [ "$(parameter product)" = pve ]; then
  cluster=/etc/pve/firewall/cluster.fw
  host=/etc/pve/local/host.fw
  command -v pve-firewall > /dev/null || fail 'pve-firewall is not installed'
  [ -w /etc/pve/local ] || fail '/etc/pve is not there or cannot be written: the node has no quorum'
  fill cluster.fw
  fill host.fw
  if ! armed && holds; then exit 0; fi
  if grep -q '@node@' files/cluster.fw && [ -e /etc/pve/corosync.conf ]; then
    fail 'this node is in a cluster, whose nodes share one firewall file: give localNetwork the network of the nodes'
  fi
  for file in "$cluster" "$host"; do
    if [ -s "$file" ] && ! head -n 1 "$file" | grep -q '^# Written by Ironwake'; then
      fail "$file was written by somebody else: take its rules into the profile, then remove it"
    fi
  done

  # From here on whatever happens ends in the former rules: they are written while the firewall sleeps, because a compilation of rules that are
  # switched off shows nothing, and those that are switched on are live within ten seconds.
  lockout_begin "$(parameter rollback-seconds)" "$IRONWAKE_STATE/allowed"
  systemctl stop pve-firewall.service
  install_pve "$IRONWAKE_STATE/cluster.fw" "$cluster"
  install_pve "$IRONWAKE_STATE/host.fw" "$host"
  # A line that it does not take is left out with a warning and exit status 0.
  pve-firewall compile > "$IRONWAKE_STATE/compiled" 2> "$IRONWAKE_STATE/warnings" || fail "pve-firewall does not compile the rules: $(tail -n 1 "$IRONWAKE_STATE/warnings")"
  if [ -s "$IRONWAKE_STATE/warnings" ]; then fail "pve-firewall would leave out: $(head -n 1 "$IRONWAKE_STATE/warnings")"; fi
  simulated() { pve-firewall simulate --from outside --to host --source "$1" --protocol tcp --dport "$2" | sed -n 's/^ACTION: //p'; }
  while read -r network; do
    for port in 22 8006; do
      [ "$(simulated "${network%/*}" "$port")" = ACCEPT ] || fail "the rules would shut $network out of port $port"
    done
  done < "$IRONWAKE_STATE/allowed"
  systemctl start pve-firewall.service
  changed 'pve-firewall started anew'
else
  target=/etc/ironwake/firewall.nft
  unit=/etc/systemd/system/ironwake-firewall.service
  if ! command -v nft > /dev/null; then
    apt_get update || true
    apt_get install --no-install-recommends nftables || fail 'nftables cannot be installed'
    changed nftables
  fi
  fill firewall.nft
  if ! armed && holds; then exit 0; fi
  refusal=$(nft -c -f "$IRONWAKE_STATE/firewall.nft" 2>&1) || fail "nft refuses the rules: $(head -n 1 <<< "$refusal")"
  lockout_begin "$(parameter rollback-seconds)" "$IRONWAKE_STATE/allowed"
  install_file "$IRONWAKE_STATE/firewall.nft" "$target" 0644
  install_file files/ironwake-firewall.service "$unit" 0644
  systemctl daemon-reload
  if ! systemctl --quiet is-enabled ironwake-firewall.service; then
    systemctl enable --quiet ironwake-firewall.service
    changed 'ironwake-firewall.service enabled'
  fi
  changed 'the rules are loaded anew'
  # Loaded in one step over what is there: a stop in between would leave a moment without rules.
  systemctl reload-or-restart ironwake-firewall.service || fail 'the rules could not be loaded'
fi
if [ "$(parameter ping)" = yes ]; then checks+=(ping); fi
lockout_end "${checks[@]}"
