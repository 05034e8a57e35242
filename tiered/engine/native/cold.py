"""Read frames of volumes: the ranges that are needed, from a copy that is right.

A range comes from whichever copy the store gives.  If something in it fails its
check, and the store may have other copies, the volume is fetched whole, from one
copy after the other, until one has the BLAKE3 that the manifest says; then its
frames are read from there.  If there is none, each frame is read alone, so that
one bad chunk costs the files that lie in it, and no others.

Stores that cannot read ranges give whole volumes from the beginning.
"""

import threading
from collections.abc import Mapping
from threading import Lock

from tiered.archive.collection import Chain, Collection
from tiered.archive.index import VolumeRow
from tiered.archive.object_name import ObjectName
from tiered.codec.buffers import KeptBuffer
from tiered.codec.envelope import RangeReader
from tiered.codec.frames import FrameTable, unpack_frame
from tiered.codec.reads import FrameRun
from tiered.codec.unpacking import FrameUnpacker, library_decompress
from tiered.engine.context import Context
from tiered.engine.native.known_volumes import ColdVolume, KnownVolumes
from tiered.engine.native.schedule import VolumeNumbers
from tiered.engine.native.whole_volumes import BAD, WholeVolumes
from tiered.errors import ArchiveDamaged, Corrupt, Frozen, StoreError

_OPEN_BYTES = 1 << 20
_NONE: Mapping[VolumeRow, ColdVolume] = {}
_EDGE_BYTES = 66 << 10
"""What two reads that follow each other may share: one sealed chunk."""
_EDGES = 256
_FRAMES = 1 << 15
"""In all tables that are remembered: some 300 bytes each."""


class OpenRun:
    """The frames of one read; unpacks those that are asked for, in order.

    The envelope is opened for a few frames at a time, so that what is decrypted is
    still near when it is decompressed.

    Raises (also `content`):
        Frozen: The volume is sealed.
        StoreError: The store does not answer, and will not for the next run.
    """

    def __init__(
        self, volumes: "ColdVolumes", volume: ColdVolume, run: FrameRun
    ) -> None:
        self._volumes, self._volume, self._run = volumes, volume, run
        self._sealed: memoryview | None = None
        self._failure: Exception = ArchiveDamaged("")
        self._payload, self._start, self._end = memoryview(b""), 0, 0
        try:
            self._reader = volumes.reader(volume)
            self._at, length = self._reader.sealed_range(
                run.stored_start, run.stored_length
            )
            sealed = volumes.read_on(volume, self._at, length)
        except Frozen:
            raise
        except (ArchiveDamaged, StoreError) as e:
            self._failure = e
        else:
            self._sealed = memoryview(sealed)

    def content(self, frame: int) -> memoryview:
        """The content of a frame, valid until this thread asks for the next.

        Raises:
            ArchiveDamaged: No copy has it.
        """
        if self._sealed is None:
            return self._rescued(frame, self._failure)
        table = self._volume.table
        start, end = table.stored_start(frame), table.stored_start(frame + 1)
        try:
            if not self._start <= start < end <= self._end:
                self._open(self._sealed, frame)
            stored = self._payload[start - self._start : end - self._start]
            return self._volumes.unpacker.unpack(stored, table.sizes[frame])
        except ArchiveDamaged as e:
            self._start = self._end = 0
            return self._rescued(frame, e)

    def _rescued(self, frame: int, failure: Exception) -> memoryview:
        return memoryview(self._volumes.rescue_frame(self._volume, frame, failure))

    def _open(self, sealed: memoryview, first: int) -> None:
        """Decrypt some frames, from the first on."""
        table = self._volume.table
        start, last = table.stored_start(first), first
        while last < self._run.last:
            if table.stored_start(last + 2) - start > _OPEN_BYTES:
                break
            last += 1
        end = table.stored_start(last + 1)
        at, length = self._reader.sealed_range(start, end - start)
        part = sealed[at - self._at : at - self._at + length]
        buffer = self._volumes.kept.payload
        self._start = self._end = 0
        self._payload = self._reader.open_into(start, end - start, part, buffer)
        self._start, self._end = start, end


class _Kept(threading.local):
    """What each thread keeps."""

    def __init__(self) -> None:
        self.payload = KeptBuffer()


