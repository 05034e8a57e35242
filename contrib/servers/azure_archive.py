"""Azure's tier Archive in front of Azurite, which rehydrates a blob at once.

What is added [learn.microsoft.com, "Blob rehydration from the archive tier"]: a blob
of the tier Archive that is given an online tier stays what it is for DELAY_S seconds of
the clock, its ArchiveStatus says so in listings, and to give it a tier meanwhile is a
conflict.  Then the request is sent to Azurite, as it was.
"""

import argparse
import re
import sys
import threading
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import unescape

from contrib.servers.parent import end_with_parent
from tiered.clock import RehearsalClock

DELAY_S: Final = 15 * 3600.0
_BLOB: Final = re.compile(rb"<Blob><Name>(.*?)</Name>.*?</Blob>", re.S)
_TIER: Final = b"<AccessTier>Archive</AccessTier>"
_STATUS: Final = b"<ArchiveStatus>rehydrate-pending-to-hot</ArchiveStatus>"


@dataclass(frozen=True)
class Request:
    """One request, to be sent now or later."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """/account/container/blob, not quoted."""
        return unquote(urlsplit(self.target).path)

    @property
    def kind(self) -> str:
        """What `comp` says; empty for a whole blob."""
        return parse_qs(urlsplit(self.target).query).get("comp", [""])[0]


@dataclass(frozen=True)
class Answer:
    """What comes back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Archive:
    """Which blobs are in the tier Archive, and which are on their way out of it."""

    def __init__(self, port: int, clock: RehearsalClock) -> None:
        self._port, self._clock = port, clock
        self._lock = threading.Lock()
        self._cold: set[str] = set()
        self._thawing: dict[str, tuple[float, Request]] = {}

    def answer(self, request: Request) -> Answer:
        """Send it on, unless it begins a rehydration."""
        self._release()
        tier = request.headers.get("x-ms-access-tier")
        if request.method == "PUT" and request.kind == "tier" and tier != "Archive":
            with self._lock:
                if request.path in self._thawing:
                    code = [("x-ms-error-code", "BlobBeingRehydrated")]
                    return Answer(409, code, b"")
                if request.path in self._cold:
                    ready_s = self._clock.now_s() + DELAY_S
                    self._thawing[request.path] = ready_s, request
                    return Answer(202, [], b"")
        found = self.send(request)
        if request.method == "PUT" and tier == "Archive" and found.status < 300:
            self._cold.add(request.path)
        elif request.method == "DELETE" or (request.method == "PUT" and tier):
            self._cold.discard(request.path)
            self._thawing.pop(request.path, None)
        if request.method == "GET" and request.kind == "list":
            return Answer(found.status, found.headers, self._marked(request, found))
        return found

    def send(self, request: Request) -> Answer:
        """What Azurite says."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request(
                request.method, request.target, request.body, request.headers
            )
            found = connection.getresponse()
            return Answer(found.status, found.getheaders(), found.read())
        finally:
            connection.close()

    def _release(self) -> None:
        with self._lock:
            now_s = self._clock.now_s()
            due = [p for p, (ready_s, _) in self._thawing.items() if ready_s <= now_s]
            for path in due:
                _, request = self._thawing.pop(path)
                self._cold.discard(path)
                if self.send(request).status >= 300:
                    raise RuntimeError(f"Azurite refuses to rehydrate {path}")

    def _marked(self, request: Request, found: Answer) -> bytes:
        def mark(blob: re.Match[bytes]) -> bytes:
            name = unescape(blob[1].decode())
            if f"{request.path.rstrip('/')}/{name}" not in self._thawing:
                return blob[0]
            return blob[0].replace(_TIER, _TIER + _STATUS)

        return _BLOB.sub(mark, found.body)


def handler(archive: Archive) -> type[BaseHTTPRequestHandler]:
    """A class of handlers for this archive."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = dict(self.headers.items())
            found = archive.answer(Request(self.command, self.path, headers, body))
            self.send_response_only(found.status)
            skipped = ("transfer-encoding", "connection", "keep-alive")
            told = [(n, v) for n, v in found.headers if n.lower() not in skipped]
            if self.command != "HEAD":
                told = [(n, v) for n, v in told if n.lower() != "content-length"]
                told.append(("Content-Length", str(len(found.body))))
            for name, value in told:
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(found.body)

        do_GET = do_HEAD = do_PUT = do_DELETE = handle_one

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return Handler


def main(argv: list[str]) -> None:
    cli = argparse.ArgumentParser(prog="azure_archive", description=__doc__)
    cli.add_argument("--port", type=int, required=True)
    cli.add_argument("--azurite-port", type=int, required=True)
    cli.add_argument("--clock-file", type=Path, required=True)
    cli.add_argument("--with-parent", action="store_true", help="end when it ends")
    options = cli.parse_args(argv)
    if options.with_parent:
        end_with_parent()
    clock = RehearsalClock(options.clock_file, speed=1.0)
    kind = handler(Archive(options.azurite_port, clock))
    ThreadingHTTPServer(("127.0.0.1", options.port), kind).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
