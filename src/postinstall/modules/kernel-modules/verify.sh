#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

expect_file files/modprobe.conf /etc/modprobe.d/ironwake.conf
expect_file files/modules-load.conf /etc/modules-load.d/ironwake.conf
# What modprobe makes of all its files: a later `install` line for the same module would win.
rules=$(modprobe --showconfig 2> /dev/null | awk '$1 == "install" { rule[$2] = $3 } END { for (name in rule) print name, rule[name] }')
while read -r name; do
  expect "what loading $name does" /bin/false "$(awk -v name="${name//-/_}" '$1 == name { print $2 }' <<< "$rules")"
  expect "module $name" 'not loaded' "$([ -e "/sys/module/${name//-/_}/initstate" ] && echo loaded || echo 'not loaded')"
done < parameters/blocked
while read -r name; do
  expect "module $name" loaded "$([ -d "/sys/module/${name//-/_}" ] && echo loaded || echo 'not loaded')"
done < parameters/loaded
verified
