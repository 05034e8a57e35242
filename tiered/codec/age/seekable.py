"""Any part of an age file's payload, from the chunks that hold it and no others."""

from collections.abc import Callable

from tiered.codec.age.failures import about, payload_failure
from tiered.codec.age.file import Unlocked
from tiered.codec.age.payload import CHUNK_LEN, SEALED_LEN, plain_size
from tiered.codec.buffers import KeptBuffer

ReadRange = Callable[[int, int], bytes]
"""(offset, length) in the file -> exactly these bytes, or an error."""


class SeekableDecryptor:
    """Reads ranges of a payload.

    What comes out is proven to stand at that offset of that file.  The size is only
    what the caller was told until `verify_end`, or a read that reaches the end, has
    opened the last chunk as the last.

    Keep no state: many threads may use one of these.

    Args:
        unlocked: The key and where the chunks begin, from `unlock`; may be kept for
            as long as the object exists, so a front is fetched once.
        read_range: Gets bytes of the file.  What it raises passes through.
        size: Of the whole file, in bytes.
        name: What errors call the file.

    Raises:
        ArchiveDamaged: Payload failure: no age file has that size.
    """

    __slots__ = ("_end", "_name", "_read_range", "_unlocked", "size")

    def __init__(
        self,
        unlocked: Unlocked,
        read_range: ReadRange,
        size: int,
        *,
        name: str = "",
    ) -> None:
        self._unlocked, self._read_range, self._name = unlocked, read_range, name
        self._end = size - unlocked.chunks_at
        with about(name):
            self.size = plain_size(self._end)
        """Bytes of the payload."""

    def read(self, offset: int, length: int) -> bytes:
        """Plain bytes, exactly `length` of them.

        Raises:
            ArchiveDamaged: Payload failure: a chunk is damaged, or the range
                reaches past the end.

        Cost: one call of `read_range`, of the length that `sealed_range` says;
            none if `length` is 0.
        """
        start, sealed_length = self.sealed_range(offset, length)
        if not sealed_length:
            return b""
        return self.open(offset, length, self._read_range(start, sealed_length))

    def sealed_range(self, offset: int, length: int) -> tuple[int, int]:
        """Offset and length in the file of the chunks that hold a plain range.

        Reads nothing, so a planner can join what lies close together.

        Returns:
            Bytes of the file: at most `length`, 16 for each chunk touched, and
            less than two chunks.

        Raises:
            ArchiveDamaged: Payload failure: the range reaches past the end.
            ValueError: Offset or length is negative.
        """
        if offset < 0 or length < 0:
            raise ValueError(f"there is no range {offset}+{length}")
        if offset + length > self.size:
            with about(self._name):
                raise payload_failure(
                    f"byte {offset + length} is past its end at {self.size}"
                )
        if not length:
            return self._unlocked.chunks_at, 0
        start = offset // CHUNK_LEN * SEALED_LEN
        end = min(self._end, -(-(offset + length) // CHUNK_LEN) * SEALED_LEN)
        return self._unlocked.chunks_at + start, end - start

    def open(self, offset: int, length: int, sealed: bytes | memoryview) -> bytes:
        """The plain range, from the bytes that `sealed_range` named.

        Raises:
            ArchiveDamaged: Payload failure: a chunk is damaged.
        """
        return bytes(self.open_into(offset, length, sealed, KeptBuffer()))

    def open_into(
        self, offset: int, length: int, sealed: bytes | memoryview, buffer: KeptBuffer
    ) -> memoryview:
        """The plain range in a buffer, valid until that is used again.

        Raises:
            ArchiveDamaged: As `open`.
        """
        start, sealed_length = self.sealed_range(offset, length)
        with about(self._name):
            if len(sealed) != sealed_length:
                raise payload_failure(
                    f"{len(sealed)} bytes came from {start}, not {sealed_length}"
                )
            if not length:
                return memoryview(b"")
            first = offset // CHUNK_LEN
            last = start + sealed_length == self._unlocked.chunks_at + self._end
            target = buffer.sized(plain_size(sealed_length))
            self._unlocked.key.open_run_into(first, sealed, target, last=last)
        skip = offset - first * CHUNK_LEN
        return target[skip : skip + length]

    def verify_end(self) -> None:
        """Prove the size: open the last chunk as the last.

        Raises:
            ArchiveDamaged: Payload failure: chunks are missing, too many or damaged.

        Cost: one call of `read_range`, of at most one chunk.
        """
        last = (self._end - 1) // SEALED_LEN
        start = last * SEALED_LEN
        sealed = self._read_range(self._unlocked.chunks_at + start, self._end - start)
        with about(self._name):
            self._unlocked.key.open(last, sealed, last=True)
