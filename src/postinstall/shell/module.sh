# shellcheck shell=bash
# What the scripts of a module have at hand. They start in their module's folder with `. "$IRONWAKE_LIB/module.sh"`; the runner sets
# IRONWAKE_MODULE (name), IRONWAKE_STATE (a folder of this module that outlives restarts; what lies below its `kept` outlives the plan),
# IRONWAKE_STEP (apply, verify, reapply, rollback, or drift: verify on a node that has long been ready), and files for what is told:
# IRONWAKE_CHANGES, IRONWAKE_DETAIL, IRONWAKE_DIFFERENCES. In a plan, units to start at its end stand in IRONWAKE_AFTER_PLAN.
set -eEu -o pipefail
umask 022
# A command that fails where nobody expected it: its text as it stands in the script, no values.
trap 'printf "line %s failed: %s\n" "$LINENO" "$BASH_COMMAND" >&2' ERR

# parameter NAME: prints the parameter. Lists are one item a line.
parameter() {
  if [ ! -e "parameters/$1" ]; then fail "module $IRONWAKE_MODULE was given no parameter $1"; fi
  cat "parameters/$1"
}

# changed TEXT: says that the node is no longer as it was. A second run of apply must not get here.
changed() {
  printf '%s\n' "$1" >> "$IRONWAKE_CHANGES"
  printf 'changed: %s\n' "$1"
}

# fail TEXT: ends the script; the text is the line that the administrator reads first.
fail() {
  printf '%s\n' "$1" > "$IRONWAKE_DETAIL"
  printf 'failed: %s\n' "$1" >&2
  exit 1
}

# keep PATH: remembers a file as it is, once, for `restore`.
keep() {
  local copy="$IRONWAKE_STATE/backup$1"
  # A link is kept as such, also one that leads nowhere from where the copy lies.
  if is_there "$copy" || [ -e "$copy.absent" ]; then return 0; fi
  mkdir -p "$(dirname "$copy")"
  if is_there "$1"; then
    # In two steps: a copy that was cut short must not pass for the file.
    rm -rf "$IRONWAKE_STATE/keeping"
    cp -a "$1" "$IRONWAKE_STATE/keeping"
    on_disk "$IRONWAKE_STATE/keeping"
    mv -f "$IRONWAKE_STATE/keeping" "$copy"
  else
    : > "$copy.absent"
  fi
}
is_there() { [ -e "$1" ] || [ -L "$1" ]; }
# on_disk FILE: its content outlives a power cut. A rename that reaches the disk before what it names would leave an empty file.
on_disk() { if [ -f "$1" ]; then sync "$1"; fi; }

# restore PATH: the file as `keep` found it. Nothing happens when it was never kept.
restore() {
  local copy="$IRONWAKE_STATE/backup$1"
  if [ -e "$copy.absent" ]; then
    rm -f "$1" "$copy.absent"
  elif is_there "$copy"; then
    cp -a "$copy" "$1.ironwake-new"
    on_disk "$1.ironwake-new"
    mv -f "$1.ironwake-new" "$1"
    rm -f "$copy"
  fi
}

# install_file SOURCE TARGET MODE: puts a file in place at once and as a whole; a file that is right already is left alone.
install_file() {
  if [ -f "$2" ] && cmp -s "$1" "$2" && [ "$(stat -c %a "$2")" = "${3#0}" ]; then return 0; fi
  keep "$2"
  install -D -m "$3" "$1" "$2.ironwake-new"
  on_disk "$2.ironwake-new"
  mv -f "$2.ironwake-new" "$2"
  changed "$2"
}

# remove_file PATH: a file that must not be there.
remove_file() {
  is_there "$1" || return 0
  keep "$1"
  rm -f "$1"
  changed "$1 removed"
}

