"""The payload of an age file: chunks that can be sealed and opened in any order.

A payload is cut into chunks of 64 KiB; each is encrypted with ChaCha20-Poly1305
under one key, which belongs to the file key and a 16-byte nonce of the file.  The
nonce of chunk i is i in 11 bytes, big endian, then 1 for the last chunk, else 0.

  * every chunk but the last is full; the last has 1 to 65536 bytes
  * an empty payload is one empty chunk, and no other chunk is ever empty

So a chunk says where it belongs and whether it is the last: chunks cannot be
swapped, dropped or appended unnoticed, and the sizes of plain and sealed payload
give each other.  All functions here are pure, and `cryptography` frees the GIL in
them, so a pipeline may call them from any number of threads.

Source: C2SP age.md, "Payload".
"""

from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from tiered.codec.age.failures import payload_failure
from tiered.codec.age.filekey import FileKey
from tiered.errors import ArchiveDamaged

CHUNK_LEN = 1 << 16
"""Plain bytes of a full chunk."""

TAG_LEN = 16
SEALED_LEN = CHUNK_LEN + TAG_LEN
"""Bytes of a full chunk in the file."""

NONCE_LEN = 16
"""Bytes between header and first chunk."""

_MAX_CHUNKS = 1 << 64
"""The counter has room for 2^88; no file comes near either."""

Buffer = bytes | bytearray | memoryview


class PayloadKey:
    """The key of one payload: file key and nonce together.

    It must seal each index of each file once: sealing two contents with the same
    index gives both away.

    Args:
        file_key: Of this file only.
        nonce: 16 bytes, as they stand behind the header.
    """

    __slots__ = ("_aead",)

    def __init__(self, file_key: FileKey, nonce: bytes) -> None:
        if len(nonce) != NONCE_LEN:
            raise ValueError(f"a nonce has {NONCE_LEN} bytes, not {len(nonce)}")
        self._aead = ChaCha20Poly1305(file_key.derive(nonce, b"payload"))

    def seal(self, index: int, data: Buffer, *, last: bool) -> bytes:
        """Encrypt one chunk.

        Args:
            index: Of the chunk, from 0.
            data: 65536 bytes, or 1 to 65536 if it is the last, or none if it is
                the last and the first.
            last: Whether the payload ends with it.

        Returns:
            The chunk as it stands in the file: 16 bytes more than `data`.

        Raises:
            ValueError: No payload has such a chunk there.

        Cost: 35-50 us for a full chunk, without the GIL.
        """
        if not _fits(index, len(data), last=last):
            raise ValueError(f"{len(data)} bytes are no chunk {index} (last: {last})")
        return self._aead.encrypt(_nonce(index, last=last), data, None)

    def open(self, index: int, sealed: Buffer, *, last: bool) -> bytes:
        """Decrypt one chunk; the inverse of `seal`.

        Raises:
            ArchiveDamaged: Payload failure: it is not that chunk of this file.
        """
        if not _fits(index, len(sealed) - TAG_LEN, last=last):
            raise _misfit(index, len(sealed))
        try:
            return self._aead.decrypt(_nonce(index, last=last), sealed, None)
        except InvalidTag:
            raise self._why(index, sealed, last=last) from None

    def seal_run(self, first: int, data: Buffer, *, last: bool) -> list[bytes]:
        """Encrypt neighbouring chunks: one task of a pipeline, best 1 to 4 MiB.

        Args:
            first: Index of the first chunk.
            data: A whole number of full chunks, or anything if the payload ends
                with it.
            last: Whether the payload ends with it.

        Returns:
            The chunks in order, as `writelines` takes them.  Joining them would
            cost a third of the time that sealing them does.

        Raises:
            ValueError: No payload has such chunks there.
        """
        parts = _cut(data, CHUNK_LEN)
        final = len(parts) - 1
        return [
            self.seal(first + i, part, last=last and i == final)
            for i, part in enumerate(parts)
        ]

    def seal_run_into(self, first: int, data: Buffer, target: memoryview) -> int:
        """Encrypt full chunks, none of them the last, into a buffer.

        Args:
            first: Index of the first chunk.
            data: A whole number of full chunks.
            target: Has room for 16 bytes more than each of them.

        Returns:
            Bytes that were written to `target`.

        Raises:
            ValueError: No payload has such chunks there.
        """
        end = 0
        for index, part in enumerate(_cut(data, CHUNK_LEN), first):
            if len(part) != CHUNK_LEN or not _fits(index, CHUNK_LEN, last=False):
                raise ValueError(f"{len(part)} bytes are no chunk {index}")
            sealed = target[end : end + SEALED_LEN]
            self._aead.encrypt_into(_nonce(index, last=False), part, None, sealed)
            end += SEALED_LEN
        return end

    def open_run(self, first: int, sealed: Buffer, *, last: bool) -> list[bytes]:
        """Decrypt neighbouring chunks; the inverse of `seal_run`.

        Raises:
            ArchiveDamaged: Payload failure: not those chunks of this file; nothing
                of them is returned.
        """
        parts = _cut(sealed, SEALED_LEN)
        final = len(parts) - 1
        return [
            self.open(first + i, part, last=last and i == final)
            for i, part in enumerate(parts)
        ]

    def open_run_into(
        self, first: int, sealed: Buffer, target: memoryview, *, last: bool
    ) -> None:
        """As `open_run`, but into a buffer of exactly as many bytes as come out.

        Raises:
            ArchiveDamaged: As `open_run`; what the buffer holds is of no use.
        """
        parts = _cut(sealed, SEALED_LEN)
        final = len(parts) - 1
        for i, part in enumerate(parts):
            index, is_last = first + i, last and i == final
            if not _fits(index, len(part) - TAG_LEN, last=is_last):
                raise _misfit(index, len(part))
            plain = target[i * CHUNK_LEN : i * CHUNK_LEN + len(part) - TAG_LEN]
            try:
                self._aead.decrypt_into(_nonce(index, last=is_last), part, None, plain)
            except InvalidTag:
                raise self._why(index, part, last=is_last) from None

    def _why(self, index: int, sealed: Buffer, *, last: bool) -> ArchiveDamaged:
        """What is wrong with a chunk that does not open, for the message."""
        try:
            self._aead.decrypt(_nonce(index, last=not last), sealed, None)
        except InvalidTag:
            how = "(the last) was changed or cut off" if last else "was changed"
            return payload_failure(f"chunk {index} {how}", chunk=index)
        if last:
            return payload_failure(f"it is cut off after chunk {index}", chunk=index)
        return payload_failure(f"more follows the last chunk, {index}", chunk=index)

    def __repr__(self) -> str:
        return "PayloadKey(...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a payload key is not pickled")


