"""One volume in the scratch folder: checked as far as it can vouch for itself.

A volume that is sealed proves its own bytes; one that is not has the checksums of
its frames.  Where the set's manifest survived, its BLAKE3 counts besides.
"""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from blake3 import blake3

from tiered.archive.index import VolumeLayout
from tiered.archive.object_name import ObjectName
from tiered.archive.set_manifest import VolumeObject
from tiered.codec.envelope import Envelope, RangeReader, Reader
from tiered.codec.frames import (
    FrameSize,
    pack_seek_table,
    parse_seek_table,
    unpack_frame,
)
from tiered.cold.run import POLL_S, thaw_and_wait
from tiered.engine.context import Context
from tiered.engine.fetch import download, expect
from tiered.engine.spool import open_spool, read_part, scratch_file
from tiered.errors import ArchiveDamaged, Corrupt, Frozen, Retry, StoreError
from tiered.store import Entry

_READ_BYTES = 1 << 20
_HEAD_BYTES = 4 << 10
_TABLE_BYTES = 64 << 10
_THAWS = 15
"""Times that a volume may turn out to be sealed, minutes apart."""


class Thawing:
    """Waits until volumes can be read; does nothing where no store is cold."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._again: Counter[str] = Counter()

    def wait(self, names: Iterable[str]) -> None:
        """Ask for all of them at once, and return when they can be read.

        Raises:
            NotFound, StoreError: The store does not list one, or does not answer.
        """
        context, wanted = self._context, tuple(names)
        if (thaw := context.store.extras.thaw) and wanted:
            thaw_and_wait(thaw, wanted, context.cache, context.clock, context.monitor)

    def again(self, name: str, error: Frozen | StoreError) -> None:
        """It was readable, and was sealed since; the listing may not know yet.

        Raises:
            StoreError: `error`, if that does not end.
        """
        if self._context.store.extras.thaw is None or self._again[name] == _THAWS:
            raise error
        self._again[name] += 1
        self._context.monitor.warn(f"{name} was sealed again; thawing it once more")
        self._context.clock.sleep_s(POLL_S)
        self.wait([name])


class VolumeFile:
    """A volume that lies in a file.

    Raises:
        ArchiveDamaged: It is no volume: there is no front, or no seek table.
        PassphraseError: No key that is at hand opens it.
    """

    def __init__(self, file: BinaryIO, name: ObjectName, envelope: Envelope) -> None:
        self._file, self.name, self._envelope = file, name, envelope
        self._fd = file.fileno()
        self.size = os.fstat(self._fd).st_size
        self.front = self._read_front()
        ranges = envelope.open_ranges(self.front, self.size, name.name)
        self.frames = self._read_table(ranges)

    def hash(self) -> bytes:
        """BLAKE3 of the stored bytes."""
        found = blake3()
        with open_spool(self._file) as data:
            while chunk := data.read(_READ_BYTES):
                found.update(chunk)
        return found.digest()

    @property
    def content_bytes(self) -> int:
        return sum(f.content for f in self.frames)

    def layout(self, number: int) -> VolumeLayout:
        """What the index says of it."""
        return VolumeLayout(
            number=number,
            size=self.size,
            front=self.front,
            stored=[f.stored for f in self.frames],
            content=[f.content for f in self.frames],
        )

    @contextmanager
    def content(self) -> Iterator["FrameContent"]:
        """Its content from byte 0; each frame is checked."""
        with open_spool(self._file) as sealed:
            payload = self._envelope.open_stream(sealed, self.name.name)
            yield FrameContent(payload, self.frames, self.name.name)

    def _read_front(self) -> bytes:
        count = _HEAD_BYTES
        while True:
            head = read_part(self._fd, count, 0)
            length = self._envelope.front_length(head)
            if length is not None:
                return head[:length]
            if len(head) < count:
                raise ArchiveDamaged(f"{self.name.name} ends in its head")
            count *= 2

    def _read_table(self, ranges: RangeReader) -> tuple[FrameSize, ...]:
        count = min(_TABLE_BYTES, ranges.size)
        while True:
            start = ranges.size - count
            at, length = ranges.sealed_range(start, count)
            tail = ranges.open(start, count, read_part(self._fd, length, at))
            try:
                frames = parse_seek_table(tail)
            except ArchiveDamaged as e:
                if count == ranges.size:
                    raise ArchiveDamaged(f"{self.name.name}: {e}") from e
                count = min(16 * count, ranges.size)
                continue
            stored = sum(f.stored for f in frames) + len(pack_seek_table(frames))
            if stored != ranges.size:
                raise ArchiveDamaged(
                    f"{self.name.name} has other frames than its seek table says"
                )
            return frames


class FrameContent:
    """The content of a volume, as a stream."""

    def __init__(self, payload: Reader, frames: Iterable[FrameSize], name: str) -> None:
        self._payload, self._name = payload, name
        self._all = tuple(frames)
        self._frames = iter(self._all)
        self._left = memoryview(b"")
        self._ended = False

    def read(self, size: int, /) -> bytes:
        """Fewer than `size` bytes only at the end.

        Raises:
            ArchiveDamaged: A frame fails its check.
        """
        parts = []
        while size and (self._left or self._next()):
            parts.append(self._left[:size])
            size -= len(parts[-1])
            self._left = self._left[len(parts[-1]) :]
        return b"".join(parts)

    def _next(self) -> bool:
        frame = next(self._frames, None)
        if frame is not None:
            data = self._payload.read(frame.stored)
            try:
                self._left = memoryview(unpack_frame(data, frame))
            except ArchiveDamaged as e:
                raise ArchiveDamaged(f"{self._name}: {e}") from e
            return True
        if not self._ended:
            self._ended = True
            # to its very end, as only there a sealed object proves to be whole
            if self._payload.read() != pack_seek_table(self._all):
                raise ArchiveDamaged(f"{self._name} has a seek table of other frames")
        return False


@contextmanager
def fetched_volume(
    context: Context,
    name: ObjectName,
    entry: Entry,
    known: VolumeObject | None,
    thawing: Thawing,
) -> Iterator[VolumeFile]:
    """A volume, from the first copy that is right, for as long as the block lasts.

    Args:
        name: Of the object.
        entry: What the listing says of it.
        known: What the manifest of its set says, if it survived.
        thawing: If it is sealed (again).

    Raises:
        ArchiveDamaged, Corrupt, NotFound: No copy of it is right.
        StoreError: No copy could be read.
        PassphraseError: No key that is at hand opens it.
    """
    envelope = context.envelope_for(name.suffix)

    def check(file: BinaryIO) -> None:
        volume = VolumeFile(file, name, envelope)
        if known is not None:
            if (volume.size, volume.hash()) != (known.size, known.blake3):
                raise Corrupt(f"{name.name} is not what its manifest says")
        elif context.store.extras.copies:  # else reading it finds the same
            with volume.content() as content:
                while content.read(_READ_BYTES):
                    pass

    with scratch_file(context.scratch) as file:
        while True:
            try:
                download(context, name.name, file, expect(entry), check)
                break
            except StoreError as e:
                if e.retry is not Retry.THAW:
                    raise
                thawing.again(name.name, e)
        yield VolumeFile(file, name, envelope)
