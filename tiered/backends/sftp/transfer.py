"""Bytes to and from an open file of the server, several chunks on their way at
once, so that the distance to the server does not limit the throughput.

In memory at most `_AHEAD` chunks for each transfer.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress

import asyncssh
from asyncssh import SFTPClientFile

from tiered.backends.sftp.session import Session

CHUNK_BYTES = 1 << 20
_AHEAD = 4


def send(session: Session, file: SFTPClientFile, data: Iterable[bytes]) -> None:
    """Write all of `data`, from byte 0 on."""
    waiting: deque[Future[int]] = deque()
    start = 0
    try:
        for chunk in data:
            if len(waiting) == _AHEAD:
                session.wait(waiting.popleft())
            waiting.append(session.begin_on(_writing(file, chunk, start)))
            start += len(chunk)
        while waiting:
            session.wait(waiting.popleft())
    finally:
        for future in waiting:
            future.cancel()


class Reading:
    """What is left of an open file; `tiered.download.Receiving` counts it."""

    def __init__(self, session: Session, file: SFTPClientFile, size: int) -> None:
        self._session, self._file, self._size = session, file, size
        self._asked = 0
        self._waiting: deque[Future[bytes]] = deque()
        self._chunk = memoryview(b"")

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; none at the end, or if the file ends too early."""
        if not self._chunk:
            self._ask()
            if self._waiting:
                self._chunk = memoryview(self._session.wait(self._waiting.popleft()))
        part, self._chunk = self._chunk[:size], self._chunk[size:]
        return bytes(part)

    def close(self) -> None:
        for future in self._waiting:
            future.cancel()
        self._waiting.clear()
        close_file(self._session, self._file)

    def _ask(self) -> None:
        while len(self._waiting) < _AHEAD and self._asked < self._size:
            span = min(CHUNK_BYTES, self._size - self._asked)
            self._waiting.append(
                self._session.begin_on(reading(self._file, span, self._asked))
            )
            self._asked += span


def _writing(
    file: SFTPClientFile, chunk: bytes, start: int
) -> Callable[[], Awaitable[int]]:
    return lambda: file.write(chunk, start)


def reading(
    file: SFTPClientFile, size: int, start: int
) -> Callable[[], Awaitable[bytes]]:
    """Up to `size` bytes from byte `start`; fewer only at the end of the file."""
    return lambda: file.read(size, start)


def close_file(session: Session, file: SFTPClientFile) -> None:
    """Give a handle back that is of no use any more, if the server still listens."""
    with suppress(OSError, asyncssh.Error):
        session.call_on(file.close)
