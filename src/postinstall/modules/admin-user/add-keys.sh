#!/bin/bash
# Adds the public keys on stdin that are not there yet to the authorized_keys of the user it runs as; prints a line for each, and
# one when the rights of folder or file had to be mended.
set -eu
umask 077
cd
file=.ssh/authorized_keys
mkdir -p .ssh
touch "$file"
while read -r type blob comment; do
  if grep -qF -- "$type $blob" "$file"; then continue; fi
  if [ -s "$file" ] && [ -n "$(tail -c 1 "$file")" ]; then echo >> "$file"; fi
  printf '%s\n' "$type $blob${comment:+ $comment}" >> "$file"
  echo "$type"
done
# sshd lets nobody in whose file others may write.
if [ "$(stat -c %a .ssh)" != 700 ] || [ "$(stat -c %a "$file")" != 600 ]; then echo rights; fi
chmod 0700 .ssh
chmod 0600 "$file"
