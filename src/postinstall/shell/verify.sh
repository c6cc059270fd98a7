#!/bin/bash
# verify.sh [MODULE...]: runs verify of the modules of the last plan, all unless told, and prints a report of each as one line of JSON. It
# changes nothing. Ends with 0 when everything holds, with 1 when something does not.
set -u -o pipefail
umask 077
export HOME=/root LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cd /
home=/var/lib/ironwake
plan="$home/plan"

if [ $# -eq 0 ]; then mapfile -t modules < "$plan/order"; else modules=("$@"); fi
outcome=0
for module in "${modules[@]}"; do
  folder="$plan/modules/$module"
  # Only what the plan has brought to its end can be expected to hold.
  [ "$(cat "$home/state/$module/status" 2> /dev/null)" = finished ] || continue
  work=$(mktemp -d "$home/verify.XXXXXX") || exit 2
  : > "$work/detail"
  code=0
  started=$(date +%s%3N)
  (
    cd "$folder" || exit 1
    export IRONWAKE_LIB="$home/lib" IRONWAKE_MODULE="$module" IRONWAKE_STATE="$home/state/$module" IRONWAKE_STEP=drift
    export IRONWAKE_CHANGES="$work/changes" IRONWAKE_DETAIL="$work/detail" IRONWAKE_DIFFERENCES="$work/differences"
    exec timeout --kill-after=5 60 bash ./verify.sh
  ) > "$work/output" 2>&1 < /dev/null || code=$?
  result=ok
  if [ "$code" -ne 0 ]; then
    result=failed
    outcome=1
    if [ "$code" -eq 124 ] || [ "$code" -eq 137 ]; then printf 'it took longer than 60 s\n' > "$work/detail"; fi
    [ -s "$work/detail" ] || tail -n 1 "$work/output" > "$work/detail"
    [ -s "$work/detail" ] || printf 'it ended with status %s\n' "$code" > "$work/detail"
  fi
  perl "$home/lib/report.pl" 1 "$module" verify "$result" "$started" "$(($(date +%s%3N) - started))" "$work/output" "$work/detail" \
    "$folder/secrets" "$work/differences"
  rm -rf "$work"
done
exit "$outcome"
