#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

restore_all
if command -v update-initramfs > /dev/null; then update-initramfs -u -k all; fi
