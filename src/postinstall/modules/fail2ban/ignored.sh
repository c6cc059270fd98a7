#!/bin/bash
# ignored.sh LIB: whom no jail may ban, one a line: the node itself, this server, the other nodes of the cluster, and what the profile names.
set -eu
server=$(sed 's#^https\?://##' "$1/../settings/base")
case $server in
  \[*) server=${server#\[} && server=${server%%\]*} ;;
  *) server=${server%%[:/]*} ;;
esac
{
  printf '127.0.0.0/8\n::1\n%s\n' "$server"
  # A file that Proxmox VE's cluster file system makes; without a cluster it names no node.
  if [ -r /etc/pve/.members ]; then grep -o '"ip" *: *"[0-9A-Fa-f.:]*"' /etc/pve/.members | cut -d'"' -f4 || true; fi
  cat parameters/ignore
} | awk '!seen[$0]++'
