"""Write the files of one time back, from the volumes of style tiered.

    plan    which volumes, and which bytes of them  (`restore_plan`)
    read    runs of frames, each once: fetched, decrypted, unpacked  (`cold`)
    write   what each frame holds of each file, in any order  (`files`)

Reading and writing a run is one task, done by one thread from end to end: nearly
all of it is C code outside the interpreter's lock, and it holds no more than its
run in memory.  Only small files are written by other processes, if there are many
(`small_files`).  What decides, talks or waits for a thaw is the calling thread.

A damaged frame costs the files that lie in it.  All others are restored; then the
restore ends with an error that says what is missing.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import chain

from tiered.archive.paths import join_path
from tiered.cold.run import thaw_and_wait
from tiered.engine.context import Context
from tiered.engine.native.cold import ColdVolumes
from tiered.engine.native.files import FileJob
from tiered.engine.native.folders import Folders, SpecialJob, make_hard_link
from tiered.engine.native.losses import Losses
from tiered.engine.native.pour import Pourer, Turn, batches
from tiered.engine.native.restore_plan import NativeRestorePlan
from tiered.engine.native.schedule import (
    ReadSettings,
    Segment,
    VolumeNumbers,
    plan_runs,
)
from tiered.engine.native.selection import Selection, select
from tiered.engine.native.task_queue import Task, TaskQueue
from tiered.engine.native.turns import Turns
from tiered.engine.native.whole_files import Dresser, TemporaryNames
from tiered.engine.native.window import Filler, Window
from tiered.engine.place import check_target
from tiered.engine.restoration import RestoreReport, RestoreRequest
from tiered.errors import ArchiveDamaged

_SHORTER = 8
"""How much shorter the first window is than others, so that threads begin soon."""
_THREADS_OF_ONE = 2
"""Of several stores that are read at once: one reads while the other writes."""
_MOST_THREADS = 8
"""For stores; memory is what counts."""
_LOOKED_AT = 64
"""Volumes that tell how many stores there are."""
_MOST_PROCESSES = 4
"""What one process unpacks keeps no more of them busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreSettings:
    """What a restore may use."""

    threads: int = 4
    """Each holds one run as it is stored, and buffers for one frame or two."""
    window_items: int = 1 << 16
    """Files and extents that are thought about at once."""
    read: ReadSettings = ReadSettings()  # noqa: RUF009 - frozen
    processes: int = 0
    """That do nothing but write small files."""
    many_files: int = 4000
    """From how many files on these are worth the memory that each takes."""


def run_native_restore(
    context: Context,
    plan: NativeRestorePlan,
    request: RestoreRequest,
    settings: RestoreSettings | None = None,
) -> RestoreReport:
    """Thaw, wait and write.

    Files that are there already, as they should be, are not fetched.

    Raises:
        TargetError: The target is in use, and nothing was asked for or written;
            or it is full.
        PassphraseError: Nothing opens the volumes, and nothing was asked for or
            written.
        ArchiveDamaged: Some files cannot be restored, as what holds them is
            damaged.  All others were.
        TieredError: Files written so far are whole and stay.
    """
    settings = settings or RestoreSettings(processes=_processors())
    is_new = not os.path.lexists(request.target) or not _holds_something(request.target)
    check_target(request.target, force=request.force)
    _keep_freed_memory()
    with ExitStack() as stack:  # all that needs no key, while that is unlocked
        opening = select(context, plan.collection, plan.chain, plan.path)
        selection = stack.enter_context(opening)
        numbers = VolumeNumbers()
        volumes = stack.enter_context(
            ColdVolumes(context, plan.collection, plan.chain, numbers, plan.known)
        )
        restore = _Restore(context, plan, request, settings, volumes, is_new=is_new)
        with restore:
            thaw = context.store.extras.thaw
            if thaw is None:
                restore.start()
            _check_key(volumes, numbers, plan)
            if thaw:
                cache, clock, monitor = context.cache, context.clock, context.monitor
                thaw_and_wait(thaw, plan.names, cache, clock, monitor)
                restore.start()
            restore.run(selection, numbers)
        return restore.report