class ColdVolumes:
    """The volumes of a chain; any number of threads may use it.

    Args:
        numbers: What numbers of volumes mean.
        known: Volumes that are known from before.
    """

    def __init__(
        self,
        context: Context,
        collection: Collection,
        chain: Chain,
        numbers: VolumeNumbers,
        known: Mapping[VolumeRow, ColdVolume] = _NONE,
    ) -> None:
        self._context, self._numbers = context, numbers
        self._collection = collection
        self._lock = Lock()
        self._known = dict(known)
        self._frames = sum(len(v.table.sizes) for v in known.values())
        self._readers: dict[str, RangeReader] = {}
        self._sets = KnownVolumes(context, collection, chain)
        self._ranges = context.store.extras.ranges
        self._whole = WholeVolumes(context, must_do=self._ranges is None)
        self._edges: dict[str, tuple[int, bytes]] = {}
        """Where the last read of a volume ended, and its last bytes."""
        self.kept = _Kept()
        self.unpacker = FrameUnpacker(library_decompress())

    def __enter__(self) -> "ColdVolumes":
        return self

    def __exit__(self, *_: object) -> None:
        self._sets.close()
        self._whole.close()

    @property
    def known(self) -> Mapping[VolumeRow, ColdVolume]:
        """What was asked for last, for others of the same chain."""
        return dict(self._known)

    def name(self, number: int) -> ObjectName:
        """The object of a volume; errors as in `volume`."""
        return self._sets.find(self._numbers.row(number))

    def table(self, number: int) -> FrameTable:
        """The frames of a volume, from the index of its set."""
        return self.volume(number).table

    def volume(self, number: int) -> ColdVolume:
        """What is known of a volume.

        Raises:
            ArchiveDamaged: It is not listed; or index and manifest of its set do
                not fit together.
        """
        with self._lock:
            row = self._numbers.row(number)
            if found := self._known.get(row):
                return found
            volume = self._sets.read(row)
            self._frames += len(volume.table.sizes)
            while self._known and self._frames > _FRAMES:
                oldest = self._known.pop(next(iter(self._known)))
                self._frames -= len(oldest.table.sizes)
            self._known[row] = volume
            return volume

    def open_run(self, number: int, run: FrameRun) -> OpenRun:
        """Read one run.

        Raises:
            Frozen: The volume is sealed; nothing else of the run was done.
            StoreError: The store does not answer, and will not for the next.
        """
        return OpenRun(self, self.volume(number), run)

    def rescue_frame(self, volume: ColdVolume, frame: int, failure: Exception) -> bytes:
        """A frame that was read and is not right, from another copy or alone."""
        self._rescue(volume)
        start = volume.table.stored_start(frame)
        length = volume.table.stored_start(frame + 1) - start
        try:
            reader = self.reader(volume)
            at, count = reader.sealed_range(start, length)
            stored = reader.open(start, length, self.sealed(volume, at, count))
            return unpack_frame(stored, volume.table.sizes[frame])
        except BAD as e:
            raise _damaged(volume, e) from failure

    def reader(self, volume: ColdVolume) -> RangeReader:
        """Opens ranges of a volume."""
        name = volume.name
        reader = self._readers.get(name.name)
        if reader is None:
            layout = volume.layout
            envelope = self._context.envelope_for(name.suffix)
            reader = envelope.open_ranges(layout.front, layout.size, name.name)
            self._readers[name.name] = reader
        return reader

    def sealed(self, volume: ColdVolume, start: int, length: int) -> bytes:
        """A range of the object: of a copy that is known to be right, or of any."""
        whole = self._whole.read(volume, start, length)
        if whole is not None or self._ranges is None:
            return whole or b""
        name = volume.name.name
        try:
            return self._ranges.get_range(name, start, length)
        except StoreError as e:
            if type(e) is StoreError and self._is_short(volume):
                raise Corrupt(f"{name} is shorter than it should be") from e
            raise

    def read_on(self, volume: ColdVolume, start: int, length: int) -> bytes:
        """As `sealed`, but what the last read of the volume had of it is kept."""
        name = volume.name.name
        with self._lock:
            end, edge = self._edges.pop(name, (0, b""))
        shared = end - start
        known = edge[-shared:] if 0 < shared <= min(len(edge), length) else b""
        found = known
        if len(known) < length:
            rest = self.sealed(volume, start + len(known), length - len(known))
            found = known + rest if known else rest
        with self._lock:
            while len(self._edges) >= _EDGES:
                self._edges.pop(next(iter(self._edges)))
            self._edges[name] = start + length, found[-_EDGE_BYTES:]
        return found

    def _is_short(self, volume: ColdVolume) -> bool:
        """Does the store say that the object ends too early?"""
        name, stat = volume.name.name, self._context.store.extras.stat
        entry = stat.stat(name) if stat else self._collection.sizes[name]
        return entry.size < volume.object.size

    def _rescue(self, volume: ColdVolume) -> None:
        """Have the volume as a file, if there may be a copy that is whole."""
        if self._context.store.extras.copies:
            self._whole.fetch(volume)


def _damaged(volume: ColdVolume, error: Exception) -> ArchiveDamaged:
    """The error, with the name of the volume in it."""
    name = volume.name.name
    if isinstance(error, ArchiveDamaged) and name in str(error):
        return error
    return ArchiveDamaged(f"{name}: {error}", hint=getattr(error, "hint", ""))
