# shellcheck shell=bash
# For changes after which nobody might get in any more: SSH server, firewall, network. Sourced by apply.sh after module.sh:
#
#     (validate everything)
#     lockout_begin SECONDS [ALLOWED_FILE]   the server is there, rollback.sh is armed
#     (change it)
#     lockout_end CHECK...                   the server came in through the new configuration, or the step fails and rollback.sh runs
#
# A CHECK is `ssh` (a login with the key of this run, host key compared), `tcp:8006`, `ping`, or `closed:8006`: addresses outside of the
# networks in ALLOWED_FILE (one IPv4 network a line) must be turned away. The server tries them from its own address; what it cannot try
# (no address outside, no ping program) this node tries by itself. rollback.sh runs also when the timer ends first, and at the next boot.
# Without a server (`plan export`) a person at a terminal is asked, and with no terminal the node looks at itself.

# shellcheck source=src/postinstall/shell/http.sh
. "$IRONWAKE_LIB/http.sh"

lockout_keys=/root/.ssh/authorized_keys
# Nodes of a cluster share one file: each takes out its own.
lockout_marker="ironwake-probe-$(uname -n)"
lockout_end_at=0
lockout_allowed=''

lockout_alone() { [ -z "$(setting base 2> /dev/null || true)" ]; }

lockout_begin() {
  local probe
  lockout_allowed=${2:-}
  if ! lockout_alone; then
    # The server must be there before the timer runs: it alone can say that the node is still reachable.
    http_configure
    insist 600 GET /node/v1/probe-key "$IRONWAKE_STATE/probe-key" || fail "the Ironwake server gave no probe key: $http_reason"
    probe=$(awk 'NR == 1 && $1 ~ /^(ssh|ecdsa)-/ && $2 ~ /^[A-Za-z0-9+\/=]+$/ { print $1, $2 }' "$IRONWAKE_STATE/probe-key")
    ssh-keygen -l -f /dev/stdin <<< "$probe" > /dev/null 2>&1 || fail 'what the Ironwake server sent as probe key is none'
  fi
  rollback_arm "$1"
  # The last word is the timer's: this ends a little earlier.
  lockout_end_at=$((SECONDS + $1 - 5))
  # Whatever happens, the probe key goes; a kill that no trap sees leaves it to the rollback that is armed now (lib/rollback.sh).
  trap lockout_remove_probe EXIT
  if lockout_alone; then return 0; fi
  install -d -m 0700 /root/.ssh
  # Through the link: on Proxmox VE this is a file of the cluster. The installer leaves it without a final newline.
  if [ -s "$lockout_keys" ] && [ -n "$(tail -c 1 "$lockout_keys")" ]; then printf '\n' >> "$lockout_keys"; fi
  (umask 077 && printf 'restrict,command="/bin/true" %s %s\n' "$probe" "$lockout_marker" >> "$lockout_keys")
}

lockout_remove_probe() { bash "$IRONWAKE_LIB/remove-probe-key.sh" "$lockout_keys" "$lockout_marker"; }

# Somebody was faster: the timer, or a restart.
lockout_is_armed() { [ -e "$IRONWAKE_LIB/../rollback.d/$IRONWAKE_MODULE" ]; }

lockout_end() {
  local detail untried
  if lockout_alone; then
    lockout_ask "$@"
  else
    lockout_probe "$@"
    printf 'the Ironwake server has come in through the new settings: %s\n' "$detail"
    for check in $untried; do
      case $check in
        closed:*) lockout_stranger "${check#closed:}" ;;
        *) printf 'not tried by the server: %s\n' "$check" ;;
      esac
    done
  fi
  rollback_disarm || fail 'the former settings came back before the new ones were confirmed'
}

