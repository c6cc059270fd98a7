#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

restore_all
# At boot this runs before ssh.service: then there is nothing to reload.
if systemctl --quiet is-active ssh.service; then systemctl reload ssh.service; fi
printf 'the former settings of sshd are back\n'
