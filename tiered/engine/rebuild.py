"""The content of one version: its base, with the deltas applied in turn."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from tiered.archive.tar import Readable
from tiered.engine.merge import Version
from tiered.engine.spool import scratch_file
from tiered.rsync import patch

_COPY_BYTES = 1 << 20


def rebuild(version: Version, scratch: Path) -> Iterator[bytes]:
    """The content, in chunks.

    Cost: One pass over base and deltas; on disk, two states of the file if it
    has deltas.  In memory a few buffers.

    Raises:
        ArchiveDamaged: A delta does not parse, or reads outside its basis.
        ScratchError: The temporary directory is full.
    """
    if not version.deltas:
        yield from _chunks(version.base)
        return
    with ExitStack() as stack:
        basis = _stored(_chunks(version.base), scratch, stack)
        for delta in version.deltas[:-1]:
            patched = _stored(patch(basis, delta), scratch, stack)
            basis.close()  # frees its disk space now, not at the end
            basis = patched
        yield from patch(basis, version.deltas[-1])


def _chunks(body: Readable) -> Iterator[bytes]:
    while data := body.read(_COPY_BYTES):
        yield data


def _stored(data: Iterator[bytes], scratch: Path, stack: ExitStack) -> BinaryIO:
    file = stack.enter_context(scratch_file(scratch))
    file.writelines(data)
    file.flush()
    return file
