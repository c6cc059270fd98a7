#!/bin/bash
# remove-probe-key.sh FILE MARKER: takes the lines that end with the marker out of an authorized_keys file, through a link if it is one.
# It runs while a node is being switched off, too: whoever ends it, at whatever moment, finds the file as it was or without the key, never
# cut short. An empty one would lock everybody out.
set -eu
trap '' HUP INT TERM
if [ ! -e "$1" ] || ! grep -q " $2\$" "$1"; then exit 0; fi
file=$(realpath "$1")
# Not `mktemp`: the next one takes what a killed one left, and nobody else may write into that folder.
rest="$file.ironwake-new"
rm -f "$rest"
case $file in
  # Proxmox VE's own file system gives every file its rights and refuses others.
  /etc/pve/*) ;;
  *) cp -p "$file" "$rest" ;;
esac
# 1: nothing else was in it. Anything worse (a full disk) must not empty the file.
grep -v " $2\$" "$file" > "$rest" || [ $? -eq 1 ]
sync "$rest"
mv -f "$rest" "$file"