# keep_unit UNIT: remembers, once, whether a unit is enabled and runs. restore_unit UNIT brings that back; files of its go first.
keep_unit() {
  local kept="$IRONWAKE_STATE/backup/unit-$1"
  [ ! -e "$kept" ] || return 0
  mkdir -p "$IRONWAKE_STATE/backup"
  printf '%s %s\n' "$(unit_state is-enabled "$1")" "$(unit_state is-active "$1")" > "$kept"
}
unit_state() {
  local state
  state=$(systemctl "$1" "$2" 2> /dev/null || true)
  printf '%s' "${state:-absent}"
}
# was_active UNIT: whether it ran when `keep_unit` looked.
was_active() { [ "$(cut -d' ' -f2 "$IRONWAKE_STATE/backup/unit-$1" 2> /dev/null)" = active ]; }
restore_unit() {
  local kept="$IRONWAKE_STATE/backup/unit-$1" enabled active
  [ -e "$kept" ] || return 0
  read -r enabled active < "$kept"
  rm -f "$kept"
  if [ "$(systemctl show --property=LoadState --value "$1")" = not-found ]; then
    printf '%s is no longer installed\n' "$1"
    return 0
  fi
  [ "$enabled" = masked ] || systemctl --quiet unmask "$1"
  case $enabled in
    enabled | enabled-runtime) systemctl --quiet enable "$1" ;;
    masked)
      # Stopped first: a timer that is masked while it waits counts as failed.
      systemctl stop "$1"
      systemctl --quiet mask "$1"
      ;;
    disabled | absent | not-found) systemctl --quiet disable "$1" ;;
  esac
  # One that is on its way to run was meant to.
  case $active in
    active | activating | reloading) systemctl restart "$1" ;;
    *) systemctl stop "$1" ;;
  esac
  printf 'as before: %s %s, %s\n' "$1" "$enabled" "$active"
}

# start_after_plan UNIT: for an enabled unit that must not run while the plan does, as a timer of apt would take its locks from the modules that
# come next: the runner starts it when the plan has ended.
start_after_plan() {
  if [ -n "${IRONWAKE_AFTER_PLAN:-}" ]; then printf '%s\n' "$1" >> "$IRONWAKE_AFTER_PLAN"; else systemctl start "$1"; fi
}

# restore_all: every file that `keep` has remembered.
restore_all() {
  local file
  [ -d "$IRONWAKE_STATE/backup" ] || return 0
  while read -r file; do
    restore "$file"
    printf 'restored: %s\n' "$file"
  done < <(cd "$IRONWAKE_STATE/backup" && find . -mindepth 2 ! -type d | sed 's/^\.//; s/\.absent$//')
}

# install_pve SOURCE TARGET, restore_pve PATH: the same below /etc/pve, whose file system gives every file its own rights and refuses others.
install_pve() {
  if [ -f "$2" ] && cmp -s "$1" "$2"; then return 0; fi
  keep "$2"
  mkdir -p "$(dirname "$2")"
  cat "$1" > "$2.ironwake-new"
  mv -f "$2.ironwake-new" "$2"
  changed "$2"
}
restore_pve() {
  # At boot, before that file system is mounted, there is nothing to restore into: the runner comes back to it.
  [ -d /etc/pve/local ] || fail '/etc/pve is not mounted yet'
  local copy="$IRONWAKE_STATE/backup$1"
  if [ -e "$copy.absent" ]; then
    rm -f "$1" "$copy.absent"
  elif [ -e "$copy" ]; then
    cat "$copy" > "$1.ironwake-new"
    mv -f "$1.ironwake-new" "$1"
    rm -f "$copy"
  fi
}

# apt_get ARGUMENTS...: without questions, patient with every lock: apt's own option covers dpkg's lock only.
apt_get() {
  local log="$IRONWAKE_STATE/apt.log" from=$SECONDS code
  local -x DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true APT_LISTCHANGES_FRONTEND=none NEEDRESTART_MODE=l
  local -x UCF_FORCE_CONFFOLD=1
  while :; do
    code=0
    apt-get -y -q -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold -o DPkg::Lock::Timeout=300 \
      -o APT::Color=0 -o Dpkg::Use-Pty=0 "$@" > "$log" 2>&1 < /dev/null || code=$?
    if [ "$code" -ne 0 ] && [ $((SECONDS - from)) -lt 600 ] &&
      grep -q -E 'Could not get lock|Unable to (lock|acquire)|is another process using it' "$log"; then
      printf 'another program holds a lock of apt, waiting\n'
      sleep 5
      continue
    fi
    cat "$log"
    return "$code"
  done
}

# in_plan: true while the plan runs. Every verify runs again each hour of the node's life, where it must be quick and leave the network alone:
# what asks a server or takes seconds is for the plan only.
in_plan() { [ "$IRONWAKE_STEP" != drift ]; }

# secret_is_gone NAME: the module was given this secret file, and it went when the plan had ended. verify then compares with what it remembered.
secret_is_gone() { [ ! -e "files/$1" ] && grep -qxF "$1" gone 2> /dev/null; }

