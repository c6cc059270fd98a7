# shellcheck shell=bash
# How the node talks to the daemon: TLS with public-key pins, curl or wget. Addresses, pins and the credential reach them through
# configuration files that only root can read, never through arguments or the environment.

iw_home=/var/lib/ironwake
# Set by `request`: the status of the answer, 000 when there was none, and one line that says why.
http_status=000
http_reason=''
# How long one request may take, in seconds.
http_limit=120

setting() { cat "$iw_home/settings/$1"; }

# server_address: the daemon's IPv4 address; nothing where there is no daemon (`plan export`).
server_address() {
  local host
  host=$(setting base 2> /dev/null | sed -n 's|^https://\([^/:]*\).*|\1|p' || true)
  if [ -z "$host" ]; then return 0; fi
  getent ahostsv4 "$host" | awk 'NR == 1 { print $1 }' || true
}

# Writes curl's and wget's configuration anew; called whenever the credential has changed.
http_configure() (
  umask 077
  pins=$(setting pins)
  credential=''
  if [ -s "$iw_home/credential" ]; then credential=$(cat "$iw_home/credential"); fi
  {
    printf '%s\n' silent show-error insecure 'noproxy = "*"' 'proto = "=https"' 'connect-timeout = 10'
    printf 'pinnedpubkey = "%s"\n' "$pins"
    printf 'header = "Content-Type: application/json"\nheader = "Expect:"\n'
    [ -z "$credential" ] || printf 'header = "Authorization: Bearer %s"\n' "$credential"
  } > "$iw_home/curl.conf.new"
  {
    printf '%s\n' 'verbose = off' 'server_response = on' 'content_on_error = on' 'check_certificate = off' 'use_proxy = off' \
      'tries = 1' 'connect_timeout = 10' 'max_redirect = 0' 'hsts = off'
    printf 'pinnedpubkey = %s\n' "$pins"
    printf 'header = Content-Type: application/json\n'
    [ -z "$credential" ] || printf 'header = Authorization: Bearer %s\n' "$credential"
  } > "$iw_home/wget.conf.new"
  mv -f "$iw_home/curl.conf.new" "$iw_home/curl.conf"
  mv -f "$iw_home/wget.conf.new" "$iw_home/wget.conf"
)

# request METHOD PATH OUT [BODY]: the answer's body goes to the file OUT, BODY is a file. 0 when the status is 2xx.
request() {
  local method=$1 url out=$3 body=${4:-} code=0 log="$iw_home/http.log"
  local -a arguments
  url=$(setting base)$2
  http_status=000
  http_reason=''
  : > "$out"
  if command -v curl > /dev/null; then
    arguments=(-q -K "$iw_home/curl.conf" -m "$http_limit" -X "$method" -o "$out" -w '%{http_code}')
    [ -z "$body" ] || arguments+=(--data-binary "@$body")
    http_status=$(curl "${arguments[@]}" "$url" 2> "$log" < /dev/null) || code=$?
    [ "$code" -ne 90 ] || http_reason="the server's key is not one of those that this node was told"
  elif command -v wget > /dev/null; then
    arguments=(-O "$out" "--read-timeout=$http_limit")
    [ -z "$body" ] || arguments+=("--post-file=$body")
    WGETRC="$iw_home/wget.conf" wget "${arguments[@]}" "$url" 2> "$log" < /dev/null || code=$?
    http_status=$(sed -n 's/^ *HTTP\/[0-9.]* \([0-9][0-9][0-9]\).*/\1/p' "$log" | tail -n 1)
    [ -n "$http_status" ] || http_status=000
    if [ "$code" -eq 5 ]; then http_reason="the server's key is not one of those that this node was told"; fi
  else
    http_reason='neither curl nor wget is installed'
    return 1
  fi
  case $http_status in
    2??) if [ "$code" -eq 0 ]; then return 0; fi ;;
  esac
  if [ "$http_status" != 000 ]; then
    http_reason="answered $http_status"
  elif [ -z "$http_reason" ]; then
    http_reason=$(tail -n 1 "$log")
  fi
  return 1
}

# insist SECONDS METHOD PATH OUT [BODY]: repeats the request with growing pauses until it is answered 2xx. SECONDS 0: for ever. A run that is
# over (410) will never be answered otherwise.
insist() {
  local limit=$1 pause=1 from=$SECONDS said=''
  shift
  until request "$@"; do
    if [ "$limit" -gt 0 ] && [ $((SECONDS - from)) -ge "$limit" ]; then return 1; fi
    if [ "$http_status" = 410 ]; then return 1; fi
    if [ "$http_reason" != "$said" ]; then
      said=$http_reason
      printf 'waiting for the Ironwake server (%s): %s\n' "$2" "$said" >&2
    fi
    sleep "$pause"
    pause=$((pause * 2))
    # A daemon that restarts is back in seconds; one that is away for long, or that has given the run up, is asked seldom.
    if [ $((SECONDS - from)) -lt 900 ]; then
      [ "$pause" -le 30 ] || pause=30
    else
      [ "$pause" -le 300 ] || pause=300
    fi
    # Address or pins may have been written anew meanwhile: by the hook of a repeated installation, say.
    http_configure
  done
}

# json_text FILE KEY: the text of a key in a small answer of the daemon; empty when it holds an escape.
json_text() {
  tr -d '\n' < "$1" | sed -n "s/.*\"$2\"[[:space:]]*:[[:space:]]*\"\\([^\"\\\\]*\\)\".*/\\1/p"
}

# json_token FILE KEY: the same for a nonce or credential, which goes on into other files: only characters that mean nothing there.
json_token() { json_text "$1" "$2" | grep -x '[A-Za-z0-9+/=_.~-]*' || true; }

# deliver_born: hands over the secrets that modules made on this node (`born` in module.sh): one file each, which only root can read, until
# the server has it, sealed. 0 when nothing waits that it could take now, 2 when the credential is no longer taken.
deliver_born() {
  local file left=0
  for file in "$iw_home"/born/*.json; do
    [ -e "$file" ] || continue
    if request POST /node/v1/born "$iw_home/born/answer" "$file"; then
      rm -f "$file"
      continue
    fi
    case $http_status in
      400 | 410 | 413 | 422)
        # It will never be taken, and this may be the only place where it is: it stays on this disk, for root.
        printf 'the Ironwake server did not take a secret (%s), it stays in %s\n' "$http_reason" "$iw_home/born/refused" >&2
        mkdir -p "$iw_home/born/refused"
        mv -f "$file" "$iw_home/born/refused/"
        ;;
      404 | 409 | 429)
        # Later: an older server, a node that has made more than anybody reads. No plan waits for that; the watch comes back to it.
        printf 'the Ironwake server does not take a secret now: %s\n' "$http_reason" >&2
        ;;
      401)
        left=2
        break
        ;;
      *)
        left=1
        break
        ;;
    esac
  done
  rm -f "$iw_home/born/answer"
  return "$left"
}
