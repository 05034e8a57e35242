"""Whole age files, written and read from front to end in bounded memory."""

from collections.abc import Sequence
from typing import BinaryIO

from tiered.codec.age.failures import about, header_failure
from tiered.codec.age.file import Unlocked, begin, front_end, unlock
from tiered.codec.age.filekey import Identity, RandomBytes, Recipient
from tiered.codec.age.payload import CHUNK_LEN, SEALED_LEN, Buffer
from tiered.codec.target import Target

_RUN = 16
"""Chunks that are read or sealed at once: 1 MiB."""


class Encryptor:
    """Push in plain bytes; an age file comes out.

    The front is written at once.  `close` writes the last chunk: without it the
    file is cut off, and every reader says so.

    Args:
        recipients: Each of them can open the file.
        target: Where the file goes; the caller closes it.  What its `write` raises
            passes through, and then the file is worthless.
        random_bytes: `os.urandom`, except in tests.

    Raises:
        ConfigError, EncryptionFailed: As `begin`.

    Memory: 1.2 MiB.
    """

    __slots__ = (
        "_closed",
        "_count",
        "_held",
        "_index",
        "_key",
        "_sealed",
        "_target",
        "front",
    )

    def __init__(
        self,
        recipients: Sequence[Recipient],
        target: Target,
        random_bytes: RandomBytes,
    ) -> None:
        new = begin(recipients, random_bytes)
        self._key, self._target = new.key, target
        self._held = memoryview(bytearray(CHUNK_LEN))  # full, it waits all the same
        self._count = 0  # bytes of it that are waiting
        self._sealed = memoryview(bytearray(_RUN * SEALED_LEN))  # used again and again
        self._index = 0  # of the next chunk: none is used twice
        self._closed = False
        self.front = new.front
        """Header and nonce, as they stand in the file."""
        target.write(new.front)

    def write(self, data: Buffer, /) -> None:
        """Encrypt more; what fills no chunk waits for the next call."""
        if self._closed:
            raise ValueError("the age file is closed")
        view = memoryview(data).cast("B")
        while view:
            if self._count == CHUNK_LEN:  # more follows, so it is not the last
                self._put_run(self._held)
                self._count = 0
            if not self._count and len(view) > CHUNK_LEN:
                end = min(_RUN, (len(view) - 1) // CHUNK_LEN) * CHUNK_LEN
                self._put_run(view[:end])
                view = view[end:]
                continue
            part = view[: CHUNK_LEN - self._count]
            self._held[self._count : self._count + len(part)] = part
            self._count += len(part)
            view = view[len(part) :]

    def close(self) -> None:
        """Write the last chunk; the second time, nothing."""
        if not self._closed:
            self._closed = True
            last = self._held[: self._count]
            self._target.write(self._key.seal(self._index, last, last=True))

    def _put_run(self, chunks: memoryview) -> None:
        index = self._index
        self._index += len(chunks) // CHUNK_LEN  # even if the write fails
        end = self._key.seal_run_into(index, chunks, self._sealed)
        self._target.write(self._sealed[:end])


class Decryptor:
    """Pull plain bytes out of an age file.

    Only bytes of chunks that are proven right come out, and the empty answer that
    ends them comes only after the last chunk was proven to be the last.  Who
    reads 64 KiB at a time gets all that precedes a damaged chunk.

    Args:
        identities: In the order in which they are tried.
        source: The file at byte 0; the caller closes it.  It is read to its end.
            What its `read` raises passes through.
        name: What errors call the file.

    Raises:
        PassphraseError: No match.
        ArchiveDamaged: Header failure or HMAC failure.

    Memory: 3 MiB.
    """

    __slots__ = (
        "_behind",
        "_carry",
        "_index",
        "_key",
        "_name",
        "_plain",
        "_sealed",
        "_source",
    )

    def __init__(
        self, identities: Sequence[Identity], source: BinaryIO, *, name: str = ""
    ) -> None:
        self._source, self._name = source, name
        with about(name):
            unlocked, self._carry = self._front(identities)
        self._key = unlocked.key
        self._plain = memoryview(b"")  # opened, not yet asked for
        self._index = 0
        self._sealed = memoryview(self._take())  # not yet opened
        self._behind = self._take()  # what follows; if nothing, the end is near

    def read(self, size: int = -1, /) -> bytes:
        """The next `size` bytes, fewer only at the end; all that are left if < 0.

        Raises:
            ArchiveDamaged: Payload failure.  Asked again, it fails again.
        """
        parts = []
        missing = size
        while missing and (self._plain or self._open()):
            part = self._plain[:missing] if missing > 0 else self._plain
            self._plain = self._plain[len(part) :]
            parts.append(part)
            missing -= len(part) if missing > 0 else 0
        return b"".join(parts)

    def _open(self) -> bool:
        """Open the next chunk, if there is one.  The first one there must be."""
        chunk = self._sealed[:SEALED_LEN]
        if not chunk and self._index:
            return False
        last = len(chunk) == len(self._sealed) and not self._behind
        with about(self._name):
            opened = self._key.open(self._index, chunk, last=last)
        self._plain = memoryview(opened)
        self._index += 1
        self._sealed = self._sealed[SEALED_LEN:]
        if not self._sealed and self._behind:
            self._sealed, self._behind = memoryview(self._behind), self._take()
        return True

    def _take(self) -> bytes:
        """The next run of sealed chunks; shorter only at the end of the file."""
        parts, missing = [self._carry], _RUN * SEALED_LEN - len(self._carry)
        self._carry = b""
        while missing and (part := self._source.read(missing)):
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def _front(self, identities: Sequence[Identity]) -> tuple[Unlocked, bytes]:
        """Open the front; with what was read of the chunks behind it."""
        data = b""
        while front_end(data) is None:
            part = self._source.read(_RUN * SEALED_LEN)
            if not part:
                raise header_failure("it is cut off")
            data += part
        unlocked = unlock(identities, data)
        return unlocked, data[unlocked.chunks_at :]
