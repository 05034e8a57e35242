"""What the filters in front of a test server share: requests as values, and HTTP.

A filter is a function from `Request` to `Answer`; `ask` is what it asks the server
behind it with.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Request:
    """One request, to be sent now or later."""

    method: str
    target: str
    headers: dict[str, str]
    """Their names in lower case."""
    body: bytes

    @property
    def path(self) -> str:
        """Not quoted."""
        return unquote(urlsplit(self.target).path)

    def query(self, name: str) -> str:
        """Of one parameter, the first value; empty if there is none."""
        found = parse_qs(urlsplit(self.target).query, keep_blank_values=True)
        return found.get(name, [""])[0]


@dataclass(frozen=True)
class Answer:
    """What comes back."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""


def ask(port: int, request: Request) -> Answer:
    """What the server on 127.0.0.1 says."""
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request(
            request.method, request.target, request.body, request.headers
        )
        found = connection.getresponse()
        return Answer(found.status, found.getheaders(), found.read())
    finally:
        connection.close()


class _Server(ThreadingHTTPServer):
    """One thread for each connection."""

    request_queue_size = 128
    daemon_threads = True


def serve(port: int, answer: Callable[[Request], Answer]) -> None:
    """On 127.0.0.1, until the process ends."""
    _Server(("127.0.0.1", port), _handler(answer)).serve_forever()


@contextmanager
def serving(answer: Callable[[Request], Answer]) -> Iterator[int]:
    """On a free port of 127.0.0.1, which it yields, until the end of the block."""
    server = _Server(("127.0.0.1", 0), _handler(answer))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(answer: Callable[[Request], Answer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_one(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(size)
            if len(body) < size:  # the client gave up: nothing of it counts
                self.close_connection = True
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send(answer(Request(self.command, self.path, headers, body)))

        def send(self, found: Answer) -> None:
            told = {name.lower(): value for name, value in found.headers}
            has_body = self.command != "HEAD"
            if has_body:
                told["content-length"] = str(len(found.body))
            self.send_response_only(found.status)
            for name in told.keys() - {"transfer-encoding", "connection", "keep-alive"}:
                self.send_header(name, told[name])
            if "date" not in told:
                self.send_header("date", self.date_time_string())
            self.end_headers()
            self.wfile.write(found.body if has_body else b"")

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_one
        do_PROPFIND = do_MKCOL = do_MOVE = handle_one

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return Handler
