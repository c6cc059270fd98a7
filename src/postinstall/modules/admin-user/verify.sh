#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"
# shellcheck source=src/postinstall/modules/admin-user/made-password.sh
. ./made-password.sh
# shellcheck source=src/postinstall/modules/admin-user/pve-groups.sh
. ./pve-groups.sh

name=$(parameter name)
id -u "$name" > /dev/null 2>&1 || fail "there is no account $name"

expect "group sudo of $name" yes "$(id -nG "$name" | tr ' ' '\n' | grep -qx sudo && echo yes || echo no)"
# expect_password USER FILE: the password in FILE while it is here, later the entry of /etc/shadow that was seen with it.
expect_password() {
  local verdict=wrong seen
  seen=$(getent shadow "$1" | cut -d: -f2 | sha256sum)
  if secret_is_gone "$2"; then
    if [ "$seen" = "$(remembered "shadow-$1")" ]; then verdict=right; fi
  elif getent shadow "$1" | perl ./same-password.pl "files/$2"; then
    verdict=right
    remember "shadow-$1" <<< "$seen"
  fi
  expect "password of $1" right "$verdict"
}
given() { [ -e "files/$1" ] || secret_is_gone "$1"; }
if given root-password; then expect_password root root-password; fi
if given password; then
  expect_password "$name" password
elif [ "$(parameter generate-password)" = yes ]; then
  expect "password of $name" 'the one that was made here' \
    "$(has_made_password "$name" && echo 'the one that was made here' || echo 'another one')"
else
  expect "password of $name" L "$(passwd --status "$name" | cut -d' ' -f2)"
fi
home=$(getent passwd "$name" | cut -d: -f6)
while read -r key; do
  print=$(ssh-keygen -l -f /dev/stdin <<< "$key" | cut -d' ' -f2)
  expect "key $print of $name" yes \
    "$(ssh-keygen -l -f "$home/.ssh/authorized_keys" 2> /dev/null | grep -qF " $print " && echo yes || echo no)"
done < parameters/keys
expect 'rights of authorized_keys' "600 $name" "$(stat -c '%a %U' "$home/.ssh/authorized_keys")"
expect 'sudo without password' yes "$(runuser -u "$name" -- sudo -n -k true > /dev/null 2>&1 && echo yes || echo no)"
expect 'all sudo rules' fine "$(visudo -q -c > /dev/null 2>&1 && echo fine || echo broken)"
if command -v pveum > /dev/null; then
  acl=$(pveum acl list --output-format json | tr '{' '\n')
  users=$(pveum user list --output-format json | tr '{' '\n')
  role=$(grep '"ugid" *: *"ironwake-admins"' <<< "$acl" | grep '"path" *: *"/"' | grep -F "\"$(parameter pve-role)\"" || true)
  expect "Proxmox VE user $name@pam" yes \
    "$(grep -qF "\"$name@pam\"" <<< "$users" && echo yes || echo no)"
  groups=$(pveum group list --output-format json | tr '{' '\n')
  expect "Proxmox VE group ironwake-admins of $name@pam" yes \
    "$(pve_groups_of "$name@pam" <<< "$groups" | grep -qx ironwake-admins && echo yes || echo no)"
  expect "Proxmox VE role of ironwake-admins" yes "$([ -n "$role" ] && echo yes || echo no)"
fi
verified
