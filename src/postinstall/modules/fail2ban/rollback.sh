#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

fail2ban-client unban --all > /dev/null 2>&1 || true
systemctl stop fail2ban.service 2> /dev/null || true
restore_all
printf 'Fail2Ban is stopped, and nobody is banned\n'
