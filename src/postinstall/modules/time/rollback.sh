#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

restore_all
if systemctl --quiet is-active chrony.service; then systemctl restart chrony.service; fi
