"""Changes on their way to the packer; what small files hold is read ahead.

Most of a backup of small files is not spent in the disk or in the compressor but in
a few system calls for each of them, between which a thread waits for the
interpreter.  So if there are many, another process reads and hashes them
[docs/decisions/0019-small-files-read-by-processes.md].  If it is lost, nothing is:
what it did not read is read here.
"""

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from tiered.engine.native.changes import Change
from tiered.engine.native.reader_process import (
    HASH_BYTES,
    Answer,
    Order,
    place_order,
)
from tiered.engine.native.worker import Worker, WorkerLost
from tiered.engine.native.xattrs import Xattrs
from tiered.engine.scan import Unreadable

_MODULE = "tiered.engine.native.reader_process"
_FEW = 1000
"""Files that are not worth the tenth of a second of processor time that a start
takes."""
_SLOTS = 3
_ORDER_BYTES = 256 << 10
_CONTENT_BYTES = 4 << 20
_SLOT_BYTES = _ORDER_BYTES + _CONTENT_BYTES
_MOST_ITEMS = 2000
"""Of one group."""

Step = Callable[[], None]


class SmallFile(NamedTuple):
    """What was read of a file."""

    data: bytes
    content: bytes
    """BLAKE3."""
    xattrs: Xattrs


Pack = Callable[[Change | Unreadable, SmallFile | None], None]


@dataclass(slots=True)
class _Group:
    """Changes that follow each other; the small files among them are one order."""

    items: list[tuple[Change | Unreadable, int | None] | Step] = field(
        default_factory=list
    )
    """Changes, with the size of what is a small file, and what is done between."""
    order: Order = field(default_factory=list)
    content_bytes: int = 0
    slot: int | None = None
    """Where it is read to; None if it is not."""


class ReadAhead:
    """Hands changes to `pack` in the order in which they are added.

    Args:
        root: Directory that is backed up.
        pack: Gets each change; a small file with what was read of it, or with None
            if it has to be read.
        on_many: Called when there were many small files, unless it is None.

    Raises (`add`, `call`, `finish`):
        What `pack` raises.
    """

    def __init__(
        self, root: bytes, pack: Pack, on_many: Callable[[], None] | None
    ) -> None:
        self._root, self._pack = root, pack
        self._starts_in, self._on_many = _FEW, on_many
        self._started = False
        self._worker: Worker | None = None
        self._free = deque(range(_SLOTS))
        self._waiting: deque[_Group] = deque()
        self._group = _Group()

    def close(self) -> None:
        """Let the process end."""
        if self._worker:
            self._worker.close()
            self._worker = None

    def add(self, change: Change | Unreadable, size: int | None) -> None:
        """The next change.

        Args:
            size: Of a small file; None for everything else.
        """
        if self._worker is None:
            self.finish()  # it may be lost since the last one
            self._pack(change, None)
            if size is not None:
                self._starts_in -= 1
                self.expect(0)
            return
        group = self._group
        if size is not None and not isinstance(change, Unreadable):
            held = group.content_bytes + size
            if held >= _CONTENT_BYTES or len(group.items) >= _MOST_ITEMS:
                self._end_group()
                group, held = self._group, size
            group.order.append((self._root + b"/" + change.path, size))
            group.content_bytes = held
        group.items.append((change, size))

    def call(self, step: Step) -> None:
        """Do something when all changes that were added before are packed."""
        if self._worker is None:
            self.finish()
            step()
        else:
            self._group.items.append(step)

    def finish(self) -> None:
        """Pack all that waits."""
        if self._group.items:
            self._end_group()
        while self._waiting:
            self._pack_first()

    def expect(self, files: int) -> None:
        """So many small files may come next."""
        if files >= self._starts_in:
            self._start()

    def _start(self) -> None:
        """Have processes help from now on, if the system lets us."""
        if self._on_many is None or self._started:
            return
        self._started = True
        self._on_many()
        with suppress(OSError):
            self._worker = Worker(_MODULE, _SLOTS * _SLOT_BYTES)

    def _end_group(self) -> None:
        while not self._free:
            self._pack_first()
        self._ask(self._group)
        self._waiting.append(self._group)
        self._group = _Group()

    def _ask(self, group: _Group) -> None:
        if self._worker is None or not group.order:
            return
        slot = self._free[0]
        start = slot * _SLOT_BYTES
        length = place_order(self._worker.memory, start, _ORDER_BYTES, group.order)
        if length == 0:
            return
        try:
            self._worker.send((start, length, start + _ORDER_BYTES))
        except WorkerLost:
            return
        group.slot = self._free.popleft()

    def _pack_first(self) -> None:
        group = self._waiting.popleft()
        answer = self._answer(group)
        hashes, xattrs, unread = answer or (b"", {}, [])
        missing = set(unread)
        row = at = 0
        for item in group.items:
            if not isinstance(item, tuple):
                item()
                continue
            change, size = item
            found: SmallFile | None = None
            if size is not None:
                if answer and row not in missing:
                    content = hashes[row * HASH_BYTES : (row + 1) * HASH_BYTES]
                    data = self._content(group, at, size)
                    found = SmallFile(data, content, xattrs.get(row) or {})
                row, at = row + 1, at + size
            self._pack(change, found)
        if group.slot is not None:
            self._free.append(group.slot)

    def _content(self, group: _Group, at: int, size: int) -> bytes:
        if self._worker is None or group.slot is None:
            raise AssertionError("it was read")
        start = group.slot * _SLOT_BYTES + _ORDER_BYTES + at
        return self._worker.memory[start : start + size]

    def _answer(self, group: _Group) -> Answer | None:
        if self._worker is None or group.slot is None:
            return None
        try:
            answer: Answer = self._worker.receive()
        except WorkerLost:
            self.close()
            return None
        return answer
