#!/bin/bash
# Started by ironwake-first-boot.service at every boot until the plan has ended: proves this node's host key, gets credential and plan,
# and runs the plan. Everything on disk is written so that a power cut between two lines does no harm.
set -u -o pipefail
umask 077
export HOME=/root LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cd /

# shellcheck source=src/postinstall/shell/http.sh
. /var/lib/ironwake/agent/http.sh

exec 8> "$iw_home/agent.lock"
flock 8

key=/etc/ssh/ssh_host_ed25519_key
work="$iw_home/work"
mkdir -p "$work"

# Cancelled, failed or given up: nobody waits for this node any more. What was configured stays as it is.
over() {
  printf 'the installation is over on the Ironwake server: this node asks no more\n' >&2
  # What modules made is in use here, whatever has become of the installation: it is handed over for as long as somebody takes it.
  deliver_born || true
  rm -f "$iw_home/pending" "$iw_home/credential" "$iw_home/curl.conf" "$iw_home/wget.conf" "$iw_home/plan.sh" "$iw_home/http.log"
  rm -rf "$iw_home/plan" "$work"
  systemctl disable --quiet ironwake-first-boot.service ironwake-rollback.service 2> /dev/null
  printf 'over\n' > "$iw_home/result"
  exit 0
}

get_credential() {
  local run nonce signature pause=5
  run=$(setting run)
  while :; do
    printf '{"run":"%s"}' "$run" > "$work/challenge"
    insist 0 POST /node/v1/challenge "$work/answer" "$work/challenge" || over
    nonce=$(json_token "$work/answer" nonce)
    if [ -n "$nonce" ] && printf '%s' "$nonce" > "$work/nonce" && rm -f "$work/nonce.sig" &&
      ssh-keygen -q -Y sign -f "$key" -n ironwake "$work/nonce" < /dev/null; then
      signature=$(perl -0777 -pe 's/\n/\\n/g' "$work/nonce.sig")
      printf '{"run":"%s","nonce":"%s","signature":"%s"}' "$run" "$nonce" "$signature" > "$work/proof"
      if request POST /node/v1/credential "$work/answer" "$work/proof"; then
        json_token "$work/answer" credential > "$work/credential"
        if [ -s "$work/credential" ]; then
          mv -f "$work/credential" "$iw_home/credential"
          http_configure
          rm -f "$work/answer" "$work/proof"
          return
        fi
      fi
    fi
    printf 'no credential yet: %s\n' "${http_reason:-the answer cannot be read}" >&2
    sleep "$pause"
    pause=$((pause * 2))
    [ "$pause" -le 300 ] || pause=300
  done
}

if [ ! -s "$key" ]; then
  # Debian makes the host keys when openssh-server is configured; a node without one cannot prove who it is.
  printf 'this node has no %s: is openssh-server installed?\n' "$key" >&2
  exit 1
fi
http_configure

# The confirmation code: host key, the server keys that the installer brought (a plan may bring newer ones later), run. The daemon makes the
# same (src/trust/confirmation-code.ts); a person compares them when the profile wants that.
if [ ! -s "$iw_home/code" ]; then
  fingerprint=$(ssh-keygen -l -E sha256 -f "$key" | cut -d' ' -f2)
  printf 'ironwake confirmation\n%s\n%s\n%s\n' "$fingerprint" "$(setting pins)" "$(setting run)" | sha256sum |
    cut -c1-12 | tr 0-9a-f bcdfghjkmnpqrstv | sed 's/..../&-/g; s/-$//' > "$iw_home/code.new"
  mv -f "$iw_home/code.new" "$iw_home/code"
fi

until [ -e "$iw_home/plan.sh" ]; do
  [ -s "$iw_home/credential" ] || get_credential
  if ! insist 60 GET /node/v1/plan "$work/plan"; then
    # A credential that is no longer taken is made anew: the run may have got another generation.
    if [ "$http_status" = 401 ]; then rm -f "$iw_home/credential" && http_configure; fi
    [ "$http_status" != 410 ] || over
    continue
  fi
  # A plan that was cut short must not run: its last line says that it is whole.
  if [ "$(tail -n 1 "$work/plan")" = '# end of plan' ]; then
    mv -f "$work/plan" "$iw_home/plan.sh"
  else
    printf 'the plan arrived incomplete, asking again\n' >&2
    sleep 5
  fi
done

# Revoked while the plan ran: the runner ended, and a new one is asked for with the host key.
[ -s "$iw_home/credential" ] || get_credential
bash "$iw_home/plan.sh" 8>&-
