#!/bin/bash
# rollback.sh MODULE REASON: takes back what a module applied and nobody confirmed. Called by the timer that the module armed, and by
# the runner. rollback.sh --boot: the same for all that were still armed when the node restarted.
set -u
umask 077
export HOME=/root LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cd /
home=/var/lib/ironwake

exec 9> "$home/rollback.lock"
flock 9

roll_back() {
  local module=$1 state="$home/state/$1"
  [ -e "$home/rollback.d/$module" ] || return 0
  printf 'rolling %s back: %s\n' "$module" "$2"
  mkdir -p "$state"
  # What lockout_begin let in for the time of the probe.
  bash "$home/lib/remove-probe-key.sh" /root/.ssh/authorized_keys "ironwake-probe-$(uname -n)"
  if (cd "$home/plan/modules/$module" && IRONWAKE_LIB="$home/lib" IRONWAKE_MODULE="$module" IRONWAKE_STATE="$state" \
    IRONWAKE_STEP=rollback IRONWAKE_DIFFERENCES="$state/rollback.differences" \
    IRONWAKE_CHANGES="$state/rollback.changes" IRONWAKE_DETAIL="$state/rollback.detail" bash rollback.sh 9>&- < /dev/null); then
    printf '%s\n' "$2" > "$state/rolled-back"
    rm -f "$home/rollback.d/$module"
  fi
}

if [ "$1" = --boot ]; then
  for flag in "$home"/rollback.d/*; do
    if [ -e "$flag" ]; then roll_back "${flag##*/}" 'the node restarted before the change was confirmed'; fi
  done
else
  roll_back "$1" "$2"
  [ ! -e "$home/rollback.d/$1" ]
fi
