#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

there=$(locale -a 2> /dev/null)
while read -r name; do
  expect "locale $name" made "$(grep -qixF "${name/.UTF-8/.utf8}" <<< "$there" && echo made || echo missing)"
done < parameters/locales
expect LANG "$(parameter lang)" "$(bash ./setting.sh LANG)"
expect LC_MESSAGES "$(parameter messages)" "$(bash ./setting.sh LC_MESSAGES)"
expect LANGUAGE '' "$(bash ./setting.sh LANGUAGE)"
expect LC_ALL '' "$(bash ./setting.sh LC_ALL)"
verified
