#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

restore_all
touch -h /etc/localtime
bash ./old-zone.sh | while read -r unit; do systemctl restart "$unit" || true; done
