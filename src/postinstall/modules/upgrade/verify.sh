#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

expect 'half installed packages' '' "$(dpkg --audit | awk '/^ [a-z0-9]/ { print $1 }' | paste -sd ' ' -)"
older=''
while read -r name version; do
  installed=$(dpkg-query -W -f '${Version}' "$name" 2> /dev/null || true)
  # A package that was removed since then is nobody's loss here.
  if [ -n "$installed" ] && dpkg --compare-versions "$installed" lt "$version"; then older="$older $name=$installed"; fi
done < <(remembered versions)
expect 'packages older than the upgrade brought them' '' "${older# }"

pending=$(apt-get -s -q -o APT::Color=0 dist-upgrade 2> /dev/null | bash ./pending.sh || echo 'apt-get cannot work out an upgrade')
if in_plan || [ "$(parameter stay-current)" = yes ]; then
  expect 'packages to upgrade' '' "$(cut -d' ' -f2- <<< "$pending" | paste -sd ';' -)"
elif [ -n "$pending" ]; then
  printf 'to be upgraded: %s\n' "$(grep -c '' <<< "$pending")"
fi
if [ "$(parameter restart)" = when-needed ]; then
  expect 'reasons to restart' '' "$(bash ./newer-kernel.sh | paste -sd ';' -)"
fi
verified
