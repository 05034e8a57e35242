"""A process that writes small files for a restore: another interpreter's lock.

It is told of files by its standard input and answers on its standard output, in
messages of marshal behind their length; their content stands in memory that both
processes see.  It knows no store and no key, and ends when its input does.
"""

import marshal
import mmap
import struct

from tiered.engine.native.whole_files import Dresser, TemporaryNames, WholeFiles

TYPE_CHECKING = False  # `typing` takes longer to load than all else here
if TYPE_CHECKING:
    from typing import IO, Any

    from tiered.archive.columns import Xattrs

    Order = list[
        tuple[int, int, bytes, bytes, tuple[int, int] | None, int, int, Xattrs]
    ]
    """For each file where its content begins and ends, and what `WholeFiles.write`
    is told of it."""
    Failure = tuple[int, int, str]
    """Row of the order, errno or `WRONG_HASH`, text."""
    Answer = tuple[list[Failure], tuple[int, str] | None]
    """What could not be written; the first extended attribute that was refused."""

LENGTH = struct.Struct("<I")
WRONG_HASH = 0
"""Stands for an errno."""


def send(stream: "IO[bytes]", message: "Order | Answer") -> None:
    data = marshal.dumps(message)
    stream.write(LENGTH.pack(len(data)) + data)
    stream.flush()


def receive(stream: "IO[bytes]") -> "Any":  # who reads knows what it waits for
    """The next message; None if there is no other.

    Raises:
        EOFError: It is cut off.
    """
    head = stream.read(LENGTH.size)
    if not head:
        return None
    (length,) = LENGTH.unpack(head.ljust(LENGTH.size))
    data = stream.read(length)
    if len(data) != length:
        raise EOFError
    return marshal.loads(data)


def write_files(
    files: WholeFiles, dresser: Dresser, memory: memoryview, order: "Order"
) -> "Answer":
    """Write what an order says."""
    failures: list[Failure] = []
    dresser.refused = None
    write = files.write
    for row, (start, stop, digest, file, owner, mode, mtime_ns, xattrs) in enumerate(
        order
    ):
        data = memory[start:stop]
        try:
            if not write(data, digest, file, owner, mode, mtime_ns, xattrs):
                failures.append((row, WRONG_HASH, ""))
        except OSError as e:
            failures.append((row, e.errno or WRONG_HASH, e.strerror or str(e)))
    refused = dresser.refused
    return failures, (refused.errno or 0, refused.strerror or "") if refused else None


def serve(memory_fd: int, size: int, get: "IO[bytes]", put: "IO[bytes]") -> None:
    """Do what is ordered until no more comes."""
    dresser = Dresser()
    files = WholeFiles(TemporaryNames(), dresser)
    memory = memoryview(mmap.mmap(memory_fd, size, prot=mmap.PROT_READ))
    while (order := receive(get)) is not None:
        send(put, write_files(files, dresser, memory, order))
