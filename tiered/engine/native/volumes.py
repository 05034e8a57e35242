"""Volumes in the making: runs of tar go in, sealed objects come out, in order.

    caller          runs of tar, and into which volume they go
    `threads`       zstd, run by run, in any order; of small runs, if there are many,
                    other processes, some at a time
    one thread      seals, hashes and spools the frames in the order of the runs
    the receiver    uploads a finished volume

Every step is C code that leaves the interpreter to others.  What waits between
the steps is bounded in bytes.

Where a volume ends depends on what was compressed, never on timing: near the
limit the exact sizes are waited for.
"""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from tiered.archive.index import VolumeLayout
from tiered.archive.members import TRAILER
from tiered.codec.envelope import Envelope
from tiered.codec.frames import FrameSize, pack_seek_table
from tiered.codec.packing import Effort, FramePacker
from tiered.engine.native.pack_processes import (
    MOST_BUNDLED_BYTES,
    Bundle,
    PackProcesses,
)
from tiered.engine.native.runs import Frames, pack_runs
from tiered.engine.native.sealed import SealedFile, SealedObject


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeSettings:
    """How volumes are made."""

    volume_bytes: int = 200 << 20
    """Stored; a volume is never larger, unless one run alone is."""
    waiting_bytes: int = 32 << 20
    """Tar that may wait between the steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedVolume:
    """A volume, ready to be uploaded."""

    object: SealedObject
    layout: VolumeLayout

    @property
    def number(self) -> int:
        return self.layout.number

    @property
    def content_bytes(self) -> int:
        return sum(self.layout.content)


@dataclass(slots=True)
class _Open:
    """The volume that is being written."""

    number: int
    file: SealedFile
    content: int = 0
    """Bytes of tar that were put into it."""
    stored: int = 0
    """Bytes of its frames, as far as they are counted in."""
    waiting: int = 0
    """Bytes of tar whose frames are not counted in yet."""
    frames: list[FrameSize] = field(default_factory=list)


@dataclass(slots=True)
class VolumeWriter:
    """Writes the volumes of one set.

    Args:
        scratch: Folder for spool files.
        envelope: How objects are sealed.
        settings: Limits.
        threads: Compress.
        effort: Size of a run -> what compressing it may cost.
        head: Number of a volume -> the member that it begins with.
        on_volume: Gets each volume as soon as it is finished, in a thread of ours;
            while it blocks, so does everything before.

    Raises (every method):
        ScratchError: The temporary directory is full.
        TieredError: `on_volume` failed.  `close` leaves no spool file behind.
    """

    scratch: Path
    envelope: Envelope
    settings: VolumeSettings
    threads: Executor
    effort: Callable[[int], Effort]
    head: Callable[[int], bytes]
    on_volume: Callable[[FinishedVolume], None]
    _spooler: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="spool")
    )
    _packer: FramePacker = field(default_factory=FramePacker)
    _processes: PackProcesses | None = None
    _bundle: Bundle | None = None
    """Runs that no process was given yet; all are of the open volume."""
    _open: _Open | None = None
    _volumes: int = 0
    _waiting: deque[tuple[Future[int], int, _Open]] = field(default_factory=deque)
    _waiting_bytes: int = 0
    _closing: list[tuple[Future[None], _Open]] = field(default_factory=list)

    def __enter__(self) -> "VolumeWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._spooler.shutdown(cancel_futures=True)
        if self._processes:
            self._processes.close()
        if self._open:
            self._open.file.abort()
        for _, volume in self._closing:  # some were cancelled
            volume.file.abort()

    def start_processes(self, count: int) -> None:
        """Have so many processes compress small runs, if the system lets us."""
        with suppress(OSError):
            self._processes = PackProcesses(count)

    def make_room(self, size: int) -> tuple[int, int]:
        """Let the next `size` bytes of tar be in one volume.

        Returns:
            Its number, and the offset at which they will begin.
        """
        limit = self.settings.volume_bytes
        volume = self._open
        while volume and volume.waiting:
            if volume.stored + volume.waiting + size <= limit:
                break
            self._settle()
        if volume and volume.stored + volume.waiting + size > limit:
            self._end_volume(volume)
            volume = None
        if volume is None:
            volume = self._begin_volume()
        return volume.number, volume.content

    def put(self, parts: Sequence[bytes | memoryview], size: int) -> None:
        """Append a run of tar, `size` bytes in parts; it becomes one frame.

        There must be room.  A run of several members may become several frames;
        a part is never divided.
        """
        volume = self._open
        if volume is None:
            raise ValueError("put without make_room")
        most = self.settings.waiting_bytes
        while self._waiting and self._waiting_bytes + size > most:
            self._settle()
        effort = self.effort(size)
        if not self._bundle_up(parts, size, effort):
            self._send_bundle()
            run = self.threads.submit(self._pack, parts, effort)
            self._spool(volume, size, run.result)
        volume.content += size
        volume.waiting += size
        self._waiting_bytes += size

    def finish(self, tail: Callable[[int], bytes]) -> int:
        """Write the last member and end the last volume.

        Args:
            tail: Number of volumes -> the last member.

        Returns:
            The number of volumes; there is one at least.
        """
        self.make_room(len(tail(1 << 30)))
        last = tail(self._volumes)
        self.put((last,), len(last))
        if self._open:
            self._end_volume(self._open)
        while self._waiting:
            self._settle()
        for closed, _ in self._closing:
            closed.result()
        return self._volumes

    def _bundle_up(
        self, parts: Sequence[bytes | memoryview], size: int, effort: Effort
    ) -> bool:
        """Append a run to what a process is given next; False if none can do it."""
        if self._processes is None or size > MOST_BUNDLED_BYTES:
            return False
        bundle = self._bundle
        if bundle and bundle.effort is effort and bundle.add(parts, size):
            return True
        self._send_bundle()
        while not (bundle := self._processes.begin(effort)):
            self._settle()
        if not bundle.add(parts, size):
            bundle.drop()
            return False
        self._bundle = bundle
        return True

    def _send_bundle(self) -> None:
        bundle = self._bundle
        if bundle and self._open:
            self._bundle = None
            bundle.send()
            self._spool(self._open, bundle.size, bundle.result)

    def _pack(self, parts: Sequence[bytes | memoryview], effort: Effort) -> Frames:
        run = parts[0] if len(parts) == 1 else b"".join(parts)
        return pack_runs(self._packer, run, [list(map(len, parts))], effort)

    def _spool(self, volume: _Open, size: int, result: Callable[[], Frames]) -> None:
        """Have frames appended to a volume when they are there."""
        stored = self._spooler.submit(_append, volume, result)
        self._waiting.append((stored, size, volume))

    def _settle(self) -> None:
        """Wait for the oldest run, or bundle of some."""
        if not self._waiting:
            self._send_bundle()
        stored, size, volume = self._waiting.popleft()
        self._waiting_bytes -= size
        volume.stored += stored.result()
        volume.waiting -= size

    def _begin_volume(self) -> _Open:
        self._volumes += 1
        file = SealedFile(self.scratch, self.envelope)
        volume = self._open = _Open(self._volumes, file)
        head = self.head(volume.number)
        self.put((head,), len(head))
        return volume

    def _end_volume(self, volume: _Open) -> None:
        self.put((TRAILER,), len(TRAILER))
        self._send_bundle()
        self._open = None
        closed = self._spooler.submit(self._close_volume, volume)
        self._closing.append((closed, volume))
        while self._closing and self._closing[0][0].done():
            self._closing.pop(0)[0].result()

    def _close_volume(self, volume: _Open) -> None:
        """In the thread that spools, behind the last run of the volume."""
        try:
            volume.file.write(pack_seek_table(volume.frames))
            sealed = volume.file.finish()
        finally:
            volume.file.abort()
        layout = VolumeLayout(
            number=volume.number,
            size=sealed.size,
            front=sealed.front,
            stored=[f.stored for f in volume.frames],
            content=[f.content for f in volume.frames],
        )
        self.on_volume(FinishedVolume(object=sealed, layout=layout))


def _append(volume: _Open, result: Callable[[], Frames]) -> int:
    data, sizes = result()
    volume.file.write(data)
    volume.frames += sizes
    return len(data)
