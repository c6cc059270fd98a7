#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

target=/etc/network/interfaces
wanted="$IRONWAKE_STATE/interfaces.verify"
refusal=$(perl ./settle.pl file "$(parameter gateway)" "$(remembered server)" "$(remembered management)" < files/interfaces 2>&1 > "$wanted") ||
  fail "${refusal:-the network could not be worked out}"

expect_file "$wanted" "$target"
expect "$target.new (staged changes)" absent "$(if [ -e "$target.new" ]; then printf present; else printf absent; fi)"

sorted() { tr ' ' '\n' <<< "$1" | sed '/^$/d' | sort | paste -sd ' '; }
ports_on() { find "/sys/class/net/$1/brif" -mindepth 1 -printf '%f ' 2> /dev/null || true; }
# Guests put their own taps and pairs on a bridge: only what the profile names is looked for.
has_all() {
  local port missing=''
  for port in $2; do [[ " $1 " == *" $port "* ]] || missing+="$port "; done
  printf '%s' "${missing:-none}"
}

while IFS=$'\t' read -r bond mode ports; do
  [ -n "$bond" ] || continue
  folder="/sys/class/net/$bond/bonding"
  expect "mode of $bond" "$mode" "$(cut -d' ' -f1 "$folder/mode" 2> /dev/null || printf 'no bond')"
  expect "ports of $bond" "$(sorted "$ports")" "$(sorted "$(cat "$folder/slaves" 2> /dev/null || true)")"
  for port in $ports; do
    # A cable that is out is no setting that somebody changed: it is said, and fails nothing.
    if [ "$(cat "/sys/class/net/$port/carrier" 2> /dev/null)" != 1 ]; then printf 'note: %s of %s has no link\n' "$port" "$bond"; fi
  done
done < <(parameter bonds | perl ./settle.pl names)

while IFS=$'\t' read -r bridge aware ports; do
  [ -n "$bridge" ] || continue
  if [ ! -e "/sys/class/net/$bridge/bridge" ]; then
    expect "bridge $bridge" present absent
    continue
  fi
  expect "missing ports of $bridge" none "$(has_all "$(ports_on "$bridge")" "$ports")"
  # A kernel without VLANs has no such switch.
  filters=$(cat "/sys/class/net/$bridge/bridge/vlan_filtering" 2> /dev/null || printf 0)
  expect "VLAN awareness of $bridge" "$([ "$aware" = yes ] && echo 1 || echo 0)" "$filters"
done < <(parameter bridges | perl ./settle.pl names)

while IFS=$'\t' read -r vlan id parent; do
  [ -n "$vlan" ] || continue
  expect "VLAN interface $vlan" "tag $id on $parent" \
    "$(ip -d -o link show dev "$vlan" 2> /dev/null | sed -n 's/^[0-9]*: [^@]*@\([^:]*\): .* vlan protocol 802.1Q id \([0-9]*\) .*/tag \2 on \1/p')"
done < <(parameter vlans | perl ./settle.pl names)

# Addresses and MTU as the file says them, whether or not ifupdown2 was asked to bring them up.
while read -r name what value; do
  case $what in
    address)
      expect "$value on $name" present "$(ip -4 -o addr show dev "$name" 2> /dev/null | grep -qF " inet $value " && printf present || printf absent)" ;;
    gateway) expect 'default route' "$value" "$(ip -4 route show default | sed -n '1s/^default via \([^ ]*\).*/\1/p')" ;;
    mtu) expect "MTU of $name" "$value" "$(cat "/sys/class/net/$name/mtu" 2> /dev/null || true)" ;;
  esac
done < <(awk '$1 == "iface" { name = $2 } $1 == "address" || $1 == "gateway" || $1 == "mtu" { print name, $1, $2 }' "$wanted")
verified
