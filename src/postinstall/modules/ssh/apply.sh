#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"
# shellcheck source=src/postinstall/shell/lockout.sh
. "$IRONWAKE_LIB/lockout.sh"

target=/etc/ssh/sshd_config.d/10-ironwake.conf
keys=/root/.ssh/authorized_keys
marker=ironwake-probe

if [ ! -e "$IRONWAKE_LIB/../rollback.d/$IRONWAKE_MODULE" ] && holds; then exit 0; fi

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

# The whole configuration as it will be, before anything is touched. What a `Match` says to the contrary goes over ours in whatever file it
# stands, and is for somebody to decide.
mkdir -p /run/sshd
{
  printf 'Include %s\n' "$(realpath files/10-ironwake.conf)"
  cat /etc/ssh/sshd_config
} > "$IRONWAKE_STATE/candidate"
refusal=$(sshd -t -f "$IRONWAKE_STATE/candidate" 2>&1) || fail "sshd refuses the new settings: $(head -n 1 <<< "$refusal")"

effective=$(sshd -T -f "$IRONWAKE_STATE/candidate" -C user=root,host=localhost,addr=192.0.2.1)
while read -r setting; do
  grep -qixF "$setting" <<< "$effective" ||
    fail "a Match block says otherwise than $setting: look for it in /etc/ssh/sshd_config and /etc/ssh/sshd_config.d, and take it out there"
done < <(bash ./wanted.sh)

lockout_begin "$(parameter rollback-seconds)"
install_file files/10-ironwake.conf "$target" 0644
for file in /etc/ssh/sshd_config.d/*.conf; do
  [[ $file < $target ]] || continue
  if [ -n "$(perl ./switch-off.pl files/10-ironwake.conf "$file")" ]; then
    perl ./switch-off.pl -w files/10-ironwake.conf "$file" > "$IRONWAKE_STATE/switched-off"
    install_file "$IRONWAKE_STATE/switched-off" "$file" "$(stat -c %a "$file")"
  fi
done
if [ ! -s "$IRONWAKE_CHANGES" ]; then changed 'sshd reads its files anew'; fi
systemctl reload ssh.service
lockout_end ssh
