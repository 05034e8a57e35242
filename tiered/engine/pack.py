"""Changes -> volumes and signatures, in bounded memory.

Each volume is a tar of its own.  A volume is closed when what it holds, as
encoded, comes near the limit; the file that is being written then goes on in
the next one, piece by piece.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from tiered.archive import sigtar, tar
from tiered.archive.difftar import PIECE_BYTES, Change, member_prefix
from tiered.archive.fileinfo import FileInfo, FileType, to_member
from tiered.archive.manifest import Position
from tiered.archive.paths import show_path
from tiered.codec.codec import Codec
from tiered.engine.change import Change as FoundChange
from tiered.engine.change import Changed, Deleted, New
from tiered.engine.content import OpenFile, pieces
from tiered.engine.scan import OwnerNames, Unreadable, file_info
from tiered.engine.spool import SpoolFile, SpoolSource
from tiered.monitor import Monitor, Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class PackSettings:
    """How volumes are made."""

    volume_bytes: int = 200 << 20
    max_block_len: int | None = None
    """Largest librsync block; None is duplicity's rule alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A finished volume, ready to be uploaded."""

    number: int
    start: Position
    end: Position
    source: SpoolSource


@dataclass(slots=True, kw_only=True)
class Tally:
    """What was packed."""

    new: int = 0
    changed: int = 0
    deleted: int = 0
    skipped: int = 0
    """Paths that could not be read."""
    source_bytes: int = 0

    def count(self, change: New | Changed) -> None:
        if isinstance(change, New) and not change.known:
            self.new += 1
        else:
            self.changed += 1


@dataclass(slots=True)
class _Open:
    """The volume that is being written."""

    number: int
    spool: SpoolFile
    start: Position
    end: Position
    tar_bytes: int = 0


@dataclass(slots=True, kw_only=True)
class Packer:
    """Writes one set; `on_volume` gets each volume as soon as it is finished."""

    scratch: Path
    codec: Codec
    settings: PackSettings
    owners: OwnerNames
    monitor: Monitor
    on_volume: Callable[[Volume], None]
    tally: Tally = field(default_factory=Tally)
    _open: _Open | None = None
    _volumes: int = 0

    def pack(self, changes: Iterable[FoundChange]) -> SpoolSource:
        """Write all changes; returns the signature object.

        Raises:
            ScratchError: The temporary directory is full.
            TieredError: `on_volume` or the codec failed.  No spool file of the
                packer is left behind.
        """
        signatures = SpoolFile(self.scratch, self.codec)
        try:
            size = 0
            for change in changes:
                for block in self._pack(change):
                    signatures.write(block)
                    size += len(block)
            signatures.write(tar.trailer(size))
            self._close_volume(force=True)
            return signatures.finish()
        finally:
            signatures.abort()
            if self._open:
                self._open.spool.abort()

    def _pack(self, change: FoundChange) -> Iterator[bytes]:
        """Write one change into volumes; yields its signature blocks."""
        match change:
            case Unreadable(path, reason):
                self._skip(show_path(path), f"{reason}; it is left out")
            case Deleted(path):
                gone = FileInfo(path=path, type=FileType.REGULAR)
                self._write_whole(Change.DELETED, gone)
                self.tally.deleted += 1
                yield sigtar.pack_deleted(path)
            case New(scanned) if scanned.info.type is not FileType.REGULAR:
                self._write_whole(Change.SNAPSHOT, scanned.info)
                self.tally.count(change)
                yield sigtar.pack_state(scanned.info)
            case New() | Changed():
                yield from self._pack_regular(change)
        self.monitor.progress(Progress("pack", self.tally.source_bytes, None, "bytes"))

    def _pack_regular(self, change: New | Changed) -> Iterator[bytes]:
        scanned = change.scanned
        path = scanned.info.path
        try:
            file = OpenFile(scanned.file, self.settings.max_block_len)
        except OSError as e:
            self._skip(show_path(path), f"{e.strerror}; it is left out")
            return
        with closing(file):
            if isinstance(change, Changed):
                if change.in_doubt and file.has_signature(change.signature):
                    return
                kind, data = Change.DIFF, file.delta(change.signature)
            else:
                kind, data = Change.SNAPSHOT, file.whole()
            info = file_info(path, FileType.REGULAR, file.status, self.owners)
            self._write_pieces(kind, info, data)
            if file.failure:
                self._skip(show_path(path), f"{file.failure}; it is stored in part")
                info = replace(info, mtime_s=0)  # so that the next inc reads it again
            elif file.changed_while_read():
                self.monitor.warn(
                    f"{show_path(path)} changed while it was read",
                    "The next backup stores it again.",
                )
            self.tally.source_bytes += file.read_bytes
            self.tally.count(change)
            yield sigtar.pack_state(info, file.finish())

    def _write_pieces(
        self, kind: Change, info: FileInfo, data: Iterator[bytes]
    ) -> None:
        stream = pieces(data)
        piece = next(stream)
        if len(piece) < PIECE_BYTES:
            self._write(kind, info, piece, Position(info.path))
            return
        number = 1
        while True:
            is_last = len(piece) < PIECE_BYTES
            self._write(kind, info, piece, Position(info.path, number), is_last=is_last)
            if is_last:
                return
            piece = next(stream)
            number += 1

    def _write_whole(self, kind: Change, info: FileInfo) -> None:
        self._write(kind, info, b"", Position(info.path))

    def _write(
        self,
        kind: Change,
        info: FileInfo,
        data: bytes,
        at: Position,
        *,
        is_last: bool = False,
    ) -> None:
        prefix = member_prefix(kind, in_pieces=at.piece is not None)
        member = to_member(info, prefix, len(data))
        if not info.path and info.type is FileType.DIRECTORY:
            member = replace(member, name=prefix + b"./")
        if at.piece is not None:
            member = replace(member, name=b"%b/%d" % (member.name, at.piece))
        if is_last:
            at = Position(at.path)
        self._close_volume()
        volume = self._open or self._open_volume(at)
        volume.end = at
        block = tar.pack_header(member) + data + tar.padding(len(data))
        volume.spool.write(block)
        volume.tar_bytes += len(block)

    def _open_volume(self, at: Position) -> _Open:
        self._volumes += 1
        spool = SpoolFile(self.scratch, self.codec)
        self._open = _Open(self._volumes, spool, at, at)
        return self._open

    def _close_volume(self, *, force: bool = False) -> None:
        """Finish the open volume if it is full, or in any case with `force`."""
        volume = self._open
        if volume is None and force and not self._volumes:
            volume = self._open_volume(Position(()))  # a set has one volume at least
        if volume is None:
            return
        limit = self.settings.volume_bytes - PIECE_BYTES
        if not force and volume.spool.size_bytes < limit:
            return
        volume.spool.write(tar.trailer(volume.tar_bytes))
        source = volume.spool.finish()
        self._open = None
        self.on_volume(
            Volume(
                number=volume.number, start=volume.start, end=volume.end, source=source
            )
        )

    def _skip(self, path: str, reason: str) -> None:
        self.tally.skipped += 1
        self.monitor.warn(f"cannot read {path}: {reason}")
