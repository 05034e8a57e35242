"""How the objects of style tiered are sealed: as age files, or not at all.

An envelope works on streams and ranges, knows no names of sets and no keys: who can
open and for whom is sealed are asked for when the first object needs it, and once.

    envelope.begin(target)                      a whole object, pushed
    envelope.open_stream(source, name)          a whole object, pulled
    envelope.open_ranges(front, size, name)     any range, planned before it is read

Envelopes and range readers may be shared by threads; writers and streams may not.
The suffix of a name tells its envelope [docs/format/native.md, "Objects and names"].
"""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO, Generic, NoReturn, Protocol, TypeVar

from tiered.codec.buffers import KeptBuffer
from tiered.codec.target import Target
from tiered.errors import ArchiveDamaged

if TYPE_CHECKING:  # loading `age` takes as long as all else: only who seals pays
    from tiered.codec.age import Identity, RandomBytes, Recipient

T = TypeVar("T")

Buffer = bytes | bytearray | memoryview


class SealedWriter(Protocol):
    """An object that is being written."""

    @property
    def front(self) -> bytes:
        """What stands before the payload (age header and nonce); b"" if nothing."""

    def write(self, data: Buffer, /) -> object:
        """Seal more; what the target's `write` raises passes through."""

    def close(self) -> None:
        """Write the end; the target stays open.  Without it the object is cut off."""


class Reader(Protocol):
    """A payload, front to end."""

    def read(self, size: int = -1, /) -> bytes:
        """The next `size` bytes, fewer only at the end; all that are left if < 0.

        Raises:
            ArchiveDamaged: The object was changed or is cut off.
        """


class RangeReader(Protocol):
    """Ranges of one object's payload; does no I/O itself."""

    @property
    def size(self) -> int:
        """Bytes of the payload."""

    def sealed_range(self, offset: int, length: int) -> tuple[int, int]:
        """(start, length) in the object that hold a range of the payload.

        Raises:
            ArchiveDamaged: The range reaches past the end.
        """

    def open(self, offset: int, length: int, sealed: bytes) -> bytes:
        """The payload range, from the bytes that `sealed_range` named.

        Raises:
            ArchiveDamaged: They were changed, or are not as many.
        """

    def open_into(
        self, offset: int, length: int, sealed: bytes | memoryview, buffer: KeptBuffer
    ) -> memoryview:
        """As `open`, but in a buffer; valid until that is used again."""


class Envelope(Protocol):
    """One way to seal objects."""

    @property
    def suffix(self) -> str:
        """Ends the names of such objects: ".age" or ""."""

    def begin(self, target: Target) -> SealedWriter:
        """Start an object; its front is written at once.

        Raises:
            PassphraseError: For whom to seal is not known.
        """

    def unlock(self) -> None:
        """Have the keys at hand: what opening raises then is about the object.

        Raises:
            TieredError: They cannot be had, for whatever reason.
        """

    def open_stream(self, source: BinaryIO, name: str) -> Reader:
        """The payload of a whole object, checked on the way.

        Args:
            source: The object at byte 0; the caller closes it.
            name: What errors call the object.

        Raises:
            PassphraseError: No key that is at hand opens it.
            ArchiveDamaged: It does not begin as such an object does.
        """

    def open_ranges(self, front: bytes, size: int, name: str) -> RangeReader:
        """Open any range of an object.

        Args:
            front: As remembered, or as read; what follows it does not matter.
            size: Bytes of the whole object.
            name: What errors call the object.

        Raises:
            As `open_stream`.

        Cost: 0.1 ms; no I/O.
        """

    def front_length(self, head: bytes) -> int | None:
        """How long the front is; None: more bytes are needed to tell.

        Args:
            head: The object from byte 0, to anywhere.

        Raises:
            ArchiveDamaged: No such object begins like this.
        """


class PlainEnvelope:
    """Objects as they are."""

    suffix = ""

    def begin(self, target: Target) -> SealedWriter:
        return _PlainWriter(target)

    def unlock(self) -> None:
        """There is no key."""

    def open_stream(self, source: BinaryIO, name: str) -> Reader:
        return source

    def open_ranges(self, front: bytes, size: int, name: str) -> RangeReader:
        return _PlainRanges(size, name)

    def front_length(self, head: bytes) -> int | None:
        return 0


class AgeEnvelope:
    """Objects as age files.

    Args:
        recipients: Asked when the first object is begun; who may open the objects.
        identities: Asked when the first object is opened.  What it raises passes
            through, and then it is asked again the next time.
        random_bytes: `os.urandom`, except in tests.
    """

    suffix = ".age"

    def __init__(
        self,
        recipients: "Callable[[], Sequence[Recipient]]",
        identities: "Callable[[], Sequence[Identity]]",
        random_bytes: "RandomBytes",
    ) -> None:
        self._recipients, self._identities = _Once(recipients), _Once(identities)
        self._random_bytes = random_bytes

    def begin(self, target: Target) -> SealedWriter:
        from tiered.codec.age import Encryptor

        return Encryptor(self._recipients.get(), target, self._random_bytes)

    def unlock(self) -> None:
        self._identities.get()

    def open_stream(self, source: BinaryIO, name: str) -> Reader:
        from tiered.codec.age import Decryptor

        return Decryptor(self._identities.get(), source, name=name)

    def open_ranges(self, front: bytes, size: int, name: str) -> RangeReader:
        from tiered.codec import age
        from tiered.codec.age.failures import about

        identities = self._identities.get()
        with about(name):
            unlocked = age.unlock(identities, front)
        return age.SeekableDecryptor(unlocked, _read_nothing, size, name=name)

    def front_length(self, head: bytes) -> int | None:
        from tiered.codec.age import front_end

        return front_end(head)


class _Once(Generic[T]):
    """Asks once, however many threads want to know; a failure is not an answer."""

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask, self._lock = ask, Lock()
        self._answer: tuple[T] | None = None

    def get(self) -> T:
        with self._lock:
            if self._answer is None:
                self._answer = (self._ask(),)
            return self._answer[0]


def _read_nothing(start: int, length: int) -> NoReturn:
    raise AssertionError(f"a range reader was asked to read {length} from {start}")


class _PlainWriter:
    front = b""

    def __init__(self, target: Target) -> None:
        self._target = target

    def write(self, data: Buffer, /) -> object:
        return self._target.write(data)

    def close(self) -> None:
        """There is no end to write."""


class _PlainRanges:
    def __init__(self, size: int, name: str) -> None:
        self.size, self._name = size, name

    def sealed_range(self, offset: int, length: int) -> tuple[int, int]:
        if offset < 0 or length < 0:
            raise ValueError(f"there is no range {offset}+{length}")
        if offset + length > self.size:
            raise ArchiveDamaged(
                f"{self._name!r}: byte {offset + length} is past its end at "
                f"{self.size}",
                hint="Read another copy of it, if there is one.",
            )
        return offset, length

    def open(self, offset: int, length: int, sealed: bytes) -> bytes:
        self._check(offset, length, sealed)
        return sealed

    def open_into(
        self, offset: int, length: int, sealed: bytes | memoryview, buffer: KeptBuffer
    ) -> memoryview:
        self._check(offset, length, sealed)
        target = buffer.sized(length)
        target[:] = sealed
        return target

    def _check(self, offset: int, length: int, sealed: bytes | memoryview) -> None:
        self.sealed_range(offset, length)
        if len(sealed) != length:
            raise ArchiveDamaged(
                f"{self._name!r}: {len(sealed)} bytes came from {offset}, not {length}",
                hint="Read another copy of it, if there is one.",
            )
