#!/bin/bash
# keys.sh: what parameters/wanted asks for, as it concerns this kernel: lines `PATH WANTED`, a * replaced by every interface that there is.
# A key that this kernel does not have is left out when it is marked with -, and printed with its path otherwise.
set -eu
shopt -s nullglob
while read -r key wanted; do
  optional=''
  if [ "${key:0:1}" = - ]; then
    optional=yes
    key=${key:1}
  fi
  # Dots become slashes, and slashes (of an interface with a dot in its name) dots.
  path=/proc/sys/$(tr './' '/.' <<< "$key")
  # The pattern is meant to be one: only * is left of it, the schema of the parameter sees to that.
  # shellcheck disable=SC2206
  found=($path)
  [ "$path" != "${path//\*/}" ] || [ -e "$path" ] || found=()
  if [ ${#found[@]} -eq 0 ]; then
    if [ -z "$optional" ]; then printf '%s %s\n' "$path" "$wanted"; fi
    continue
  fi
  for one in "${found[@]}"; do printf '%s %s\n' "$one" "$wanted"; done
done < parameters/wanted
