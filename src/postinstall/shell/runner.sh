#!/bin/bash
# Runs the unpacked plan: each module in order through apply, verify and a second apply that must change nothing. Every step is
# reported; what the daemon cannot take now waits in the spool, in order. Started anew after a restart it goes on where it was.
set -u -o pipefail
umask 077
export HOME=/root LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cd /

# shellcheck source=src/postinstall/shell/http.sh
. /var/lib/ironwake/lib/http.sh

plan="$iw_home/plan"
spool="$iw_home/spool"
mkdir -p "$spool/refused" "$iw_home/state" "$iw_home/rollback.d" "$iw_home/work"
exec 8> "$iw_home/runner.lock"
# A look at the node (watch.sh) holds it for some seconds.
if ! flock -w 120 8; then
  printf 'the plan is running already\n' >&2
  exit 1
fi

# Debian's and Proxmox's daily jobs would hold apt's locks for minutes. Stopped is not disabled: a restart starts them too.
timers=()
for timer in apt-daily.timer apt-daily-upgrade.timer pve-daily-update.timer; do
  if systemctl --quiet is-active "$timer" 2> /dev/null; then timers+=("$timer"); fi
done
[ ${#timers[@]} -eq 0 ] || systemctl stop "${timers[@]}"
after_plan="$iw_home/start-after-plan"
restart_timers() {
  [ ${#timers[@]} -eq 0 ] || systemctl start "${timers[@]}"
  # What modules have switched on meanwhile, unless it was taken back again.
  [ -e "$after_plan" ] || return 0
  local unit
  while read -r unit; do
    if systemctl --quiet is-enabled "$unit" 2> /dev/null; then systemctl start "$unit"; fi
  done < <(sort -u "$after_plan")
  rm -f "$after_plan"
}
trap restart_timers EXIT
trap 'exit 143' TERM INT

# Milliseconds since boot: the wall clock may be set while a step runs.
uptime_ms() {
  local up
  read -r up _ < /proc/uptime
  printf '%s' "$((10#${up%.*} * 1000 + 10#${up#*.} * 10))"
}

# Run by hand, from `plan export`: nobody is there to report to.
alone() { [ -z "$(setting base)" ]; }

# tell_born: where no server is told (`plan export`), the person at the terminal is told where it lies.
tell_born() {
  local file text
  for file in "$iw_home"/born/*.json; do
    [ -e "$file" ] || continue
    text=${file%.json}.txt
    json_text "$file" value | base64 -d > "$text.new"
    mv -f "$text.new" "$text"
    rm -f "$file"
    printf 'a secret was made: it lies in %s, for root only. Put it in a safe place and remove the file.\n' "$text"
  done
}

# deliver: sends what modules made, then the reports that are spooled, oldest first. 0 when nothing is left.
deliver() {
  local most=8 file mark late=0
  local -a batch
  if alone; then
    rm -f "$spool"/[0-9]*.json
    return 0
  fi
  deliver_born || late=$?
  if [ "$late" -eq 2 ]; then
    renew=1
    return 1
  fi
  while :; do
    batch=()
    for file in "$spool"/[0-9]*.json; do
      [ -e "$file" ] || continue
      batch+=("$file")
      [ ${#batch[@]} -lt "$most" ] || break
    done
    [ ${#batch[@]} -gt 0 ] || return "$late"
    {
      printf '{"run":"%s","reports":[' "$(setting run)"
      mark=''
      for file in "${batch[@]}"; do
        printf '%s' "$mark"
        cat "$file"
        mark=,
      done
      printf ']}'
    } > "$iw_home/work/reports"
    if request POST /node/v1/reports "$iw_home/work/answer" "$iw_home/work/reports"; then
      rm -f "${batch[@]}"
      continue
    fi
    case $http_status in
      400 | 404 | 409 | 410 | 413 | 422)
        # It will never be taken. One that is broken must not hold back the others; it stays on this disk.
        if [ ${#batch[@]} -eq 1 ]; then
          printf 'a report was refused (%s) and stays in %s\n' "$http_status" "$spool/refused" >&2
          mv -f "${batch[@]}" "$spool/refused/"
        else
          most=1
        fi
        ;;
      401)
        renew=1
        return 1
        ;;
      *) return 1 ;;
    esac
  done
}

# A credential that is no longer taken was revoked: the agent, which systemd starts again, proves the host key anew and comes back here.
renew=''
prove_again() {
  printf 'the credential is no longer taken, this node proves itself again\n' >&2
  rm -f "$iw_home/credential"
  exit 1
}

# show_code: the confirmation code, for whoever stands at the screen or reads the serial console. A console without a device may block.
show_code() {
  local console
  for console in /dev/tty1 /dev/ttyS0; do
    [ -w "$console" ] || continue
    # shellcheck disable=SC2016
    timeout 5 sh -c 'printf "\r\n*** Ironwake: this node waits to be confirmed. Its code: %s\r\n    On the server: ironwake run confirm %s %s\r\n" "$2" "$3" "$2" > "$1"' \
      sh "$console" "$(cat "$iw_home/code")" "$(uname -n)" 2> /dev/null 8>&- || true
  done
}

# wait_for_code: until a person has confirmed this node, then the whole plan in place of this one. What has finished stays finished.
wait_for_code() {
  local end=$((SECONDS + 90000)) shown='' pause
  while [ "$SECONDS" -le "$end" ]; do
    if [ -z "$shown" ] || [ $((SECONDS - shown)) -ge 60 ]; then
      show_code
      shown=$SECONDS
    fi
    pause=5
    deliver || true
    if request GET /node/v1/release "$iw_home/work/answer"; then
      if [ "$(json_text "$iw_home/work/answer" release)" = now ] && request GET /node/v1/plan "$iw_home/work/plan" &&
        [ "$(tail -n 1 "$iw_home/work/plan")" = '# end of plan' ]; then
        mv -f "$iw_home/work/plan" "$iw_home/plan.sh"
        restart_timers
        trap - EXIT
        exec 8>&-
        exec bash "$iw_home/plan.sh"
      fi
    elif [ "$http_status" != 000 ]; then
      pause=60
    fi
    [ "$http_status" != 401 ] || prove_again
    # Cancelled, or the time for the code is over: nobody will enter one.
    [ "$http_status" != 410 ] || return
    sleep "$pause"
  done
}

# report MODULE STEP RESULT STARTED_MS DURATION_MS: reads the state folder's `output` and `detail`.
report() {
  local state="$iw_home/state/$1" next name
  next=$(($(cat "$iw_home/seq" 2> /dev/null || echo 0) + 1))
  name=$(printf '%s/%06d.json' "$spool" "$next")
  perl "$iw_home/lib/report.pl" "$next" "$@" "$state/output" "$state/detail" "$plan/modules/$1/secrets:$state/born" "$state/differences" \
    > "$name.new" ||
    printf '{"seq":%s,"module":"%s","step":"%s","result":"%s","startedAt":%s,"durationMs":%s,"output":"","detail":"%s"}\n' \
      "$next" "$@" 'what it printed cannot be told: perl failed' > "$name.new"
  mv -f "$name.new" "$name"
  printf '%s\n' "$next" > "$iw_home/seq.new"
  mv -f "$iw_home/seq.new" "$iw_home/seq"
  # As the report has it, where secrets are masked; the raw output goes.
  printf '%s %s: %s, %s ms: %s\n' "$1" "$2" "$3" "$5" "$(perl -ne 'print $1 if /"detail":"((?:[^"\\]|\\.)*)"/' "$name")"
  rm -f "$state/output" "$state/detail" "$state/differences"
  deliver || printf 'reports wait for the Ironwake server: %s\n' "$http_reason" >&2
}

# What belongs to the whole cluster is changed by one node at a time, under a lock of its own file system: a folder that only one can make, that
# ends 120 s after it was last touched, and that everybody touches with the time 0 who would like to have it (pve-cluster, pmxcfs; PVE::Cluster).
cluster_locks=/etc/pve/priv/lock
cluster_lock=''
cluster_renewer=''
lock_cluster() {
  local module=$1 end=$((SECONDS + 900))
  [ "$(cat "$plan/modules/$module/scope" 2> /dev/null)" = cluster ] || return 0
  if ! mountpoint -q /etc/pve || [ ! -d "$cluster_locks" ]; then return 0; fi
  until mkdir "$cluster_locks/ironwake-$module" 2> /dev/null; do
    if [ "$SECONDS" -ge "$end" ]; then
      printf 'another node of the cluster has held the lock for 15 minutes, or the cluster has no quorum\n' > "$iw_home/state/$module/detail"
      : > "$iw_home/state/$module/output"
      result=failed
      report "$module" "$step" failed "$(date +%s%3N)" 0
      return 1
    fi
    perl -e 'utime 0, 0, $ARGV[0]' "$cluster_locks/ironwake-$module"
    sleep 2
  done
  cluster_lock="$cluster_locks/ironwake-$module"
  (while sleep 30 && perl -e 'exit !utime 0, time, $ARGV[0]' "$cluster_lock"; do :; done) 8>&- > /dev/null 2>&1 &
  cluster_renewer=$!
}
unlock_cluster() {
  [ -n "$cluster_lock" ] || return 0
  kill "$cluster_renewer" 2> /dev/null
  rmdir "$cluster_lock" 2> /dev/null
  cluster_lock=''
}

# step MODULE STEP SCRIPT: runs one script of a module under its time limit and reports it. Sets `result`.
step() {
  local module=$1 step=$2 script=$3 state="$iw_home/state/$1" folder="$plan/modules/$1" code=0 started from limit by_hand=''
  if alone; then by_hand=yes; fi
  limit=$(cat "$folder/limit")
  : > "$state/detail"
  # What an apply had changed when the node was switched off is still to be taken back if this one fails.
  if [ "$step" = apply ] && [ -s "$state/changes" ]; then : > "$state/touched"; fi
  : > "$state/changes"
  rm -f "$state/reboot" "$state/differences"
  if [ "$step" != verify ]; then lock_cluster "$module" || return 0; fi
  started=$(date +%s%3N)
  from=$(uptime_ms)
  (
    cd "$folder" || exit 1
    export IRONWAKE_LIB="$iw_home/lib" IRONWAKE_MODULE="$module" IRONWAKE_STATE="$state" IRONWAKE_STEP="$step"
    export IRONWAKE_CHANGES="$state/changes" IRONWAKE_DETAIL="$state/detail" IRONWAKE_DIFFERENCES="$state/differences"
    export IRONWAKE_AFTER_PLAN="$after_plan"
    # By hand, a step may ask its question at the terminal: in a group of its own it would be stopped there.
    exec timeout ${by_hand:+--foreground} --kill-after=15 "$limit" bash "./$script"
  ) > "$state/output" 2>&1 < /dev/null 8>&- || code=$?
  unlock_cluster
  if [ "$code" -eq 124 ] || [ "$code" -eq 137 ]; then printf 'it took longer than %s s\n' "$limit" > "$state/detail"; fi
  if [ "$code" -ne 0 ]; then
    result=failed
    [ -s "$state/detail" ] || tail -n 1 "$state/output" > "$state/detail"
    [ -s "$state/detail" ] || printf 'it ended with status %s\n' "$code" > "$state/detail"
  elif [ "$step" = verify ] || [ "$step" = rollback ]; then
    result=ok
  elif [ ! -s "$state/changes" ]; then
    result=unchanged
  elif [ "$step" = reapply ] && [ -e "$state/reboot" ]; then
    result=failed
    printf 'it asks for a restart again: %s\n' "$(cat "$state/reboot")" > "$state/detail"
  elif [ "$step" = reapply ]; then
    result=failed
    printf 'a second run still changes: %s\n' "$(paste -sd ' ' "$state/changes")" > "$state/detail"
  else
    result=changed
    [ -s "$state/detail" ] || paste -sd ' ' "$state/changes" > "$state/detail"
  fi
  if [ "$step" = apply ] && [ -s "$state/changes" ]; then : > "$state/touched"; fi
  [ "$result" != failed ] || rm -f "$state/reboot"
  report "$module" "$step" "$result" "$started" "$(($(uptime_ms) - from))"
}

mark() {
  printf '%s\n' "$2" > "$iw_home/state/$1/status.new"
  mv -f "$iw_home/state/$1/status.new" "$iw_home/state/$1/status"
}

# restart MODULE: the node restarts, and this plan goes on after it: systemd starts the agent at the next boot, which starts the runner.
restart() {
  local state="$iw_home/state/$1" count
  count=$(($(cat "$iw_home/restarts" 2> /dev/null || echo 0) + 1))
  mv -f "$state/reboot" "$state/detail"
  : > "$state/output"
  if [ "$count" -gt 3 ]; then
    printf 'the plan has restarted the node three times already\n' > "$state/detail"
    result=failed
    report "$1" restart failed "$(date +%s%3N)" 0
    return
  fi
  printf '%s\n' "$count" > "$iw_home/restarts"
  cat /proc/sys/kernel/random/boot_id > "$state/booted"
  report "$1" restart ok "$(date +%s%3N)" 0
  mark "$1" restarting
  restart_now
}

restart_now() {
  if alone; then
    printf 'restart this host now, then run the script again: it goes on where it was\n'
    exit 3
  fi
  sync
  systemctl --no-block reboot
  # systemd ends this program; when it does not, the unit starts it again and it comes back here.
  sleep 300
  exit 1
}

# What a module has changed is taken back when it did not succeed; what it never touched is left alone.
give_up() {
  local module=$1 state="$iw_home/state/$1"
  if [ -e "$iw_home/rollback.d/$module" ]; then
    # The module armed a timer: the same lock keeps timer and runner apart, and whoever is second finds nothing to do.
    systemctl stop "ironwake-rollback-$module.timer" 2> /dev/null
    local started from
    started=$(date +%s%3N)
    from=$(uptime_ms)
    result=ok
    : > "$state/detail"
    bash "$iw_home/lib/rollback.sh" "$module" 'it did not succeed' > "$state/output" 2>&1 < /dev/null 8>&- || result=failed
    tail -n 1 "$state/output" > "$state/detail"
    rm -f "$state/rolled-back"
    report "$module" rollback "$result" "$started" "$(($(uptime_ms) - from))"
  elif [ -e "$state/rolled-back" ]; then
    tell_rolled_back "$module"
  elif [ -e "$state/touched" ]; then
    step "$module" rollback rollback.sh
  fi
  rm -f "$state/touched"
  mark "$module" failed
}

# A rollback that ran without the runner, by timer or at boot, is reported by the next one to notice.
tell_rolled_back() {
  local state="$iw_home/state/$1"
  mv -f "$state/rolled-back" "$state/detail"
  : > "$state/output"
  report "$1" rollback ok "$(date +%s%3N)" 0
}

run_module() {
  local module=$1 state="$iw_home/state/$1" need status attempts
  mkdir -p "$state"
  # Another plan for the same node starts from the beginning; the same plan goes on.
  if ! cmp -s "$plan/modules/$module/input" "$state/input"; then
    rm -rf "$state/status" "$state/attempts" "$state/booted" "$state/reboot" "$state/kept"
    # What a failed module goes back to is what was there before this plan. What was there before the first one is kept for people.
    if [ -e "$state/backup" ]; then
      if [ -e "$state/original" ]; then rm -rf "$state/backup"; else mv "$state/backup" "$state/original"; fi
    fi
    cp "$plan/modules/$module/input" "$state/input"
  fi
  status=$(cat "$state/status" 2> /dev/null || echo pending)
  case $status in
    finished | failed | skipped) return ;;
  esac
  while read -r need; do
    if [ "$(cat "$iw_home/state/$need/status" 2> /dev/null)" != finished ]; then
      : > "$state/output"
      printf 'it comes after %s, which did not succeed\n' "$need" > "$state/detail"
      report "$module" apply skipped "$(date +%s%3N)" 0
      mark "$module" skipped
      return
    fi
  done < "$plan/modules/$module/needs"
  if [ -e "$state/rolled-back" ] && [ ! -e "$iw_home/rollback.d/$module" ]; then tell_rolled_back "$module"; fi
  if [ "$status" = restarting ]; then
    if cmp -s /proc/sys/kernel/random/boot_id "$state/booted"; then restart_now; fi
    mark "$module" applied
    status=applied
    rm -f "$state/attempts"
  fi
  attempts=$(($(cat "$state/attempts" 2> /dev/null || echo 0) + 1))
  printf '%s\n' "$attempts" > "$state/attempts"
  if [ "$attempts" -gt 3 ]; then
    : > "$state/output"
    printf 'the node restarted three times in this module\n' > "$state/detail"
    report "$module" apply failed "$(date +%s%3N)" 0
    give_up "$module"
    return
  fi
  local result
  if [ "$status" = pending ]; then
    step "$module" apply apply.sh
    if [ "$result" = failed ]; then give_up "$module" && return; fi
    if [ -e "$state/reboot" ]; then
      restart "$module"
      give_up "$module" && return
    fi
    mark "$module" applied
    status=applied
  fi
  if [ "$status" = applied ]; then
    step "$module" verify verify.sh
    if [ "$result" = failed ]; then give_up "$module" && return; fi
    mark "$module" verified
  fi
  step "$module" reapply apply.sh
  if [ "$result" = failed ]; then give_up "$module" && return; fi
  rm -f "$state/touched"
  mark "$module" finished
}

# Proxmox VE's own file system appears some seconds after the network; a node without it has nothing to wait for.
if command -v pmxcfs > /dev/null; then
  for _ in {1..60}; do
    if mountpoint -q /etc/pve && [ -w /etc/pve/local ]; then break; fi
    sleep 2
  done
fi
# 9.2 sets a staged subscription key on the first boot, unordered against us.
for _ in {1..60}; do
  [ "$(systemctl is-active proxmox-first-boot-subscription.service 2> /dev/null)" = activating ] || break
  sleep 2
done

# What is still armed here was left by a runner that ended in the middle.
for flag in "$iw_home"/rollback.d/*; do
  if [ -e "$flag" ]; then bash "$iw_home/lib/rollback.sh" "${flag##*/}" 'the plan was interrupted before the change was confirmed' 8>&-; fi
done
if [ -s "$plan/withheld" ]; then show_code; fi
alone || http_configure
while read -r module; do
  run_module "$module"
  [ -z "$renew" ] || prove_again
done < "$plan/order"

outcome=ok
while read -r module; do
  [ "$(cat "$iw_home/state/$module/status")" = finished ] || outcome=failed
done < "$plan/order"

if [ -s "$plan/withheld" ]; then
  if [ "$outcome" = ok ]; then wait_for_code; fi
  outcome=failed
fi

# Ten minutes without a daemon are nothing; after a day nobody waits for the reports any more. What was not sent stays on the disk.
end=$((SECONDS + 86400))
pause=1
until deliver || [ "$SECONDS" -gt "$end" ]; do
  [ -z "$renew" ] || prove_again
  sleep "$pause"
  pause=$((pause * 2))
  [ "$pause" -le 30 ] || pause=30
done
printf '{"run":"%s","result":"%s"}' "$(setting run)" "$outcome" > "$iw_home/work/finished"
told=yes
until alone || insist 60 POST /node/v1/finished "$iw_home/work/answer" "$iw_home/work/finished"; do
  told=''
  case $http_status in
    401) prove_again ;;
    # The run has ended without us: there is nobody left to tell.
    404 | 409 | 410) break ;;
  esac
  [ "$SECONDS" -le "$end" ] || break
  told=yes
done
printf 'the plan has ended: %s\n' "$outcome"
if alone; then tell_born; fi

# From here on the secrets are not needed. The scripts of verify stay, with the values that they compare with; and where the plan holds, the
# credential, with which this node says what no longer does. A plan that was ordered later and failed ends no watch.
rm -f "$iw_home/pending" "$iw_home/plan.sh" "$iw_home/http.log"
if ! alone && { [ -n "$told" ] && [ "$outcome" = ok ] || systemctl --quiet is-enabled ironwake-watch.timer 2> /dev/null; }; then
  watch=yes
else
  watch=''
  rm -f "$iw_home/credential" "$iw_home/curl.conf" "$iw_home/wget.conf"
fi
for file in "$plan"/modules/*/secrets/*; do
  [ -e "$file" ] || continue
  folder=${file%/secrets/*}
  printf '%s\n' "${file##*/}" >> "$folder/gone"
  rm -f "$folder/files/${file##*/}" "$file"
done
rm -rf "$iw_home/work" "$iw_home/restarts"
# The backups stay: they are what the files were before.
find "$iw_home/state" -mindepth 2 -maxdepth 2 ! -name backup ! -name original ! -name kept ! -name status -exec rm -rf {} +
systemctl disable --quiet ironwake-first-boot.service ironwake-rollback.service 2> /dev/null
if [ -n "$watch" ]; then
  for unit in service timer path; do
    install -m 0644 "$iw_home/lib/ironwake-watch.$unit" "/etc/systemd/system/ironwake-watch.$unit"
  done
  systemctl daemon-reload
  systemctl enable --quiet --now ironwake-watch.timer ironwake-watch.path
fi
printf '%s\n' "$outcome" > "$iw_home/result"
# systemd would start the agent again, and the plan has ended; a person wants to know.
if alone && [ "$outcome" != ok ]; then exit 1; fi
