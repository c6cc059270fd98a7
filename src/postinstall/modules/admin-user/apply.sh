#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"
# shellcheck source=src/postinstall/modules/admin-user/made-password.sh
. ./made-password.sh
# shellcheck source=src/postinstall/modules/admin-user/pve-groups.sh
. ./pve-groups.sh

name=$(parameter name)
comment=$(parameter comment)

# Every key must be one before anything is changed: half an account is worse than none.
while read -r key; do
  ssh-keygen -l -f /dev/stdin <<< "$key" > /dev/null || fail "this is not a public key: ${key:0:60}"
done < parameters/keys

if ! command -v visudo > /dev/null; then
  apt_get update || true
  apt_get install --no-install-recommends sudo || fail 'the package sudo cannot be installed'
  changed 'package sudo'
fi

if ! id -u "$name" > /dev/null 2>&1; then
  : > "$IRONWAKE_STATE/created"
  # A group of that name that is there already (Debian has operator, staff and more) becomes its group; useradd would refuse otherwise.
  own_group=()
  if getent group "$name" > /dev/null; then own_group=(--no-user-group --gid "$name"); fi
  useradd --create-home --shell /bin/bash --comment "$comment" "${own_group[@]}" "$name"
  changed "account $name"
elif [ "$(id -u "$name")" -lt 1000 ]; then
  fail "$name is an account of the system, choose another name"
fi
if [ "$(getent passwd "$name" | cut -d: -f5)" != "$comment" ]; then
  usermod --comment "$comment" "$name"
  changed "full name of $name"
fi
if ! id -nG "$name" | tr ' ' '\n' | grep -qx sudo; then
  usermod --append --groups sudo "$name"
  changed "group sudo for $name"
fi
# keep_password USER: as it is before the first change, for the rollback. An account of our own goes as a whole.
keep_password() {
  if [ -e "$IRONWAKE_STATE/shadow-$1" ] || { [ "$1" != root ] && [ -e "$IRONWAKE_STATE/created" ]; }; then return 0; fi
  (umask 077 && getent shadow "$1" | cut -d: -f1,2 > "$IRONWAKE_STATE/shadow-$1")
}
# set_password USER FILE: by files and pipes only, for arguments are there for everybody to see.
set_password() {
  if getent shadow "$1" | perl ./same-password.pl "$2"; then return 0; fi
  keep_password "$1"
  { printf '%s:' "$1" && cat "$2"; } | chpasswd
  changed "password of $1"
}
# make_password USER: 24 characters that nobody confuses, some 138 bits. Handed over first: a password that is set and lost helps nobody.
make_password() {
  local file="$IRONWAKE_STATE/made-password"
  keep_password "$1"
  (umask 077 && head -c 1000 /dev/urandom | LC_ALL=C tr -dc 'a-hjkmnp-zA-HJ-NP-Z2-9' | cut -c 1-24 > "$file")
  [ "$(stat -c %s "$file")" -eq 25 ] || fail 'no password can be made: /dev/urandom gives too little'
  born "password-$1" < "$file"
  { printf '%s:' "$1" && cat "$file"; } | chpasswd
  rm -f "$file"
  mkdir -p "$(dirname "$(made_password_file "$1")")"
  shadow_of "$1" > "$(made_password_file "$1")"
  changed "password of $1"
}
if [ -e files/root-password ]; then set_password root files/root-password; fi
if [ -e files/password ]; then
  set_password "$name" files/password
elif [ "$(parameter generate-password)" = yes ]; then
  has_made_password "$name" || make_password "$name"
elif [ "$(passwd --status "$name" | cut -d' ' -f2)" != L ]; then
  keep_password "$name"
  usermod --lock "$name"
  changed "password of $name locked"
fi

# As the user itself: root does not write into a folder where somebody else can lay links.
# The folder of this script is closed to the user, hence the program as text.
added=$(runuser -u "$name" -- bash -c "$(cat ./add-keys.sh)" < parameters/keys)
if [ -n "$added" ]; then changed "keys of $name"; fi

# A broken file in sudoers.d switches sudo off for everybody.
visudo -q -c -f files/sudoers || fail 'the sudo rule is refused by visudo'
install_file files/sudoers /etc/sudoers.d/50-ironwake 0440

if command -v pveum > /dev/null; then
  role=$(parameter pve-role)
  # As texts: a pipe into grep -q ends pveum before it has said everything, which would count as a failure.
  acl=$(pveum acl list --output-format json | tr '{' '\n')
  users=$(pveum user list --output-format json | tr '{' '\n')
  groups=$(pveum group list --output-format json | tr '{' '\n')
  if ! grep -q '"groupid" *: *"ironwake-admins"' <<< "$groups"; then
    pveum group add ironwake-admins --comment 'Administrators made by Ironwake'
    changed 'Proxmox VE group ironwake-admins'
  fi
  if ! grep '"ugid" *: *"ironwake-admins"' <<< "$acl" | grep '"path" *: *"/"' | grep -F "\"$role\"" > /dev/null; then
    pveum acl modify / --groups ironwake-admins --roles "$role"
    changed "Proxmox VE role $role for ironwake-admins"
  fi
  if ! grep -qF "\"$name@pam\"" <<< "$users"; then
    pveum user add "$name@pam" --groups ironwake-admins --comment "$comment"
    changed "Proxmox VE user $name@pam"
  elif ! pve_groups_of "$name@pam" <<< "$groups" | grep -qx ironwake-admins; then
    # An account that was there before, in the groups that it has.
    if [ ! -e "$IRONWAKE_STATE/backup/pve-groups" ]; then
      mkdir -p "$IRONWAKE_STATE/backup"
      pve_groups_of "$name@pam" <<< "$groups" | paste -sd , > "$IRONWAKE_STATE/backup/pve-groups"
    fi
    pveum user modify "$name@pam" --groups ironwake-admins --append 1
    changed "Proxmox VE group ironwake-admins for $name@pam"
  fi
fi
