#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"
shopt -s nullglob

codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
sources=()
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
  # Ours is compared as a whole below; with the channel enterprise it is the one that may need a subscription.
  if [ -e "$file" ] && [ "$file" != /etc/apt/sources.list.d/proxmox.sources ]; then sources+=("$file"); fi
done
enabled=''
if [ ${#sources[@]} -gt 0 ]; then enabled=$(perl ./enterprise.pl list "${sources[@]}" | paste -sd ';' -); fi
expect 'enabled entries that need a subscription' '' "$enabled"
expect_file "files/$codename.sources" /etc/apt/sources.list.d/proxmox.sources
key=$(parameter mirror-key)
if [ -n "$key" ]; then expect_file files/mirror-key.asc "$key"; fi
proxy=/etc/apt/apt.conf.d/75ironwake-proxy
if [ -e files/75ironwake-proxy ]; then expect_file files/75ironwake-proxy "$proxy"; else expect "$proxy" '' "$(ls "$proxy" 2> /dev/null || true)"; fi
verified
in_plan || exit 0

# Without the option apt-get update ends with 0 although a server was away.
if ! apt_get update -o APT::Update::Error-Mode=any; then
  # What went wrong stands behind the first archive that could not be read; the lines at the end only say that one was not.
  reason=$(grep -m 1 -A 1 '^Err:' "$IRONWAKE_STATE/apt.log" | tail -n 1 || true)
  [ -n "$reason" ] || reason=$(grep -m 1 '^[EW]:' "$IRONWAKE_STATE/apt.log" || echo 'see the output')
  if [ "$(parameter channel)" = enterprise ] && grep -q ' 401 ' "$IRONWAKE_STATE/apt.log"; then
    fail "the channel enterprise needs an active subscription, and this node has none: $reason"
  fi
  fail "apt-get update failed: $reason"
fi
