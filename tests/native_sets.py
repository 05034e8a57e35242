"""Sets of style tiered made by hand: any frames, any extents, any rows."""

import io
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from blake3 import blake3

from tests.engine import AS_STORED, Listening
from tiered.archive.collection import collect
from tiered.archive.columns import IndexRow
from tiered.archive.extents import Extent, ExtentList
from tiered.archive.fileinfo import FileType
from tiered.archive.filename import Namer, Prefixes
from tiered.archive.index import VolumeLayout, VolumeRow
from tiered.archive.index_writer import IndexWriter
from tiered.archive.object_name import SetId
from tiered.archive.paths import PathKey, split_path
from tiered.archive.set_manifest import SetManifest, StoredObject, Totals, VolumeObject
from tiered.archive.style import Style
from tiered.backends.file import FileSettings, FileStore
from tiered.catalogue.cache import Cache
from tiered.codec.age import X25519Identity
from tiered.codec.envelope import AgeEnvelope, Envelope, PlainEnvelope
from tiered.codec.frames import FrameSize, pack_frame, pack_seek_table
from tiered.codec.plain import Plain
from tiered.engine.context import Context
from tiered.engine.native.restore import RestoreSettings, run_native_restore
from tiered.engine.native.restore_plan import NativeRestorePlan, plan_native_restore
from tiered.engine.place import PlaceSettings
from tiered.engine.restoration import RestoreReport, RestoreRequest
from tiered.store import PutMode, Store
from tiered.testing.clocks import JumpingClock
from tiered.testing.sources import BytesSource

HEADER = b"\x55" * 512
"""What stands before each file: a restore never looks at it."""
NOTHING = StoredObject(0, blake3(b"").digest())
IDENTITY = X25519Identity.generate(os.urandom)
AGE = AgeEnvelope(lambda: [IDENTITY.recipient], lambda: [IDENTITY], os.urandom)
PLAIN = PlainEnvelope()
LATE_S = 1 << 33


def envelope_for(suffix: str) -> Envelope:
    return AGE if suffix == AGE.suffix else PLAIN


def digest(data: bytes) -> bytes:
    return blake3(data).digest()


@dataclass
class HandmadeSet:
    """One set that is being made."""

    archive: "HandmadeArchive"
    id: SetId
    frame_bytes: int
    volume_bytes: int
    rows: dict[PathKey, IndexRow] = field(default_factory=dict)
    volumes: list[list[bytes]] = field(default_factory=lambda: [[b""]])
    _size: int = 0

    def store(self, data: bytes) -> tuple[Extent, ...]:
        """Put content into volumes, behind a header; where it lies."""
        extents = ExtentList()
        self._append(HEADER)
        view = memoryview(data)
        while view:
            if self._size >= self.volume_bytes:
                self.volumes.append([b""])
                self._size = 0
                self._append(HEADER)
            part = view[: self.volume_bytes - self._size]
            volume = self.archive.volume(self.id.end_s, len(self.volumes))
            extents.add(Extent(volume, self._size, len(part)))
            self._append(part)
            view = view[len(part) :]
        return extents.done()

    def _append(self, data: bytes | memoryview) -> None:
        frames = self.volumes[-1]
        self._size += len(data)
        while data:
            if len(frames[-1]) >= self.frame_bytes:
                frames.append(b"")
            part = data[: self.frame_bytes - len(frames[-1])]
            frames[-1] += part
            data = data[len(part) :]

    def add(self, path: bytes, type_: FileType | None, **fields: object) -> None:
        attributes = {"mode": 0o755, "mtime_ns": 1_000_000_007, **fields}
        key = split_path(path)
        row = IndexRow(path=key, type=type_, **attributes)  # type: ignore[arg-type] # fields of IndexRow
        self.rows[key] = row

    def file(self, path: bytes, data: bytes, **fields: object) -> None:
        """A regular file, stored whole."""
        self.pieces(path, data, self.store(data), **fields)

    def pieces(
        self, path: bytes, data: bytes, extents: Sequence[Extent], **fields: object
    ) -> None:
        """A regular file that lies anywhere."""
        known = {"size": len(data), "hash": digest(data), "extents": tuple(extents)}
        self.add(path, FileType.REGULAR, **{"mode": 0o644, **known, **fields})

    def folder(self, *paths: bytes) -> None:
        for path in paths:
            self.add(path, FileType.DIRECTORY)

    def finish(
        self, front: Callable[[int, bytes], bytes] = lambda _, front: front
    ) -> None:
        """Write all objects; the manifest is the last.

        Args:
            front: What the index says of the front of a volume, by its number.
        """
        archive, suffix = self.archive, self.archive.envelope.suffix
        namer = archive.context.namer
        objects, layouts = [], []
        for number, frames in enumerate(self.volumes, 1):
            name = namer.volume(self.id, number, suffix)
            packed = [pack_frame(frame, archive.level) for frame in frames]
            sizes = [
                FrameSize(len(p), len(f)) for p, f in zip(packed, frames, strict=True)
            ]
            sealed, begin = archive.seal([*packed, pack_seek_table(sizes)])
            archive.put(name, sealed)
            content = sum(s.content for s in sizes)
            objects.append(VolumeObject(number, len(sealed), digest(sealed), content))
            layouts.append(
                VolumeLayout(
                    number=number,
                    size=len(sealed),
                    front=front(number, begin),
                    stored=[s.stored for s in sizes],
                    content=[s.content for s in sizes],
                )
            )
        index, _ = archive.seal([self._index(layouts)])
        archive.put(namer.index(self.id, suffix), index)
        manifest = SetManifest(
            set_id=self.id,
            host=b"host",
            source=b"/source",
            volumes=tuple(objects),
            signatures=NOTHING,
            index=StoredObject(len(index), digest(index)),
            totals=Totals(
                paths=0, file_bytes=0, new=0, changed=0, deleted=0, stored_bytes=0
            ),
        )
        sealed, _ = archive.seal([manifest.dump()])
        archive.put(namer.manifest(self.id, suffix), sealed)

    def _index(self, layouts: Iterable[VolumeLayout]) -> bytes:
        target = io.BytesIO()
        writer = IndexWriter(target.write, lambda data: pack_frame(data, 1))
        known = self.archive.volumes
        for _, row in sorted(self.rows.items()):
            extents = tuple(
                replace(e, volume=writer.volume(known[e.volume])) for e in row.extents
            )
            writer.add(replace(row, extents=extents))
        for layout in layouts:
            writer.add_layout(layout)
        writer.finish()
        return target.getvalue()


