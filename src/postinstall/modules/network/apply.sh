#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"
# shellcheck source=src/postinstall/shell/lockout.sh
. "$IRONWAKE_LIB/lockout.sh"

target=/etc/network/interfaces
wanted="$IRONWAKE_STATE/interfaces"

# Debian itself ships ifupdown; all Proxmox products ship ifupdown2, which alone changes a network without taking it down.
command -v ifreload > /dev/null || fail 'ifupdown2 is not installed'
server=$(server_address)
# For the hourly verification, which does not ask the server.
remember server <<< "$server"
refusal=$(perl ./settle.pl file "$(parameter gateway)" "$server" "$(remembered management)" < files/interfaces 2>&1 > "$wanted") ||
  fail "${refusal:-the network could not be worked out}"

of_management() { awk -v key="$1" -v name="$(parameter management)" '$1 == "iface" { in_it = $2 == name } in_it && $1 == key { print $2; exit }' "$wanted"; }
remember_management() { printf '%s %s\n' "$(of_management address)" "$(of_management gateway)" | remember management; }

if [ ! -e "$IRONWAKE_LIB/../rollback.d/$IRONWAKE_MODULE" ] && holds; then
  remember_management
  exit 0
fi

# A port that is not there is a typing error or a dead card; ifreload would leave it out without a word.
while IFS=$'\t' read -r bond _ ports; do
  for port in $ports; do
    [ -e "/sys/class/net/$port" ] || fail "$bond is to have port $port, which this node does not have: it has $(ls -x /sys/class/net)"
  done
done < <(parameter bonds | perl ./settle.pl names)
made=" $({
  parameter bonds
  parameter vlans
} | cut -f 1 | tr '\n' ' ')"
while IFS=$'\t' read -r bridge _ ports; do
  for port in $ports; do
    if [ -e "/sys/class/net/$port" ] || [[ $made == *" $port "* ]]; then continue; fi
    fail "$bridge is to have port $port, which this node does not have: it has $(ls -x /sys/class/net)"
  done
done < <(parameter bridges | perl ./settle.pl names)

# What the web page has staged would replace our file at the next boot (pvenetcommit).
[ ! -e "$target.new" ] || fail "$target.new holds changes that somebody has staged: apply or revert them first (Node, System, Network)"

# ifupdown2 says which value it does not take, and ends with 1 for a mere warning too; names of attributes it takes as they come, and those are ours.
if ! said=$(ifup --all --syntax-check --interfaces "$wanted" 2>&1); then
  refusal=$(grep -m 1 '^error:' <<< "$said" || true)
  [ -z "$refusal" ] || fail "ifupdown2 refuses the new network: $refusal"
fi
if [ -n "$said" ]; then printf '%s\n' "$said"; fi

lockout_begin "$(parameter rollback-seconds)"
if cmp -s "$wanted" "$target"; then changed 'the network is brought up anew'; fi
install_file "$wanted" "$target" 0644
# Its exit status says little: a port without a cable makes it 1. What counts is whether the node can be reached.
reload() {
  local said
  for _ in {1..30}; do
    said=$(ifreload --all 2>&1) || printf 'ifreload ended with a warning\n'
    printf '%s\n' "$said"
    if [[ $said != *'nother instance of this program'* ]]; then return 0; fi
    sleep 1
  done
}
reload
# The web interface is asked for where there is one.
checks=(ssh)
for port in 8006 8007 8443; do
  if ss -H -l -t -n "sport = :$port" | grep -q .; then checks+=("tcp:$port"); fi
done
lockout_end "${checks[@]}"
remember_management
