"""A process that writes small files for a restore: another interpreter's lock.

Their content stands in memory that both processes see.
"""

import mmap

from tiered.engine.native.messages import receive, send
from tiered.engine.native.whole_files import Dresser, TemporaryNames, WholeFiles

TYPE_CHECKING = False  # `typing` takes longer to load than all else here
if TYPE_CHECKING:
    from typing import IO

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

WRONG_HASH = 0
"""Stands for an errno."""


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
