#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

printf 'packages stay as they are: Debian does not know a way back\n'
