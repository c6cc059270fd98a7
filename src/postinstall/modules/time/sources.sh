#!/bin/bash
# sources.sh: whom chronyd asks now against whom it should ask, one a line: `ok NAME`, `missing NAME`, `foreign NAME`. Nothing when the profile
# leaves that to Debian.
set -eu
[ -s parameters/sources ] || exit 0
# With -N and -a a source, also one that was not found yet, is shown under the name that it was given, not under the address that it was found at.
running=$(chronyc -N -a -c sources 2> /dev/null | cut -d, -f3 | sort -u || true)
while read -r name; do
  if grep -qixF -- "$name" <<< "$running"; then printf 'ok %s\n' "$name"; else printf 'missing %s\n' "$name"; fi
done < parameters/sources
while read -r name; do
  [ -z "$name" ] || grep -qixF -- "$name" parameters/sources || printf 'foreign %s\n' "$name"
done <<< "$running"
