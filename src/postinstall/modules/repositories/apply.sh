#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"
shopt -s nullglob

codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
[ -e "files/$codename.sources" ] || fail "there are no such repositories for Debian '$codename'"

for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
  # Ours is the one that may need a subscription.
  if [ ! -e "$file" ] || [ "$file" = /etc/apt/sources.list.d/proxmox.sources ]; then continue; fi
  if [ -n "$(perl ./enterprise.pl list "$file")" ]; then
    perl ./enterprise.pl disable "$file" > "$IRONWAKE_STATE/disabled"
    # The vendor's files are conffiles of its packages: changed in place they stay as they are, removed ones might come back.
    install_file "$IRONWAKE_STATE/disabled" "$file" 0644
  fi
done

key=$(parameter mirror-key)
if [ -n "$key" ]; then install_file files/mirror-key.asc "$key" 0644; fi
install_file "files/$codename.sources" /etc/apt/sources.list.d/proxmox.sources 0644

proxy=/etc/apt/apt.conf.d/75ironwake-proxy
if [ -e files/75ironwake-proxy ]; then
  install_file files/75ironwake-proxy "$proxy" 0644
else
  # Of a former profile.
  remove_file "$proxy"
fi
