"""Other processes that compress the runs of small files.

Compressing a run takes a millisecond or two.  A thread that does it waits longer
than that for the interpreter, while another one is busy with headers and rows; so if
there are many runs, processes do it, some runs at a time
[docs/decisions/0019-small-files-read-by-processes.md].
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from tiered.codec.frames import FrameSize
from tiered.codec.packing import Effort, FramePacker
from tiered.engine.native.packer_process import Answer, Order
from tiered.engine.native.runs import Frames, pack_runs
from tiered.engine.native.worker import Worker, WorkerLost

_MODULE = "tiered.engine.native.packer_process"
_SLOTS = 3
"""One is filled, one is worked at, and one waits."""
_RUNS_BYTES = 2 << 20
_FRAMES_BYTES = _RUNS_BYTES + (16 << 10)
_SLOT_BYTES = _RUNS_BYTES + _FRAMES_BYTES
_MOST_PARTS = 4096
"""What is said of them and waits to be heard fits into a pipe."""

MOST_BUNDLED_BYTES = 512 << 10
"""A larger run is worth a thread of its own."""


@dataclass(slots=True)
class _Packer:
    """One process, and the numbers of the pieces of its memory that are free."""

    worker: Worker
    free: deque[int] = field(default_factory=lambda: deque(range(_SLOTS)))
    lost: bool = False


class PackProcesses:
    """Compresses runs; one thread gives them, another takes their frames, in order.

    Args:
        count: Processes.

    Raises:
        OSError: The system has no room for them.
    """

    def __init__(self, count: int) -> None:
        self._here = FramePacker()
        self._packers: list[_Packer] = []
        try:
            for _ in range(count):
                self._packers.append(_Packer(Worker(_MODULE, _SLOTS * _SLOT_BYTES)))
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Let them end."""
        while self._packers:
            self._packers.pop().worker.close()

    def begin(self, effort: Effort) -> "Bundle | None":
        """An empty bundle; None while there is no room for another."""
        packer = max(self._packers, key=lambda each: len(each.free))
        if not packer.free:
            return None
        return Bundle(self._here, packer, packer.free.popleft(), effort)


@dataclass(slots=True)
class Bundle:
    """Some runs that are compressed together, each to frames of its own."""

    here: FramePacker
    """Does it if the process is lost."""
    packer: _Packer
    slot: int
    effort: Effort
    size: int = 0
    """Bytes of its runs."""
    _parts: list[list[int]] = field(default_factory=list)
    _count: int = 0

    def add(self, parts: Sequence[bytes | memoryview], size: int) -> bool:
        """Append a run; False if there is no room for it."""
        if self.size + size > _RUNS_BYTES or self._count + len(parts) > _MOST_PARTS:
            return False
        memory = self.packer.worker.memory
        at = self.slot * _SLOT_BYTES + self.size
        for part in parts:
            end = at + len(part)
            memory[at:end] = part
            at = end
        self._parts.append(list(map(len, parts)))
        self._count += len(parts)
        self.size += size
        return True

    def send(self) -> None:
        """Let it be compressed; nothing is added afterwards."""
        start = self.slot * _SLOT_BYTES
        order: Order = (
            start,
            start + _RUNS_BYTES,
            _FRAMES_BYTES,
            self._parts,
            self.effort.name,
        )
        try:
            self.packer.worker.send(order)
        except WorkerLost:
            self.packer.lost = True

    def drop(self) -> None:
        """Give it up, before it is sent."""
        self.packer.free.append(self.slot)

    def result(self) -> Frames:
        """The frames; to be asked for once, in the order in which bundles are sent."""
        memory = self.packer.worker.memory
        start = self.slot * _SLOT_BYTES
        if answer := self._answer():
            at = start + _RUNS_BYTES
            data = memory[at : at + sum(stored for stored, _ in answer)]
            frames = Frames(data, [FrameSize(*each) for each in answer])
        else:
            runs = memory[start : start + self.size]
            frames = pack_runs(self.here, runs, self._parts, self.effort)
        self.packer.free.append(self.slot)
        return frames

    def _answer(self) -> Answer:
        if self.packer.lost:
            return []
        try:
            answer: Answer = self.packer.worker.receive()
        except WorkerLost:
            self.packer.lost = True
            return []
        return answer
