#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"
# shellcheck source=src/postinstall/shell/http.sh
. "$IRONWAKE_LIB/http.sh"

target=/etc/ssh/sshd_config.d/10-ironwake.conf
keys=/root/.ssh/authorized_keys
marker=ironwake-probe

if cmp -s files/10-ironwake.conf "$target" && [ "$(stat -c %a "$target")" = 644 ] && [ ! -e "$IRONWAKE_LIB/../rollback.d/$IRONWAKE_MODULE" ]; then exit 0; fi

command -v sshd > /dev/null || fail 'openssh-server is not installed'
systemctl --quiet is-active ssh.service || fail 'ssh.service does not run: nobody could be let in'

# Whether anybody is left who could log in with a key. Proxmox VE puts the node's own key into root's file: it lets nobody else in.
# The probe key of this run does not count either.
has_key() {
  [ -r "$1" ] || return 1
  cat /root/.ssh/id_*.pub 2> /dev/null | cut -d' ' -f2 > "$IRONWAKE_STATE/own-keys" || true
  grep -vF -f "$IRONWAKE_STATE/own-keys" "$1" | grep -v " $marker\$" > "$IRONWAKE_STATE/keys" || true
  ssh-keygen -l -f "$IRONWAKE_STATE/keys" > /dev/null 2>&1
}
if [ "$(parameter password-authentication)" = no ]; then
  somebody=''
  if has_key "$keys"; then somebody=root; fi
  while read -r user; do
    home=$(getent passwd "$user" | cut -d: -f6 || true)
    if [ -n "$user" ] && [ -n "$home" ] && has_key "$home/.ssh/authorized_keys"; then somebody=$user; fi
  done < <(getent group sudo | cut -d: -f4 | tr ',' '\n')
  [ -n "$somebody" ] || fail 'nobody has a key on this node: without passwords it would be locked. Add a key to the answer or use the module admin-user'
fi

# The whole configuration as it will be, before anything is touched.
mkdir -p /run/sshd
{
  printf 'Include %s\n' "$(realpath files/10-ironwake.conf)"
  cat /etc/ssh/sshd_config
} > "$IRONWAKE_STATE/candidate"
refusal=$(sshd -t -f "$IRONWAKE_STATE/candidate" 2>&1) || fail "sshd refuses the new settings: $(head -n 1 <<< "$refusal")"

# The server must be there before the timer runs: it alone can say that the node is still reachable.
http_configure
insist 600 GET /node/v1/probe-key "$IRONWAKE_STATE/probe-key" || fail "the Ironwake server gave no probe key: $http_reason"
probe=$(awk 'NR == 1 && $1 ~ /^(ssh|ecdsa)-/ && $2 ~ /^[A-Za-z0-9+\/=]+$/ { print $1, $2 }' "$IRONWAKE_STATE/probe-key")
ssh-keygen -l -f /dev/stdin <<< "$probe" > /dev/null 2>&1 || fail 'what the Ironwake server sent as probe key is none'

rollback_arm "$(parameter rollback-seconds)"
# Whatever happens, the probe key goes; a kill that no trap sees leaves it to the rollback that is armed now.
remove_probe() { bash ./remove-probe-key.sh "$keys" "$marker"; }
trap remove_probe EXIT

install -d -m 0700 /root/.ssh
# Through the link: on Proxmox VE this is a file of the cluster. The installer leaves it without a final newline.
if [ -s "$keys" ] && [ -n "$(tail -c 1 "$keys")" ]; then printf '\n' >> "$keys"; fi
(umask 077 && printf 'restrict,command="/bin/true" %s %s\n' "$probe" "$marker" >> "$keys")

install_file files/10-ironwake.conf "$target" 0644
systemctl reload ssh.service

printf '{"run":"%s"}' "$(setting run)" > "$IRONWAKE_STATE/probe"
# The last word is the timer's: this ends a little earlier, and at once when the timer was faster.
verdict=''
detail='the Ironwake server did not answer'
http_limit=30
tries=0
end=$((SECONDS + $(parameter rollback-seconds) - 5))
while [ "$SECONDS" -lt "$end" ] && [ "$tries" -lt 4 ] && [ -e "$IRONWAKE_LIB/../rollback.d/$IRONWAKE_MODULE" ]; do
  if request POST /node/v1/probe "$IRONWAKE_STATE/probe-answer" "$IRONWAKE_STATE/probe"; then
    verdict=$(json_text "$IRONWAKE_STATE/probe-answer" result)
    detail=$(json_text "$IRONWAKE_STATE/probe-answer" detail)
    [ "$verdict" != ok ] || break
    # sshd may not have read its new settings yet; but what fails four times will not get better.
    tries=$((tries + 1))
  fi
  sleep 2
done
[ "$verdict" = ok ] || fail "the Ironwake server could not log in: ${detail:-no reason given}"
rollback_disarm || fail 'the former settings came back before the server had logged in'
printf 'the Ironwake server has logged in with the probe key\n'
