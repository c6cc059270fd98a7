#!/bin/bash
# wanted.sh: what sshd -T has to say, one setting a line; it prints the keywords in lower case.
set -eu
password=$(cat parameters/password-authentication)
# Without it there is no way in at all.
printf '%s\n' 'PubkeyAuthentication yes' "PasswordAuthentication $password" "KbdInteractiveAuthentication $password" \
  "PermitRootLogin $(cat parameters/effective-root-login)" 'PermitEmptyPasswords no'
