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
from pathlib import Path
from typing import Final
from xml.sax.saxutils import unescape

from contrib.servers.parent import end_with_parent
from contrib.servers.relay import Answer, Request, ask, serve
from tiered.clock import RehearsalClock

DELAY_S: Final = 15 * 3600.0
_BLOB: Final = re.compile(rb"<Blob><Name>(.*?)</Name>.*?</Blob>", re.S)
_TIER: Final = b"<AccessTier>Archive</AccessTier>"
_STATUS: Final = b"<ArchiveStatus>rehydrate-pending-to-hot</ArchiveStatus>"


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
        kind, tier = request.query("comp"), request.headers.get("x-ms-access-tier")
        if request.method == "PUT" and kind == "tier" and tier != "Archive":
            with self._lock:
                if request.path in self._thawing:
                    code = [("x-ms-error-code", "BlobBeingRehydrated")]
                    return Answer(409, code, b"")
                if request.path in self._cold:
                    ready_s = self._clock.now_s() + DELAY_S
                    self._thawing[request.path] = ready_s, request
                    return Answer(202, [], b"")
        found = ask(self._port, request)
        if request.method == "PUT" and tier == "Archive" and found.status < 300:
            self._cold.add(request.path)
        elif request.method == "DELETE" or (request.method == "PUT" and tier):
            self._cold.discard(request.path)
            self._thawing.pop(request.path, None)
        if request.method == "GET" and kind == "list":
            return Answer(found.status, found.headers, self._marked(request, found))
        return found

    def _release(self) -> None:
        with self._lock:
            now_s = self._clock.now_s()
            due = [p for p, (ready_s, _) in self._thawing.items() if ready_s <= now_s]
            for path in due:
                _, request = self._thawing.pop(path)
                self._cold.discard(path)
                if ask(self._port, request).status >= 300:
                    raise RuntimeError(f"Azurite refuses to rehydrate {path}")

    def _marked(self, request: Request, found: Answer) -> bytes:
        def mark(blob: re.Match[bytes]) -> bytes:
            name = unescape(blob[1].decode())
            if f"{request.path.rstrip('/')}/{name}" not in self._thawing:
                return blob[0]
            return blob[0].replace(_TIER, _TIER + _STATUS)

        return _BLOB.sub(mark, found.body)


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
    serve(options.port, Archive(options.azurite_port, clock).answer)


if __name__ == "__main__":
    main(sys.argv[1:])