class _Restore:
    """One restore."""

    def __init__(
        self,
        context: Context,
        plan: NativeRestorePlan,
        request: RestoreRequest,
        settings: RestoreSettings,
        volumes: ColdVolumes,
        *,
        is_new: bool,
    ) -> None:
        self._context, self._request = context, request
        self._settings, self._volumes, self._is_new = settings, volumes, is_new
        self._parts = plan.parts
        self.report = RestoreReport()
        self._root = os.path.abspath(request.target)
        if os.path.isdir(self._root):  # what the user names may be a link to one
            self._root = os.path.realpath(self._root)
        self._losses = Losses(
            context.monitor, self.report, self._root, join_path(plan.path)
        )
        self._names, self._dresser = TemporaryNames(), Dresser()
        self._folders = Folders(self._root, self._losses.refuse)
        self._pourer = Pourer(volumes, self._names, self._dresser)
        homes = len({self._store_of(name) for name in plan.names[:_LOOKED_AT]})
        threads = max(settings.threads, min(_MOST_THREADS, _THREADS_OF_ONE * homes))
        self._queue = TaskQueue(
            context, threads, self.report, self._losses, self._close
        )
        self._processes = 0
        if plan.files >= settings.many_files:
            self._processes = settings.processes
        self._open: list[Window] = []
        """Whose tasks are not all done."""

    def __enter__(self) -> "_Restore":
        return self

    def __exit__(self, *_: object) -> None:
        self._queue.close()
        self._pourer.close()

    def start(self) -> None:
        """Have processes that write, if there is enough for them."""
        self._pourer.start(self._processes)

    def run(self, selection: Selection, numbers: VolumeNumbers) -> None:
        filler = Filler(
            self._folders,
            self._request.place,
            selection.path,
            selection.content_of,
            numbers,
            self._losses.refuse,
        )
        try:
            self._queue.run(self._tasks(selection, filler))
        finally:
            for window in self._open:
                self._pourer.abandon(window.files)
        for file, error in self._folders.finish(self._dresser):
            self._losses.refuse_looks(file, error)
        self._tell_of_xattrs()
        self._losses.tell_of_damage()

    def _tasks(self, selection: Selection, filler: Filler) -> "Iterator[Task | Window]":
        """All that is to be done; a window behind its tasks.

        The next window is filled while threads are busy with the last.
        """
        for window in self._windows(selection, filler):
            self._open.append(window)
            yield from self._tasks_of(window)
            yield window

    def _windows(self, selection: Selection, filler: Filler) -> Iterator[Window]:
        """Bounded, unless the store reads whole volumes: then each only once."""
        bounded = self._context.store.extras.ranges is not None
        most = self._settings.window_items // 2  # as two are thought about at once
        items = most // _SHORTER
        window = Window()
        for part in self._parts or selection.parts():
            filler.fill(window, part)
            if bounded and len(window) >= items:
                yield window
                window, items = Window(), min(2 * items, most)
        yield window

    def _tasks_of(self, window: Window) -> Iterator[Task]:
        files, segments = window.files, window.segments
        self.report.paths += window.paths
        if not self._is_new:
            segments = self._leave_out(files, segments)
        runs = plan_runs(segments, self._volumes.table, self._settings.read)
        pouring: Iterable[Task] = (partial(self._pourer.pour, files, r) for r in runs)
        if self._context.store.extras.ranges is not None:
            turns = Turns(runs, self._home)
            pouring = [Turn(turns, self._pourer, files) for _ in runs]
        empty: list[FileJob | SpecialJob] = [
            f for f in files if not f.size and not f.done
        ]
        making = (
            partial(self._pourer.make, each)
            for each in batches([*empty, *window.specials])
        )
        return chain(making, pouring)

    def _home(self, volume: int) -> str:
        return self._store_of(self._volumes.name(volume).name)

    def _store_of(self, name: str) -> str:
        """Which of several stores an object is read from."""
        group = self._context.store.extras.group
        return group.reads_from(name) if group else ""

    def _close(self, window: Window) -> None:
        """All files are there that will be."""
        for first, file in window.links:
            self._link(first, file)
        self._pourer.abandon(window.files)
        self._open.remove(window)

    def _leave_out(
        self, files: list[FileJob], segments: list[Segment]
    ) -> list[Segment]:
        """The segments of files that are not there already."""
        self._queue.run(partial(self._pourer.find, each) for each in batches(files))
        return [s for s in segments if not files[s[2]].done]

    def _link(self, first: bytes, file: bytes) -> None:
        if first in self._losses:
            self._losses.refuse(
                file, OSError(0, "the file that it is a link to is missing")
            )
            return
        try:
            make_hard_link(first, file, self._names)
        except OSError as e:
            self._losses.refuse(file, e)
            return
        self.report.files += 1
        self.report.paths += 1

    def _tell_of_xattrs(self) -> None:
        if error := self._dresser.refused:
            self._context.monitor.warn(
                f"some extended attributes could not be set: {error.strerror}",
                "Restore as root, or to a file system that has them.",
            )


def _check_key(
    volumes: ColdVolumes, numbers: VolumeNumbers, plan: NativeRestorePlan
) -> None:
    """Whoever waits hours for a thaw must be able to open what comes of it.

    The cache may hold all hot objects as they are when decrypted, so nothing may
    have asked for a key yet.  One volume that opens is enough: all are sealed alike.
    """
    failure: ArchiveDamaged | None = None
    for number in numbers.of([volume.row for volume in plan.volumes]):
        try:
            volumes.reader(volumes.volume(number))
        except ArchiveDamaged as e:  # of this one, or there is no key
            failure = failure or e
        else:
            return
    if failure:
        raise failure


def _processors() -> int:
    """How many processes gain something: none beside a single processor."""
    count = len(os.sched_getaffinity(0))
    return min(count, _MOST_PROCESSES) if count > 1 else 0


def _holds_something(target: bytes) -> bool:
    return not os.path.isdir(target) or bool(os.listdir(target))


def _keep_freed_memory() -> None:
    """Free a large block once, after which glibc reuses what is smaller.

    Else each buffer of a megabyte is given back to the kernel, and zeroed by it
    for the next: a restore took six times the system time.
    """
    bytes(31 << 20)
