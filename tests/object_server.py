"""A web server in a thread that holds files in memory, and as much of S3 as reading them takes."""

from __future__ import annotations

import contextlib
import hashlib
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

NOTHING = b'<?xml version="1.0"?><ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>'


class ObjectServer(ThreadingHTTPServer):
    """Serves `objects` by path.

    Attributes:
        objects: the content of each path, such as ``/bucket/folder/name``.
        ranges: whether it heeds ranges, as S3 does, or sends the whole, as simple servers do.
        statuses: an answer to give for a path instead of what is there; of ``""``, for all paths.
        cut: bytes that it leaves off each body, against the length that it announced.
        sent: the paths of the bodies that it sent.
    """

    daemon_threads = True

    def __init__(self) -> None:
        """Take a free port of this machine."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, bytes] = {}
        self.ranges, self.cut = True, 0
        self.statuses: dict[str, int] = {}
        self.sent: list[str] = []

    @property
    def url(self) -> str:
        """Its root, without a slash."""
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_) -> None:
        """Say nothing of clients that leave early."""


class _Handler(BaseHTTPRequestHandler):
    server: ObjectServer

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        body = NOTHING if "list-type" in query else self.server.objects.get(path)
        statuses = self.server.statuses
        status = statuses.get("", statuses.get(path, 404 if body is None else 200))
        if status >= 400:
            return self._answer(status, b"", {})
        headers = {"ETag": f'"{hashlib.md5(body).hexdigest()}"'}
        asked = self.headers.get("Range")
        if asked and self.server.ranges:
            first, last = (int(part) for part in asked.removeprefix("bytes=").split("-"))
            if first >= len(body):
                return self._answer(416, b"", {})
            last, whole = min(last, len(body) - 1), len(body)
            headers["Content-Range"] = f"bytes {first}-{last}/{whole}"
            status, body = 206, body[first : last + 1]
        self._answer(status, body, headers)

    do_HEAD = do_GET

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Last-Modified", "Fri, 01 Jan 2010 00:00:00 GMT")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET" and body:
            self.server.sent.append(self.path)
            self.wfile.write(body[: len(body) - self.server.cut])

    def log_message(self, *_) -> None:
        """Say nothing."""


@contextlib.contextmanager
def object_server() -> Iterator[ObjectServer]:
    """Run a server for as long as a test takes."""
    with ObjectServer() as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


@contextlib.contextmanager
def mute_server() -> Iterator[str]:
    """Hold a port that takes connections and says nothing; yield its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def closed_port() -> str:
    """Return the URL of a port where nobody listens."""
    with mute_server() as url:
        return url
