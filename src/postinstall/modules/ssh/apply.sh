#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"
# shellcheck source=src/postinstall/shell/lockout.sh
. "$IRONWAKE_LIB/lockout.sh"

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
  grep -vF -f "$IRONWAKE_STATE/own-keys" "$1" | grep -v " $marker" > "$IRONWAKE_STATE/keys" || true
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

lockout_begin "$(parameter rollback-seconds)"
install_file files/10-ironwake.conf "$target" 0644
systemctl reload ssh.service
lockout_end ssh
