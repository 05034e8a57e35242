"""Deltas: a file as copies from its old version, and literal bytes.

Layout: the magic number 0x72730236, commands, and a zero byte as the end.
Nothing says how long the file is or what hash it has; whoever patches must check
that by other means.
"""

from typing import Final

from tiered.rsync.borrow import Data
from tiered.rsync.job import Job, Output
from tiered.rsync.signature import Signature

_OUTPUT_BYTES: Final = 1 << 16


class DeltaMaker:
    """The delta of bytes that are pushed in parts of any size.

    After an exception the maker cannot be used again.  Closing the signature
    meanwhile does no harm.

    Args:
        signature: Of the old version.

    Raises:
        ValueError: The signature is closed.

    Cost: memory of about two blocks and 1 MiB; what `feed` gives is at most a
        few bytes larger than all it was given and had not answered yet.
    """

    def __init__(self, signature: Signature) -> None:
        sumset = signature.sumset
        library = sumset.library
        pointer = library.delta_begin(sumset.pointer)
        self._job = Job(library, pointer, Output(_OUTPUT_BYTES), keep=sumset)

    def feed(self, data: Data) -> bytes:
        """Take the next bytes of the new version; the delta's next bytes, if any."""
        return b"".join(self._job.run(data, eof=False))

    def finish(self) -> bytes:
        """The delta's last bytes."""
        last = b"".join(self._job.run(b"", eof=True))
        self._job.close()
        return last


def delta_of(signature: Signature, data: Data) -> bytes:
    """The delta from the signature's file to bytes in memory."""
    maker = DeltaMaker(signature)
    return maker.feed(data) + maker.finish()
