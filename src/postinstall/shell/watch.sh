#!/bin/bash
# Started by ironwake-watch.timer every few minutes, and by ironwake-watch.path when packages have changed: looks whether the last plan still
# holds, once an hour or when packages changed, says what does not, and asks whether there is something to do. The Ironwake server never
# connects to this node to tell it anything: it is asked.
set -u -o pipefail
umask 077
export HOME=/root LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cd /

# shellcheck source=src/postinstall/shell/http.sh
. /var/lib/ironwake/lib/http.sh

work="$iw_home/watch"
mkdir -p "$work"
exec 7> "$iw_home/watch.lock"
flock -n 7 || exit 0
# give_up: this installation is no longer the one that counts, or its credential was revoked.
give_up() {
  printf 'the Ironwake server no longer knows this installation: %s\n' "$http_reason" >&2
  rm -f "$iw_home/credential" "$iw_home/curl.conf" "$iw_home/wget.conf"
  rm -rf "$work"
  systemctl --no-block disable --quiet --now ironwake-watch.timer ironwake-watch.path
  exit 0
}

# Package managers at work leave things in between; what they did is looked at when they have ended.
for _ in {1..120}; do
  # Its advice about patterns of more than 15 characters is about names, of which none here is longer.
  pgrep -x 'apt|apt-get|aptitude|dpkg|unattended-upgr' > /dev/null 2>&1 || break
  sleep 5
done

# Not while a plan runs: things are in between then.
exec 8> "$iw_home/runner.lock"
flock -n 8 || exit 0

last=0
if [ -e "$work/verified" ]; then last=$(stat -c %Y "$work/verified"); fi
packages=/var/lib/dpkg/status
due=''
if [ $(($(date +%s) - last)) -ge 3600 ] || [ "${1:-}" = now ]; then due=yes; fi
if [ -e "$packages" ] && [ "$packages" -nt "$work/verified" ]; then due=yes; fi

http_configure
# What a plan could not hand over, because the server was away for longer than it waits. A credential that is refused is seen below.
deliver_born || true
if [ -n "$due" ]; then
  touch "$work/begun"
  # What changed since it was last looked at: `package old -> new`.
  awk -v since="$(date -d "@$last" '+%Y-%m-%d %H:%M:%S')" \
    '($1 " " $2) >= since && $3 ~ /^(install|upgrade|remove|purge)$/ { sub(":.*", "", $4); print $4, $5, "->", $6 }' \
    /var/log/dpkg.log 2> /dev/null | grep -x '[!-~]*\( [!-~]*\)\{3\}' | sort -u | head -n 50 > "$work/packages" || true
  bash "$iw_home/lib/verify.sh" > "$work/found" 8>&- 7>&- || true
  {
    printf '{"run":"%s","verifications":[' "$(setting run)"
    perl -ne 'my ($module) = /"module":"([a-z0-9-]+)"/ or next; my ($result) = /"result":"(ok|failed)"/ or next;
      my ($detail) = /"detail":"((?:[^"\\]|\\.)*)"/; my ($differences) = /("differences":\[.*\])\}$/;
      print $n++ ? "," : "", "{\"module\":\"$module\",\"result\":\"$result\",\"detail\":\"$detail\"", defined $differences ? ",$differences" : "", "}"' \
      "$work/found"
    printf '],"packages":['
    # On a first look everything is new.
    if [ "$last" -gt 0 ]; then perl -ne 'chomp; s/(["\\])/\\$1/g; print $n++ ? "," : "", "\"$_\""' "$work/packages"; fi
    printf ']}'
  } > "$work/report"
else
  printf '{"run":"%s"}' "$(setting run)" > "$work/report"
fi

# The timer comes again soon: what is not told now is looked at again then.
if ! request POST /node/v1/watch "$work/answer" "$work/report"; then
  case $http_status in
    # Not 404: a server that was set back to a release without this route is no reason to stop looking for ever.
    401 | 410) give_up ;;
  esac
  printf 'the Ironwake server did not answer: %s\n' "$http_reason" >&2
  exit 0
fi
if [ -n "$due" ]; then mv -f "$work/begun" "$work/verified"; fi

# The server's keys of now and next, so that a change of the certificate finds this node prepared.
pins=$(json_text "$work/answer" pins)
if grep -q -x 'sha256//[A-Za-z0-9+/=]\{44\}\(;sha256//[A-Za-z0-9+/=]\{44\}\)*' <<< "$pins" && [ "$pins" != "$(setting pins)" ]; then
  printf '%s' "$pins" > "$iw_home/settings/pins.new"
  mv -f "$iw_home/settings/pins.new" "$iw_home/settings/pins"
  http_configure
fi

if [ "$(json_text "$work/answer" order)" = apply ]; then
  if request GET /node/v1/plan "$work/plan" && [ "$(tail -n 1 "$work/plan")" = '# end of plan' ]; then
    # From here on as on the first boot: the agent runs it, and goes on with it after a restart.
    rm -f "$iw_home/result"
    mv -f "$work/plan" "$iw_home/plan.sh"
    : > "$iw_home/pending"
    exec 8>&-
    systemctl enable --quiet ironwake-first-boot.service
    systemctl start --no-block ironwake-first-boot.service
  else
    rm -f "$work/plan"
    printf 'the plan could not be fetched: %s\n' "${http_reason:-it arrived incomplete}" >&2
  fi
fi