# Sets `detail` and `untried`, or fails.
lockout_probe() {
  local verdict='' tries=0
  {
    printf '{"run":"%s","checks":[' "$(setting run)"
    printf '"%s"' "$1"
    if [ $# -gt 1 ]; then printf ',"%s"' "${@:2}"; fi
    printf '],"allowed":['
    if [ -n "$lockout_allowed" ]; then
      grep -E '^[0-9.]+/[0-9]+$' "$lockout_allowed" | head -n 64 | sed 's/.*/"&"/' | paste -sd , - || true
    fi
    printf ']}'
  } > "$IRONWAKE_STATE/probe"
  detail='the Ironwake server did not answer'
  untried=''
  http_limit=30
  while [ "$SECONDS" -lt "$lockout_end_at" ] && [ "$tries" -lt 4 ] && lockout_is_armed; do
    if request POST /node/v1/probe "$IRONWAKE_STATE/probe-answer" "$IRONWAKE_STATE/probe"; then
      verdict=$(json_text "$IRONWAKE_STATE/probe-answer" result)
      detail=$(json_text "$IRONWAKE_STATE/probe-answer" detail)
      untried=$(json_text "$IRONWAKE_STATE/probe-answer" untried)
      [ "$verdict" != ok ] || return 0
      # It may be that the new settings are not in force yet; but what fails four times will not get better.
      tries=$((tries + 1))
    fi
    sleep 2
  done
  fail "the Ironwake server could not come in: ${detail:-no reason given}"
}

# lockout_stranger PORT: knocks at this node's own port from an address that nobody allowed, out of a network namespace at the end of a cable
# that is here for this only. The packet goes through the host's input rules as any other.
lockout_stranger() {
  # What a killed one left.
  ip netns del iw-stranger 2> /dev/null || true
  local port=$1 stranger=203.0.113.2 router=203.0.113.1 own code=0
  own=$(ip -4 -o addr show scope global | awk '{ sub("/.*", "", $4); print $4; exit }')
  [ -n "$own" ] || fail "this node has no address at which port $port could be tried"
  ip netns add iw-stranger || fail "whether port $port is closed to others could not be tried: no network namespace can be made"
  if ip link add iw-stranger0 type veth peer name eth0 netns iw-stranger && ip addr add "$router/30" dev iw-stranger0 &&
    ip link set iw-stranger0 up && ip -n iw-stranger addr add "$stranger/30" dev eth0 && ip -n iw-stranger link set eth0 up &&
    ip -n iw-stranger link set lo up && ip -n iw-stranger route add default via "$router"; then
    timeout 10 ip netns exec iw-stranger bash -c "exec 3<> /dev/tcp/$own/$port" 2> /dev/null || code=$?
    # The cable works when the other end's address was learned: without that, silence means nothing.
    ip -n iw-stranger neigh show "$router" 2> /dev/null | grep -q lladdr || code=untried
  else
    code=untried
  fi
  ip link del iw-stranger0 2> /dev/null || true
  ip netns del iw-stranger 2> /dev/null || true
  [ "$code" != untried ] || fail "whether port $port is closed to others could not be tried: no cable to a network namespace can be made"
  [ "$code" -ne 0 ] || fail "port $port is open to $stranger, which nobody allowed"
  printf 'port %s is closed to %s, which nobody allowed\n' "$port" "$stranger"
}

# Nobody is there to come in: `plan export`, run by hand.
lockout_ask() {
  local check own answer='' left
  own=$(ip -4 -o addr show scope global 2> /dev/null | awk '{ sub("/.*", "", $4); print $4; exit }')
  if { : < /dev/tty; } 2> /dev/null; then
    left=$((lockout_end_at - SECONDS))
    printf '\n*** The new settings of %s are in force. Try to log in from ANOTHER terminal now.\n*** Type yes within %s seconds if that works; anything else brings the former settings back: ' \
      "$IRONWAKE_MODULE" "$left" > /dev/tty
    read -r -t "$left" answer < /dev/tty || true
    [ "$answer" = yes ] || fail 'nobody said that the node can still be reached'
    return 0
  fi
  for check in "$@"; do
    case $check in
      ssh) timeout 10 bash -c "exec 3<> /dev/tcp/${own:-127.0.0.1}/22 && head -c 4 <&3 | grep -q SSH-" 2> /dev/null || fail 'port 22 does not answer as SSH' ;;
      tcp:*) timeout 10 bash -c "exec 3<> /dev/tcp/${own:-127.0.0.1}/${check#tcp:}" 2> /dev/null || fail "port ${check#tcp:} is not open" ;;
      ping)
        answer=$(ip -4 route show default 2> /dev/null | awk '{ print $3; exit }')
        if [ -n "$answer" ]; then ping -n -q -c 3 -W 2 "$answer" > /dev/null || fail "the router $answer does not answer"; fi
        ;;
      closed:*) lockout_stranger "${check#closed:}" ;;
    esac
  done
  printf 'there is no Ironwake server and no terminal: only this node itself was asked\n'
}
