"""One request to songbookd over TCP or its Unix socket.

Every request has its own connection, so a restarted songbookd is found again by the next one. Sockets come from the `socket`
module at the time of the call: under gevent's monkey patch they are gevent's, and only the calling greenlet waits. Redirects
are not followed and proxies not asked, so what is sent goes to the given address and nowhere else.
"""
from __future__ import annotations

import errno
import http.client
import io
import ipaddress
import json
import os
import socket
import time
import urllib.parse
from dataclasses import dataclass
from typing import Any, cast

DEFAULT_ADDRESS = "http://127.0.0.1:5560"
TIMEOUT = 1.0                   # seconds for one whole request: connecting, sending, reading
ANSWER_MAX = 4 * 1024 * 1024    # bytes; the largest real answer (20 suggestions, 500 unknown paths) has some 100 KB


@dataclass(frozen=True)
class Problem:
    """Why a call did nothing. `kind` is stable, `text` is an English sentence; neither ever holds a key or a token."""

    kind: str
    """One of:
    off            no address is configured
    address        the address cannot be read
    unavailable    nobody listens there, or the socket may not be opened
    timeout        no whole answer within the time
    answer         what answered is not songbookd, or not in its words
    token          the token is missing or wrong
    busy           songbookd has too much to do or is ending; try again later
    no_usable_provider, worker_not_running, invalid_value and the other codes of docs/api.md: songbookd refused
    """
    text: str
    status: int | None = None
    """The HTTP status when there was one."""

    @property
    def away(self) -> bool:
        """True when no songbookd answered, so that asking on makes no sense now."""
        return self.kind in ("off", "address", "unavailable", "timeout", "answer")


@dataclass(frozen=True)
class Address:
    """Where songbookd listens: a Unix socket, or host and port."""

    socket_path: str | None = None
    host: str = ""
    port: int = 0

    @property
    def is_local(self) -> bool:
        """True when nothing that is sent there leaves this machine."""
        return self.socket_path is not None or self.host == "::1" or self.host.startswith("127.")


def read_address(text: str) -> Address | Problem:
    """Reads `http://HOST[:PORT]`, `unix:PATH` or an absolute path. `localhost` is 127.0.0.1, so that nothing is looked up."""
    text = text.strip()
    if not text:
        return Problem("off", "no address of songbookd is configured")
    path = text[5:] if text.startswith("unix:") else text
    if path.startswith("//"):
        path = path[2:]
    if path.startswith("/"):
        return Address(socket_path=path)
    wrong = Problem("address", "the address of songbookd has to be http://HOST:PORT or unix:/PATH")
    try:
        url = urllib.parse.urlsplit(text)
        host, port = (url.hostname or "").encode("idna").decode("ascii"), url.port or 5560
    except ValueError:
        return wrong
    if url.scheme != "http" or not host or url.path.strip("/") or url.query or url.fragment or url.username is not None:
        return wrong
    return Address(host="127.0.0.1" if host == "localhost" else host, port=port)


@dataclass(frozen=True)
class Answer:
    """An answer with a JSON object; refusals are a `Problem`."""

    json: dict[str, Any]
    etag: str | None = None


