"""A line of limited width between a program and a server on 127.0.0.1.

    python -m contrib.bench.line 8080:9001 8081:9002 --bytes-per-s 40e6

Each pair of ports, its own and that of a server, is a line: all connections on it
share the width, each way.  The kernel moves the bytes [splice(2)], so that the line
takes next to no processor time; it prints a dot when it is ready, and ends with
SIGTERM.
"""

import argparse
import fcntl
import os
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from typing import Final

from tiered.clock import Clock, SystemClock

_CHUNK_BYTES: Final = 128 << 10
_BUFFER_BYTES: Final = 256 << 10
"""What waits in front of the line: as little as a busy one needs."""
_BACKLOG: Final = 128
_BURST_S: Final = 0.05
"""How much of a pause may be made up for: as long as a sleep may be late."""


class Width:
    """One direction of one line."""

    def __init__(self, bytes_per_s: float, clock: Clock) -> None:
        self._bytes_per_s, self._clock = bytes_per_s, clock
        self._lock = threading.Lock()
        self._free_s = 0.0

    def take(self, size: int) -> None:
        """Wait until so many bytes have gone."""
        with self._lock:
            now_s = self._clock.now_s()
            begin_s = max(self._free_s, now_s - _BURST_S)
            self._free_s = end_s = begin_s + size / self._bytes_per_s
        self._clock.sleep_s(max(0.0, end_s - now_s))


class Line:
    """Between a port of its own and that of a server, until the process ends."""

    def __init__(self, port: int, server_port: int, bytes_per_s: float) -> None:
        self._server_port = server_port
        clock = SystemClock()
        self._up, self._down = Width(bytes_per_s, clock), Width(bytes_per_s, clock)
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _shorten(self._listener)
        self._listener.bind(("127.0.0.1", port))
        self._listener.listen(_BACKLOG)

    def serve(self) -> None:
        while True:
            client, _ = self._listener.accept()
            _start(self._join, client)

    def _join(self, client: socket.socket) -> None:
        with client, socket.socket() as server, suppress(OSError):
            _shorten(server)
            server.connect(("127.0.0.1", self._server_port))
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            up = _start(_carry, client, server, self._up)
            _carry(server, client, self._down)
            up.join()


def _carry(source: socket.socket, target: socket.socket, width: Width) -> None:
    """One direction of one connection, to its end."""
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, _CHUNK_BYTES)
    with closing(os.fdopen(read, "rb", 0)), closing(os.fdopen(write, "wb", 0)):
        with suppress(OSError):  # one end is gone, so the other end is told
            while size := os.splice(source.fileno(), write, _CHUNK_BYTES):
                width.take(size)
                while size:
                    size -= os.splice(read, target.fileno(), size)
        for each, way in ((source, socket.SHUT_RD), (target, socket.SHUT_WR)):
            with suppress(OSError):
                each.shutdown(way)


def _shorten(each: socket.socket) -> None:
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        each.setsockopt(socket.SOL_SOCKET, option, _BUFFER_BYTES)


def _start(target: Callable[..., object], *words: object) -> threading.Thread:
    thread = threading.Thread(target=target, args=words, daemon=True)
    thread.start()
    return thread


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="line", description=__doc__)
    parser.add_argument("lines", nargs="+", metavar="PORT:PORT")
    parser.add_argument("--bytes-per-s", type=float, required=True)
    options = parser.parse_args(arguments)
    for pair in options.lines:
        own, _, server = pair.partition(":")
        _start(Line(int(own), int(server), options.bytes_per_s).serve)
    print(".", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1:])
