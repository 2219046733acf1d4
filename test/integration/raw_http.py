"""HTTP as it stands on the wire: for requests that a well-behaved library cannot send."""
import json
import socket

from conftest import Secrets


class RawAnswer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


class RawConnection:
    """One TCP connection (or Unix socket, when path is given): bytes out, answers in, one after the other."""

    def __init__(self, daemon, path=None, timeout=120):
        if path:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(timeout)
            self.sock.connect(str(path))
        else:
            host, port = daemon.address.rsplit(":", 1)
            self.sock = socket.create_connection((host, int(port)), timeout)
        self.file = self.sock.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.sock.close()

    def send(self, data):
        """False when the server closed before it read everything (it may refuse early)."""
        try:
            self.sock.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def end(self):
        self.sock.shutdown(socket.SHUT_WR)

    def head(self):
        line = self.file.readline()
        if not line:
            return None, None
        status = int(line.split(b" ")[1])
        headers = {}
        for line in iter(self.file.readline, b"\r\n"):
            assert line.endswith(b"\r\n"), line
            name, _, value = line.decode("ascii").rstrip("\r\n").partition(":")
            headers[name.lower()] = value.strip()
        return status, headers

    def answer(self, bodiless=False):
        """The next answer; None at the end of the connection."""
        status, headers = self.head()
        if status is None:
            return None
        length = 0 if bodiless or status in (204, 304) else int(headers.get("content-length", 0))
        body = self.file.read(length)
        Secrets.look("answer", body)
        assert len(body) == length
        return RawAnswer(status, headers, body)

    def is_closed(self):
        return self.file.read(1) == b""


def message(method, path, *headers, body=b"", host="localhost"):
    """A request; body implies its Content-Length and, unless a header says otherwise, JSON."""
    lines = ["%s %s HTTP/1.1" % (method, path)]
    if host:
        lines.append("Host: " + host)
    lines += headers
    if body or method in ("POST", "PATCH"):
        lines.append("Content-Length: %d" % len(body))
        if not any(h.lower().startswith("content-type") for h in headers):
            lines.append("Content-Type: application/json")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def exchange(daemon, data, end=False, **kw):
    """Sends bytes on a connection of their own and returns the first answer."""
    with RawConnection(daemon, **kw) as c:
        c.send(data)
        if end:
            c.end()
        return c.answer()
