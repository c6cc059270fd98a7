#!/bin/bash
# pending.sh: reads `apt-get -s dist-upgrade` on standard input and prints one line for each package: `install NAME VERSION`, `remove NAME`.
sed -n -e 's/^Inst \([^ ]*\) .*(\([^ )]*\).*/install \1 \2/p' -e 's/^Remv \([^ ]*\).*/remove \1/p'