@dataclass
class HandmadeArchive:
    """An archive in a folder, and what is done with it."""

    folder: Path
    envelope: Envelope = PLAIN
    store: Store | None = None
    level: int = 1
    settings: RestoreSettings = field(default_factory=RestoreSettings)
    clock: JumpingClock = field(default_factory=JumpingClock)
    volumes: list[VolumeRow] = field(default_factory=list)
    """What the numbers in extents mean, for all sets."""

    def __post_init__(self) -> None:
        for name in ("store", "scratch"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        plain_store = FileStore(FileSettings(root=self.folder / "store", durable=False))
        self.said = Listening()
        self.context = Context(
            store=self.store or plain_store,
            namer=Namer(Prefixes()),
            codec_for=lambda _: Plain(),
            envelope_for=envelope_for,
            cache=Cache(self.folder / "cache"),
            scratch=self.folder / "scratch",
            clock=self.clock,
            monitor=self.said,
        )

    def begin(
        self,
        start_s: int | None,
        end_s: int,
        frame_bytes: int = 64 << 10,
        volume_bytes: int = 1 << 20,
    ) -> HandmadeSet:
        set_id = SetId(end_s, start_s, Style.TIERED)
        made = HandmadeSet(self, set_id, frame_bytes, volume_bytes)
        if start_s is None:
            made.folder(b"")
        return made

    def volume(self, set_end_s: int, number: int) -> int:
        row = VolumeRow(set_end_s, number)
        if row not in self.volumes:
            self.volumes.append(row)
        return self.volumes.index(row)

    def seal(self, parts: Iterable[bytes]) -> tuple[bytes, bytes]:
        """An object, and its front."""
        target = io.BytesIO()
        writer = self.envelope.begin(target)
        for part in parts:
            writer.write(part)
        writer.close()
        return target.getvalue(), writer.front

    def put(self, name: str, data: bytes) -> None:
        self.context.store.put(name, BytesSource(data), PutMode.CREATE)

    def plan(self, path: bytes = b"", time_s: int = LATE_S) -> NativeRestorePlan:
        entries = self.context.store.list()
        collection = collect(entries, self.context.namer)
        chain = collection.at(time_s)
        assert chain is not None
        return plan_native_restore(self.context, collection, chain, split_path(path))

    def restore(
        self,
        target: Path,
        path: bytes = b"",
        *,
        time_s: int = LATE_S,
        force: bool = False,
        place: PlaceSettings = AS_STORED,
    ) -> RestoreReport:
        request = RestoreRequest(
            target=os.fsencode(target), path=split_path(path), place=place, force=force
        )
        plan = self.plan(path, time_s)
        return run_native_restore(self.context, plan, request, self.settings)
