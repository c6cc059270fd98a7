# shellcheck shell=bash
# run_script run SECONDS, run_script verify: runs one of the two scripts of the profile with its arguments, in a folder of its own, under a limit of time.
# Ends as it ends; 124 when it took too long. A verification has 50 seconds whenever it runs: less than the minute after which the hourly look
# would end it (shell/verify.sh).
run_script() {
  local file="$PWD/files/$1" code=0 work secrets key line
  local -a arguments=()
  mapfile -d '' -t arguments < parameters/arguments
  # Not in /tmp: there it might not be allowed to execute, and a kill would leave the secrets behind. This folder is root's, and ends with the plan.
  work=$(mktemp -d "$IRONWAKE_STATE/script.XXXXXX")
  secrets=$(mktemp -d "$IRONWAKE_STATE/secrets.XXXXXX")
  while read -r key; do
    # Later, on the node that has long been ready, the secrets are gone.
    if [ -e "files/secret-$key" ]; then cp "files/secret-$key" "$secrets/$key"; fi
  done < parameters/secrets
  read -r -n 2 line < "$file" || true
  # As the file itself, for the kernel to find its interpreter; a copy, because a verification must not change the plan's own.
  cp "$file" "$work/.script"
  chmod 0700 "$work/.script"
  local -a command=(bash "$work/.script")
  if [ "$line" = '#!' ]; then command=("$work/.script"); fi
  local -a born=()
  if [ "$1" = run ] && [ -s parameters/hands-over ]; then
    (umask 077 && mkdir -p "$(born_folder)")
    born=(IRONWAKE_BORN="$(born_folder)")
  fi
  (
    cd "$work" || exit 1
    exec env -i HOME=/root LC_ALL=C.UTF-8 PATH="$PATH" IRONWAKE_SECRETS="$secrets" IRONWAKE_SCRIPT="$(cat "$OLDPWD/parameters/name")" "${born[@]}" \
      timeout --kill-after=10 "${2:-50}" "${command[@]}" "${arguments[@]}"
  ) < /dev/null 2>&1 || code=$?
  rm -rf "$work" "$secrets"
  return "$code"
}

# Where a script leaves what it hands over. It outlives a step that was killed.
born_folder() { printf '%s/handed-over' "$IRONWAKE_STATE"; }

# hand_over: what a script has left there, however it ended: it may be in use.
hand_over() {
  local file name
  for file in "$(born_folder)"/*; do
    [ -f "$file" ] || continue
    name=${file##*/}
    grep -qxF -- "$name" parameters/hands-over || fail "it made a secret that handsOver does not name: $name"
    born "$name" < "$file"
    rm -f "$file"
  done
}

# last_line FILE: the last line of what a script has printed that says something.
last_line() { grep -v '^[[:space:]]*$' "$1" | tail -n 1 || true; }

# What the one without a verification has run with last. A plan may be another and the script the same: it outlives the plan.
done_file() { printf '%s/../done/%s' "$IRONWAKE_LIB" "$IRONWAKE_MODULE"; }
