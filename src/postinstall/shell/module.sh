# shellcheck shell=bash
# What the scripts of a module have at hand. They start in their module's folder with `. "$IRONWAKE_LIB/module.sh"`; the runner sets
# IRONWAKE_MODULE (name), IRONWAKE_STATE (a folder of this module that outlives restarts), IRONWAKE_CHANGES and IRONWAKE_DETAIL (files).
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
  if [ -e "$copy" ] || [ -e "$copy.absent" ]; then return 0; fi
  mkdir -p "$(dirname "$copy")"
  if [ -e "$1" ]; then cp -a "$1" "$copy"; else : > "$copy.absent"; fi
}

# restore PATH: the file as `keep` found it. Nothing happens when it was never kept.
restore() {
  local copy="$IRONWAKE_STATE/backup$1"
  if [ -e "$copy.absent" ]; then
    rm -f "$1" "$copy.absent"
  elif [ -e "$copy" ]; then
    cp -a "$copy" "$1.ironwake-new"
    mv -f "$1.ironwake-new" "$1"
    rm -f "$copy"
  fi
}

# install_file SOURCE TARGET MODE: puts a file in place at once and as a whole; a file that is right already is left alone.
install_file() {
  if [ -f "$2" ] && cmp -s "$1" "$2" && [ "$(stat -c %a "$2")" = "${3#0}" ]; then return 0; fi
  keep "$2"
  install -D -m "$3" "$1" "$2.ironwake-new"
  mv -f "$2.ironwake-new" "$2"
  changed "$2"
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

# expect NAME WANTED ACTUAL: one line of a verification. `verified` at the end fails when one of them differed.
drift=''
expect() {
  if [ "$2" = "$3" ]; then
    printf 'ok: %s\n' "$1"
  else
    printf 'differs: %s: should be %s, is %s\n' "$1" "${2:-nothing}" "${3:-nothing}"
    [ -n "$drift" ] || drift="$1 should be ${2:-nothing}, is ${3:-nothing}"
  fi
}
verified() { if [ -n "$drift" ]; then fail "$drift"; fi; }

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