class Service:
    """songbookd at an address. Nothing is sent before the first request."""

    def __init__(self, address: str, token: str | None = None, timeout: float = TIMEOUT) -> None:
        """`token`: the content of songbookd's token file, needed only where it listens beyond this machine."""
        self.address = read_address(address)
        self.timeout = timeout
        self._token = token

    @property
    def is_local(self) -> bool:
        return isinstance(self.address, Address) and self.address.is_local

    def request(self, method: str, path: str, body: dict[str, Any] | None = None,
                headers: dict[str, str] | None = None) -> Answer | Problem:
        """Asks and waits for at most `timeout` seconds. Never raises for what the other side does or does not do."""
        if isinstance(self.address, Problem):
            return self.address
        try:
            head, data = self._message(method, "/api/v1/" + path, body, headers or {})
        except (TypeError, ValueError, OverflowError):
            return Problem("invalid_value", "this cannot be sent to songbookd")
        try:
            return _read(_exchange(self.address, head, data, time.monotonic() + self.timeout))
        except TimeoutError:
            return Problem("timeout", "songbookd did not answer within %g s" % self.timeout)
        except (http.client.HTTPException, ValueError, RecursionError):
            return Problem("answer", "what answers at the address of songbookd cannot be read")
        except OSError as e:
            return Problem("unavailable", "songbookd cannot be reached: %s" % (e.strerror or str(e) or type(e).__name__))

    def _message(self, method: str, path: str, body: dict[str, Any] | None, headers: dict[str, str]) -> tuple[bytes, bytes]:
        """The head, still without Host, and the body."""
        lines = ["%s %s HTTP/1.1" % (method, path), "Connection: close", "Accept: application/json"]
        lines += ["%s: %s" % item for item in headers.items()]
        if self._token:
            lines.append("Authorization: Bearer " + self._token.strip())
        data = b""
        if method != "GET":
            data = json.dumps(body or {}, allow_nan=False, ensure_ascii=False).encode("utf-8")
            lines += ["Content-Type: application/json", "Content-Length: %d" % len(data)]
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError("a line break in a header")
        return "\r\n".join(lines).encode("ascii"), data


def _exchange(address: Address, head: bytes, data: bytes, end: float) -> bytes:
    """Sends the message and reads until the other side closes; TimeoutError when that is not done at `end`."""
    with _connect(address, end) as s:
        s.settimeout(_left(end))
        s.sendall(head + b"\r\nHost: " + _host(s).encode("ascii") + b"\r\n\r\n" + data)
        answer = bytearray()
        while True:
            s.settimeout(_left(end))
            piece = s.recv(65536)
            if not piece:
                return bytes(answer)
            answer += piece
            if len(answer) > ANSWER_MAX:
                raise ValueError("too large")


def _left(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _host(s: socket.socket) -> str:
    """The address that was reached, never a name: songbookd answers for its own addresses only, so that no web page can
    talk to it under a name of its own."""
    peer = s.getpeername()
    if not isinstance(peer, tuple):
        return "localhost"
    return ("[%s]:%d" if ":" in peer[0] else "%s:%d") % peer[:2]


def _connect(address: Address, end: float) -> socket.socket:
    """A number is never looked up: gevent would take a thread for that. A name is, and that may take the system's own time."""
    where: str | tuple[str, int] = (address.host, address.port)
    if address.socket_path is not None:
        if not hasattr(socket, "AF_UNIX"):
            raise OSError(errno.EAFNOSUPPORT, "there are no Unix sockets on this system")
        family, where = socket.AF_UNIX, address.socket_path
    else:
        try:
            family = socket.AF_INET6 if ipaddress.ip_address(address.host).version == 6 else socket.AF_INET
        except ValueError:
            return socket.create_connection((address.host, address.port), _left(end))
    s = socket.socket(family, socket.SOCK_STREAM)
    try:
        s.settimeout(_left(end))
        s.connect(where)
    except BaseException:
        s.close()
        raise
    return s


class _Received:
    """What `HTTPResponse` wants of a socket, over bytes that are here already."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self.data)


def _read(data: bytes) -> Answer | Problem:
    response = http.client.HTTPResponse(cast(socket.socket, _Received(data)))
    response.begin()
    value = json.loads(response.read()) if response.status != 304 else {}
    if not isinstance(value, dict):
        raise ValueError("not an object")
    if 200 <= response.status < 300:
        return Answer(value, response.getheader("ETag"))
    return _refusal(response.status, value)


def _refusal(status: int, value: dict[str, Any]) -> Problem:
    """The refusal's own code, but not its words: they might repeat what was sent."""
    if status == 401:
        return Problem("token", "songbookd wants its token, or another one", status)
    if status == 503:
        return Problem("busy", "songbookd is busy or ending", status)
    code = value.get("code")
    if not isinstance(code, str) or not code.replace("_", "").isalnum():
        return Problem("answer", "what answers at the address of songbookd refused with status %d" % status, status)
    return Problem(code, "songbookd refused: " + code.replace("_", " "), status)


def address_or_default(address: str | None) -> str:
    """The given address, else that of the environment variable SONGBOOK_URL, else the default. Empty means: off."""
    return address if address is not None else os.environ.get("SONGBOOK_URL", DEFAULT_ADDRESS)
