#!/usr/bin/python3
"""The installer's HTTP client: one request, a minute, no retry, the leaf certificate pinned by SHA-256, and which statuses count.

    wire.py --rows     one JSON object a line, {"release", "purpose", "status"}; one verdict a line (see `outcome`)
"""
import gzip
import hashlib
import http.client
import ipaddress
import json
import re
import socket
import ssl
import sys
import urllib.parse

TIMEOUT_SECONDS = 60
ANSWER_LIMIT = 10 << 20
FIRST_BOOT_LIMIT = 1 << 20


class Failed(Exception):
    """A request that the installer does not survive."""


def outcome(release, purpose, status):
    """What the client does with a status: `taken`, `follow` (as GET, without body and token) or `failed`.

    `purpose`: `answer` and `webhook` are POSTs, `first-boot` is a GET.
    """
    new = release.startswith("9.2")
    if status in (301, 302, 303):
        return "follow"
    if purpose == "first-boot":
        if status in (307, 308):
            return "follow"
        return "taken" if 200 <= status < 300 else "failed"
    if new:
        return "taken" if status in (200, 201) else "failed"
    # ureq 2, up to 8.4: everything below 400 is a response, an unfollowed redirect too.
    limit = 400 if release.startswith("8.") else 307
    return "taken" if 200 <= status < limit else "failed"


def normal_pin(pin):
    digest = pin.replace(":", "").lower()
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise Failed("invalid certificate fingerprint: not the hex form of a SHA-256")
    return digest


def is_version_3(der):
    """X.509 v3: the certificate's body starts with [0] { INTEGER 2 }. Older versions fail in spite of the right fingerprint."""

    def content(at):
        length = der[at + 1]
        return at + 2 if length < 0x80 else at + 2 + (length & 0x7F)

    body = content(content(0))
    return der[body : body + 5] == bytes((0xA0, 3, 2, 1, 2))


def connect(url, pin):
    secure = url.scheme == "https"
    raw = socket.create_connection((url.hostname, url.port or (443 if secure else 80)), TIMEOUT_SECONDS)
    if not secure:
        return raw
    context = ssl.create_default_context()
    if pin is not None:
        # Only the fingerprint counts: no name, no chain, no dates.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        ipaddress.ip_address(url.hostname)
        name = url.hostname if pin is None else None
    except ValueError:
        name = url.hostname
    stream = context.wrap_socket(raw, server_hostname=name)
    if pin is not None:
        der = stream.getpeercert(binary_form=True)
        if hashlib.sha256(der).hexdigest() != pin:
            stream.close()
            raise Failed("invalid certificate: the fingerprint does not match")
        if not is_version_3(der):
            stream.close()
            raise Failed("invalid certificate: UnsupportedCertVersion")
    return stream


def send_once(url, method, headers, body, pin):
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Failed(f"http: invalid URL '{url}'")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = "".join(f"{name}: {parts.netloc if value is None else value}\r\n" for name, value in headers)
    stream = connect(parts, pin)
    stream.settimeout(TIMEOUT_SECONDS)
    stream.sendall(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + (body or b""))
    response = http.client.HTTPResponse(stream, method=method)
    response.begin()
    return response


def headers_for(release, body, accept, token):
    """In the order and spelling of ureq 3 (from 9.0) and ureq 2 (8.4). None stands for the host."""
    length = [] if body is None else [("content-length", len(body))]
    kind = [] if body is None else [("content-type", "application/json; charset=utf-8")]
    if release.startswith("9"):
        return [
            ("accept-encoding", "gzip"),
            *length,
            ("user-agent", "ureq/3.0.11"),
            ("host", None),
            *kind,
            ("accept", accept),
            *([("authorization", f"Bearer {token}")] if token else []),
        ]
    capital = lambda name: "-".join(word.capitalize() for word in name.split("-"))
    old = [("host", None), ("user-agent", "ureq/2.6.2"), ("accept", "*/*"), *kind, *length]
    return [(capital(name), value) for name, value in old]


def request(release, purpose, url, body=None, pin=None, token=None):
    """Body and content type of the reply.

    Raises Failed when the installer would fail, with the line that it would print.
    """
    fingerprint = None if pin is None else normal_pin(pin)
    accept = "application/json, application/toml;q=0.5" if purpose == "answer" else "*/*"
    method = "GET" if body is None else "POST"
    limit = FIRST_BOOT_LIMIT if purpose == "first-boot" else ANSWER_LIMIT
    for _hop in range(11 if release.startswith("9") else 6):
        try:
            response = send_once(url, method, headers_for(release, body, accept, token), body, fingerprint)
            what = outcome(release, purpose, response.status)
            # The first-boot executable is cut here without any message.
            data = response.read(limit)
        except (OSError, ssl.SSLError, http.client.HTTPException) as error:
            raise Failed(f"{url}: {error}") from error
        if response.headers.get("content-encoding") == "gzip":
            data = gzip.decompress(data)
        if what == "taken":
            return data, response.headers.get("content-type", "")
        if what == "failed":
            # 9.2 shows the body of a refusal on the console, older ones only the status.
            shown = f": {data[:2000].decode(errors='replace')}" if release.startswith("9.2") else ""
            raise Failed(f"http status: {response.status}{shown}")
        location = response.headers.get("location")
        if location is None:
            raise Failed("redirect failed: no location")
        url = urllib.parse.urljoin(url, location)
        method, body, token = "GET", None, None
    raise Failed("too many redirects")


if __name__ == "__main__":
    for line in sys.stdin:
        row = json.loads(line)
        print(json.dumps({"outcome": outcome(row["release"], row["purpose"], row["status"])}))
