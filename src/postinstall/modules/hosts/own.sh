# shellcheck shell=bash
# What the hosts file has to say about the node itself: sets `name`, `fqdn`, `address`, and writes the node's addresses to $work/local.
own_facts() {
  local work=$1 listed domain server
  name=$(uname -n)
  name=${name%%.*}
  ip -o addr show scope global | awk '{ sub("/.*", "", $4); print $4 }' > "$work/local"

  fqdn=$(parameter fqdn)
  if [ -z "$fqdn" ]; then fqdn=$(remembered fqdn); fi
  # As the installer wrote it, also where it leads to the wrong address; and only then what DNS or the search list would say.
  if [ -z "$fqdn" ]; then
    fqdn=$(awk -v name="$name" '!/^[[:space:]]*#/ { for (i = 2; i <= NF; i++) if (index($i, name ".") == 1) { print $i; exit } }' /etc/hosts)
  fi
  if [ -z "$fqdn" ]; then
    domain=$(awk '$1 == "search" || $1 == "domain" { print $2; exit }' /etc/resolv.conf 2> /dev/null || true)
    fqdn=$name${domain:+.$domain}
  fi
  [ "${fqdn%%.*}" = "$name" ] ||
    fail "the node's name is $name, and the profile calls it $fqdn: a Proxmox node cannot be renamed, install it again under the new name"

  address=$(parameter address)
  if [ -n "$address" ]; then
    grep -qxF "$address" "$work/local" || fail "the node has no address $address"
    return 0
  fi
  while read -r listed; do
    if [ -z "$address" ] && grep -qxF "$listed" "$work/local"; then address=$listed; fi
  done < <(awk -v name="$name" -v fqdn="$fqdn" '!/^[[:space:]]*#/ { for (i = 2; i <= NF; i++) if ($i == name || $i == fqdn) { print $1; next } }' /etc/hosts)
  if [ -z "$address" ]; then
    server=$(sed 's#^https\?://##; s#[/:].*##' "$IRONWAKE_LIB/../settings/base")
    address=$(ip -o route get "$server" 2> /dev/null | sed -n 's/.* src \([^ ]*\).*/\1/p' || true)
  fi
  [ -n "$address" ] || fail 'the node has no address that its name could lead to'
}
