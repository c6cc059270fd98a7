#!/bin/bash
# setting.sh NAME: the value that the system gives every login.
[ ! -e /etc/default/locale ] || sed -n "s/^$1=\"\\{0,1\\}\\([^\"]*\\)\"\\{0,1\\}\$/\\1/p" /etc/default/locale | tail -n 1