# remember NAME: stores standard input until the module's next plan, for a verify that has to compare with what was there. Never a secret.
remember() {
  mkdir -p "$IRONWAKE_STATE/kept"
  cat > "$IRONWAKE_STATE/kept/$1"
}

# remembered NAME: prints it; nothing when there is none.
remembered() { cat "$IRONWAKE_STATE/kept/$1" 2> /dev/null || true; }

# born NAME: in apply. Hands the secret on standard input (text of up to 8 KiB; a line feed at its end is dropped) over to the administrator,
# who reads it once. It goes sealed to the Ironwake server as soon as the step has been reported, lies until then in a file that only root can
# read, and is masked in this module's reports. Call it before the secret is put to use: what is in use and was not kept is lost. A second
# apply has to find the secret in use and not make another one; a newer one of the same name replaces one that nobody has read.
born() {
  local home="$IRONWAKE_LIB/.." kept="$IRONWAKE_STATE/born/$1" size
  [[ $1 =~ ^[a-z][a-z0-9_-]{0,62}$ ]] || fail "'$1' is not a name for a secret"
  [ "$IRONWAKE_STEP" = apply ] || [ "$IRONWAKE_STEP" = reapply ] || fail "only apply hands secrets over, $IRONWAKE_STEP does not"
  (
    umask 077
    mkdir -p "$IRONWAKE_STATE/born" "$home/born"
    # shellcheck disable=SC2016
    perl -0777 -pe 's/\r?\n\z//' > "$kept.new"
    # The older one is masked for as long as the plan runs, too.
    if [ -e "$kept" ]; then mv -f "$kept" "$kept.$(date +%s%N)"; fi
    mv -f "$kept.new" "$kept"
  )
  size=$(stat -c %s "$kept")
  if [ "$size" -lt 1 ] || [ "$size" -gt 8192 ]; then fail "the secret $1 has $size bytes: it may have 1 to 8192"; fi
  perl -0777 -ne 'exit(/\0/ || !utf8::decode($_) ? 1 : 0)' "$kept" || fail "the secret $1 is no text"
  (
    umask 077
    {
      printf '{"run":"%s","delivery":"%s",' "$(cat "$home/settings/run")" "$(cat /proc/sys/kernel/random/uuid)"
      printf '"module":"%s","name":"%s","value":"' "$IRONWAKE_MODULE" "$1"
      base64 -w 0 "$kept"
      printf '"}'
    } > "$home/born/$IRONWAKE_MODULE.$1.new"
    mv -f "$home/born/$IRONWAKE_MODULE.$1.new" "$home/born/$IRONWAKE_MODULE.$1.json"
    sync "$home/born/$IRONWAKE_MODULE.$1.json" "$home/born"
  )
  changed "secret $1 handed over"
}

# expect NAME WANTED ACTUAL: one line of a verification. `verified` at the end fails when one of them differed.
drift=''
expect() {
  local wanted=${2:-nothing} actual=${3:-nothing}
  if [ "$2" = "$3" ]; then
    printf 'ok: %s\n' "$1"
    return 0
  fi
  wanted=$(one_line "$wanted")
  actual=$(one_line "$actual")
  printf 'differs: %s: expected %s, found %s\n' "$1" "$wanted" "$actual"
  printf '%s\t%s\t%s\n' "$(one_line "$1")" "$wanted" "$actual" >> "$IRONWAKE_DIFFERENCES"
  [ -n "$drift" ] || drift="$1: expected $wanted, found $actual"
}
verified() { if [ -n "$drift" ]; then fail "$drift"; fi; }

# holds: whether this module's own verify finds everything as wanted. For an apply whose work is more than its files.
holds() { [ -e ./verify.sh ] && IRONWAKE_STEP=drift \
  IRONWAKE_DETAIL="$IRONWAKE_STATE/holds.detail" IRONWAKE_DIFFERENCES="$IRONWAKE_STATE/holds.differences" bash ./verify.sh > /dev/null 2>&1; }

one_line() {
  # Not cut here: half a secret would not be known as one.
  printf '%s' "${1//[$'\n\t\r']/ }"
}

