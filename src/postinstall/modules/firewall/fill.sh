#!/bin/bash
# fill.sh FILE SERVER: the file with @server@ replaced by the address of the Ironwake server and @node@ by the address of this node, on stdout.
# SERVER is empty where there is none: then nothing is let in for it.
set -eu
address='^[0-9]{1,3}(\.[0-9]{1,3}){3}$'
if [ -n "$2" ]; then
  [[ $2 =~ $address ]] || { echo "the Ironwake server has no IPv4 address: $2" >&2; exit 1; }
  node=$(ip -4 -o route get "$2" | sed -n 's/.* src \([0-9.]*\).*/\1/p')
  server=(-e "s/@server@/$2/")
else
  device=$(ip -4 route show default | sed -n '1s/.* dev \([^ ]*\).*/\1/p')
  node=$(ip -4 -o addr show dev "${device:-lo}" scope global | sed -n '1s|.* inet \([0-9.]*\)/.*|\1|p')
  server=(-e '/^@server@/d' -e 's/@server@, //')
fi
[[ $node =~ $address ]] || { echo 'this node has no address of its own' >&2; exit 1; }
sed "${server[@]}" -e "s/@node@/$node/" "$1"
