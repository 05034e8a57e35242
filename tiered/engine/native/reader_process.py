"""A process that reads and hashes small files for a backup: another interpreter's lock.

An order, and the content of the files that it names, stand in memory that both
processes see; hashes and extended attributes are answered.  It writes nothing, and
what it cannot read is left to who asked.
"""

import marshal
import mmap
import os
from typing import IO

from blake3 import blake3

from tiered.engine.native.messages import receive, send
from tiered.engine.native.xattrs import Xattrs, find_xattrs

OPEN_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
HASH_BYTES = 32

Order = list[tuple[bytes, int]]
"""File, and bytes that it should have."""
Answer = tuple[bytes, dict[int, Xattrs], list[int]]
"""A hash for each file, the extended attributes of those that have some, and those
that could not be read, or have another size."""


def place_order(memory: mmap.mmap, start: int, room: int, order: Order) -> int:
    """Write an order where the process looks for it.

    Args:
        room: Bytes for it, from `start` on.

    Returns:
        Its length; 0 if it has no room.
    """
    data = marshal.dumps(order)
    if len(data) > room:
        return 0
    memory[start : start + len(data)] = data
    return len(data)


def read_files(memory: memoryview, order: Order) -> Answer:
    """Read files to `memory`, one behind the other.

    Args:
        memory: One byte more than they should have.
    """
    hashes: list[bytes] = []
    xattrs: dict[int, Xattrs] = {}
    unread: list[int] = []
    at = 0
    for row, (file, size) in enumerate(order):
        end = at + size
        found: Xattrs | None = None
        try:
            fd = os.open(file, OPEN_FLAGS)
            try:
                read = os.readv(fd, [memory[at : end + 1]])
                found = find_xattrs(fd) if read == size else None
            finally:
                os.close(fd)
        except OSError:
            pass
        if found is None:
            unread.append(row)
        elif found:
            xattrs[row] = found
        hashes.append(blake3(memory[at:end]).digest())
        at = end
    return b"".join(hashes), xattrs, unread


def serve(memory_fd: int, size: int, get: IO[bytes], put: IO[bytes]) -> None:
    """Do what is ordered until no more comes.

    A message says where an order stands, how long it is, and where content goes.
    """
    memory = memoryview(mmap.mmap(memory_fd, size))
    while (message := receive(get)) is not None:
        start, length, content = message
        order: Order = marshal.loads(memory[start : start + length])
        send(put, read_files(memory[content:], order))
