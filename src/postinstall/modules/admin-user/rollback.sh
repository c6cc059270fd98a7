#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

# shellcheck source=src/postinstall/modules/admin-user/made-password.sh
. ./made-password.sh

restore /etc/sudoers.d/50-ironwake
# Passwords as the accounts had them before.
for before in "$IRONWAKE_STATE"/shadow-*; do
  [ -e "$before" ] || continue
  chpasswd --encrypted < "$before"
  rm -f "$before"
done
if [ -e "$IRONWAKE_STATE/backup/pve-groups" ] && command -v pveum > /dev/null; then
  pveum user modify "$(parameter name)@pam" --groups "$(cat "$IRONWAKE_STATE/backup/pve-groups")" || true
  rm -f "$IRONWAKE_STATE/backup/pve-groups"
fi
if [ -e "$IRONWAKE_STATE/created" ]; then
  # Only an account that this module made; one that was there before keeps its keys.
  name=$(parameter name)
  if command -v pveum > /dev/null; then pveum user delete "$name@pam" 2> /dev/null || true; fi
  if id -u "$name" > /dev/null 2>&1; then userdel --remove "$name" 2> /dev/null; fi
  rm -f "$IRONWAKE_STATE/created"
fi
