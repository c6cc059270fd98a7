#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"
shopt -s nullglob

codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
sources=()
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
  if [ -e "$file" ]; then sources+=("$file"); fi
done
enabled=''
if [ ${#sources[@]} -gt 0 ]; then enabled=$(perl ./enterprise.pl list "${sources[@]}" | paste -sd ';' -); fi
expect 'enabled entries that need a subscription' '' "$enabled"
expect_file "files/$codename.sources" /etc/apt/sources.list.d/proxmox.sources
verified
in_plan || exit 0

# Without the option apt-get update ends with 0 although a server was away.
apt_get update -o APT::Update::Error-Mode=any || fail "apt-get update failed: $(grep -m 1 '^[EW]:' "$IRONWAKE_STATE/apt.log" || echo 'see the output')"
