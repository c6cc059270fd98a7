#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

restore_all
# Whether they run is the runner's business, which has stopped them for the length of the plan.
for timer in apt-daily.timer apt-daily-upgrade.timer; do restore_unit "$timer"; done
