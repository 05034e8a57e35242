"""The content of one file on its way into a volume: read once, used twice.

The bytes that go into the volume (the file itself, or a delta) and the
signature of the new content come from the same single read.  Memory is the
signature, which grows with the square root of the file.
"""

import os
import stat
from collections.abc import Iterator

from tiered.archive.difftar import PIECE_BYTES
from tiered.rsync import DeltaMaker, Signature, SignatureMaker, block_len_for

_READ_BYTES = 1 << 20


class OpenFile:
    """A regular file, open for one read.

    Raises:
        OSError: It cannot be opened, or is not a regular file any more.
    """

    def __init__(self, file: bytes, max_block_len: int | None) -> None:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        self._fd = os.open(file, flags)
        self.status = os.fstat(self._fd)
        if not stat.S_ISREG(self.status.st_mode):
            os.close(self._fd)
            raise OSError(0, "it is not a regular file any more")
        self._block_len = block_len_for(self.status.st_size, max_block_len)
        self._maker = SignatureMaker(self._block_len)
        self.read_bytes = 0
        self.failure: str | None = None
        """Why reading ended before the end of the file, if it did."""

    def close(self) -> None:
        os.close(self._fd)

    def has_signature(self, signature: bytes) -> bool:
        """Is this the signature of the content?  Reads the file, and rewinds it.

        Of what cannot be read to its end it is not.
        """
        maker = SignatureMaker(self._block_len)
        try:
            while data := os.read(self._fd, _READ_BYTES):
                maker.feed(data)
        except OSError:  # met again, and told, by who stores it
            os.lseek(self._fd, 0, os.SEEK_SET)
            return False
        os.lseek(self._fd, 0, os.SEEK_SET)
        return maker.finish() == signature

    def whole(self) -> Iterator[bytes]:
        """The content, in chunks; ends early, and says so, if the disk fails.

        What was read stays usable: the signature, and a delta, are those of a
        shorter file.  Headers of its first pieces may be uploaded by then, so
        there is no way back.
        """
        while data := self._read():
            self.read_bytes += len(data)
            self._maker.feed(data)
            yield data

    def delta(self, signature: bytes) -> Iterator[bytes]:
        """What turns the content that `signature` describes into this one."""
        with Signature(signature) as old:
            maker = DeltaMaker(old)
            for data in self.whole():
                if delta := maker.feed(data):
                    yield delta
            yield maker.finish()

    def finish(self) -> bytes:
        """The signature of what was read."""
        return self._maker.finish()

    def _read(self) -> bytes:
        try:
            return os.read(self._fd, _READ_BYTES)
        except OSError as e:
            self.failure = e.strerror
            return b""

    def changed_while_read(self) -> bool:
        now = os.fstat(self._fd)
        before = self.status
        return (now.st_mtime_ns, now.st_size) != (before.st_mtime_ns, before.st_size)


def pieces(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Cut a stream into pieces of `PIECE_BYTES`; the last one is shorter.

    There is always a last, shorter one, possibly empty: that is how readers
    know the end [docs/format/duplicity.md, "Pieces"].
    """
    left = b""
    for chunk in chunks:
        data = left + chunk if left else chunk
        whole = len(data) - len(data) % PIECE_BYTES
        for at in range(0, whole, PIECE_BYTES):
            yield data[at : at + PIECE_BYTES]
        left = data[whole:]
    yield left
