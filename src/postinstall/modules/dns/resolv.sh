#!/bin/bash
# resolv.sh: prints the resolv.conf that has to be. Proxmox VE's own API writes this file too, without a comment, so it has none.
set -eu
if [ "$(cat parameters/keep-search)" = yes ]; then
  search=$(awk '$1 == "search" || $1 == "domain" { $1 = ""; sub(/^ +/, ""); line = $0 } END { print line }' /etc/resolv.conf 2> /dev/null || true)
else
  search=$(cat parameters/search)
fi
[ -z "$search" ] || printf 'search %s\n' "$search"
cat files/resolv.conf