def sealed_size(plain_bytes: int) -> int:
    """Bytes of all chunks of a payload, without header and nonce."""
    return plain_bytes + TAG_LEN * max(1, -(-plain_bytes // CHUNK_LEN))


def plain_size(sealed_bytes: int) -> int:
    """The inverse of `sealed_size`.

    Raises:
        ArchiveDamaged: Payload failure: no payload has that size.
    """
    full, rest = divmod(sealed_bytes, SEALED_LEN)
    if sealed_bytes < TAG_LEN or 0 < rest < TAG_LEN:
        raise payload_failure("it ends within a chunk")
    if full and rest == TAG_LEN:
        raise payload_failure("its last chunk is empty")
    return sealed_bytes - TAG_LEN * (full + bool(rest))


def _fits(index: int, plain_bytes: int, *, last: bool) -> bool:
    """Whether a chunk of that size can stand there."""
    if not 0 <= index < _MAX_CHUNKS or not 0 <= plain_bytes <= CHUNK_LEN:
        return False
    if plain_bytes == 0:
        return last and index == 0
    return last or plain_bytes == CHUNK_LEN


def _misfit(index: int, sealed_bytes: int) -> ArchiveDamaged:
    if sealed_bytes == TAG_LEN:
        return payload_failure("its last chunk is empty", chunk=index)
    if sealed_bytes < TAG_LEN:
        return payload_failure(f"it is cut off before chunk {index}", chunk=index)
    return payload_failure(f"chunk {index} has {sealed_bytes} bytes", chunk=index)


def _nonce(index: int, *, last: bool) -> bytes:
    return index.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def _cut(data: Buffer, length: int) -> list[memoryview]:
    """Pieces of that length and a shorter one; one empty piece of nothing."""
    view = memoryview(data).cast("B")
    return [view[at : at + length] for at in range(0, len(view) or 1, length)]