# expect_file WANTED PATH [MODE]: the file PATH holds what the file WANTED of the module holds, and has these rights (0644 unless told).
expect_file() {
  local mode=${3:-0644} line wanted actual
  if [ ! -f "$2" ]; then
    expect "$2" 'the file' 'no such file'
    return 0
  fi
  if cmp -s "$1" "$2"; then
    expect "$2" same same
  else
    # The first line that is another one says more than two digests.
    # shellcheck disable=SC2016
    perl -e 'open my $a, "<:raw", $ARGV[0]; open my $b, "<:raw", $ARGV[1]; my $n = 0;
      while (1) { my ($x, $y) = (scalar <$a>, scalar <$b>); $n++; next if defined $x && defined $y && $x eq $y;
        for ($x, $y) { $_ = defined $_ ? (s/\n\z// ? $_ : "$_ (without end of line)") : "the end of the file" }
        print "$n\n$x\n$y\n"; last }' "$1" "$2" > "$IRONWAKE_DIFFERENCES.line"
    {
      read -r line
      IFS= read -r wanted
      IFS= read -r actual
    } < "$IRONWAKE_DIFFERENCES.line"
    rm -f "$IRONWAKE_DIFFERENCES.line"
    expect "$2 line $line" "$wanted" "$actual"
  fi
  expect "rights of $2" "${mode#0}" "$(stat -L -c %a "$2")"
}

# request_reboot REASON: in apply. The runner restarts the node when apply has ended, then goes on with verify; the second apply must not ask again.
request_reboot() {
  printf '%s\n' "$1" > "$IRONWAKE_STATE/reboot"
  changed "restart: $1"
}

# pve_task COMMAND...: for what starts a task of Proxmox VE (`pvesh create ...`, `pvecm`, `pveam`): those end with 0 although the task failed
# (pve-manager, CLI/pvesh.pm), so the task itself is asked. The output of the command is printed; the last line with a UPID counts.
pve_task() {
  local out="$IRONWAKE_STATE/task.out" code=0 upid status
  "$@" > "$out" 2>&1 < /dev/null || code=$?
  cat "$out"
  [ "$code" -eq 0 ] || fail "$1 ${2:-} ${3:-} ended with status $code: $(tail -n 1 "$out")"
  upid=$(grep -o 'UPID:[A-Za-z0-9.-]*:[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f]*:[^:]*:[^:]*:[^: ]*:' "$out" | tail -n 1 || true)
  [ -n "$upid" ] || return 0
  for _ in {1..600}; do
    status=$(pvesh get "/nodes/$(cut -d: -f2 <<< "$upid")/tasks/$upid/status" --output-format json) ||
      fail "the task of $1 ${2:-} ${3:-} cannot be looked up"
    if [ "$(json_value status <<< "$status")" != running ]; then break; fi
    sleep 1
  done
  status=$(json_value exitstatus <<< "$status")
  case $status in
    OK | WARNINGS*) return 0 ;;
  esac
  fail "the task of $1 ${2:-} ${3:-} failed: ${status:-it does not end}"
}

# json_value KEY: the text or number of a key in flat JSON on standard input. Proxmox prints booleans as 0 and 1, numbers sometimes as text.
json_value() {
  perl -0777 -ne 'if (/"\Q'"$1"'\E"\s*:\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,}\]]+))/) { $_ = defined $1 ? $1 : $2; s/\\(["\\\/])/$1/g; print }'
}

# rollback_arm SECONDS: from here on the module's rollback.sh runs unless `rollback_disarm` comes first: after SECONDS, or, because a
# timer dies with a restart, at the next boot.
rollback_arm() {
  local unit="ironwake-rollback-$IRONWAKE_MODULE"
  mkdir -p "$IRONWAKE_LIB/../rollback.d"
  : > "$IRONWAKE_LIB/../rollback.d/$IRONWAKE_MODULE"
  sync
  systemctl stop "$unit.timer" 2> /dev/null || true
  systemctl reset-failed "$unit.service" "$unit.timer" 2> /dev/null || true
  systemd-run --quiet --collect --unit="$unit" --on-active="$1" --timer-property=AccuracySec=1s \
    /bin/bash "$(realpath "$IRONWAKE_LIB/rollback.sh")" "$IRONWAKE_MODULE" "nobody confirmed it within $1 seconds"
}

# rollback_disarm: fails when the rollback was faster.
rollback_disarm() {
  (
    flock 9
    [ -e "$IRONWAKE_LIB/../rollback.d/$IRONWAKE_MODULE" ] || exit 1
    rm -f "$IRONWAKE_LIB/../rollback.d/$IRONWAKE_MODULE"
  ) 9> "$IRONWAKE_LIB/../rollback.lock" || return 1
  systemctl stop "ironwake-rollback-$IRONWAKE_MODULE.timer" 2> /dev/null || true
}
