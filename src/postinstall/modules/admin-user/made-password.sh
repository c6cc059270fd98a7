# shellcheck shell=bash
# A password that was made here is known to the person who read it, and here by the entry of /etc/shadow that came of it. That outlives
# the plan: another plan is no reason for another password.
made_password_file() { printf '%s/../done/%s.password-%s' "$IRONWAKE_LIB" "$IRONWAKE_MODULE" "$1"; }

shadow_of() { getent shadow "$1" | cut -d: -f2 | sha256sum | cut -d' ' -f1; }

# has_made_password USER: whether the password is still the one that was made here.
has_made_password() { [ "$(cat "$(made_password_file "$1")" 2> /dev/null)" = "$(shadow_of "$1")" ]; }
