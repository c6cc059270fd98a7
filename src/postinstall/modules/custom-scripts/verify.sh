#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"
# shellcheck source=src/postinstall/modules/custom-scripts/run.sh
. ./run.sh

if [ -e files/verify ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  code=0
  run_script verify > "$work/output" || code=$?
  cat "$work/output"
  if [ "$code" -eq 0 ]; then
    expect "script $(parameter name)" 'verification ends with 0' 'verification ends with 0'
  else
    said=$(last_line "$work/output")
    expect "script $(parameter name)" 'verification ends with 0' "status $code${said:+: $said}"
  fi
else
  expect "script $(parameter name)" 'has run' \
    "$([ "$(cat "$(done_file)" 2> /dev/null)" = "$(cat files/run parameters/arguments | sha256sum | cut -d' ' -f1)" ] && echo 'has run' || echo 'has not run')"
fi
verified
