#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"
# shellcheck source=src/postinstall/modules/custom-scripts/run.sh
. ./run.sh

output="$IRONWAKE_STATE/script.out"
limit=$(parameter time-limit)
content=$(cat files/run parameters/arguments | sha256sum | cut -d' ' -f1)

# Left by a script that was killed with its step.
hand_over

if [ -e files/verify ]; then
  if run_script verify > "$output"; then
    printf 'as it has to be already\n'
    exit 0
  fi
elif [ "$(cat "$(done_file)" 2> /dev/null)" = "$content" ]; then
  printf 'has run already\n'
  exit 0
fi

code=0
run_script run "$limit" > "$output" || code=$?
cat "$output"
hand_over
said=$(last_line "$output")
case $code in
  0) ;;
  124 | 137) fail "it took longer than $limit s${said:+; it last said: $said}" ;;
  *) fail "it ended with status $code${said:+: $said}" ;;
esac
if [ -e files/verify ]; then
  run_script verify > "$output" || fail "it has run, and its verification says: $(last_line "$output")"
else
  mkdir -p "$IRONWAKE_LIB/../done"
  printf '%s\n' "$content" > "$(done_file)"
fi
changed "script $(parameter name)"
