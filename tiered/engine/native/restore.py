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
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import chain

from tiered.archive.paths import join_path
from tiered.cold.run import POLL_S, thaw_and_wait
from tiered.engine.context import Context
from tiered.engine.native.cold import ColdVolumes
from tiered.engine.native.files import Dresser, FileJob, TemporaryNames
from tiered.engine.native.folders import Folders, SpecialJob, make_hard_link
from tiered.engine.native.pour import Outcome, Pourer, batches, check_hope
from tiered.engine.native.restore_plan import NativeRestorePlan
from tiered.engine.native.schedule import (
    ReadSettings,
    Run,
    Segment,
    Turns,
    VolumeNumbers,
    plan_runs,
)
from tiered.engine.native.selection import Selection, select
from tiered.engine.native.window import Filler, Window
from tiered.engine.place import check_target
from tiered.engine.restoration import RestoreReport, RestoreRequest
from tiered.errors import ArchiveDamaged, Frozen
from tiered.monitor import Progress
from tiered.units import format_count

_THAWS = 15
"""Times that a volume may turn out to be sealed, minutes apart, before a restore
gives up: a listing lags by minutes, not by hours."""

_SHORTER = 8
"""How much shorter the first window is than others, so that threads begin soon."""
_MOST_PROCESSES = 4
"""What one process unpacks keeps no more of them busy."""

Task = Callable[[], Outcome]


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
    """From how many files on these are worth the tenth of a second to start one."""


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
    _check_key(context, plan)
    if thaw := context.store.extras.thaw:
        thaw_and_wait(thaw, plan.names, context.cache, context.clock, context.monitor)
    _keep_freed_memory()
    with ExitStack() as stack:
        opening = select(context, plan.collection, plan.chain, plan.path)
        selection = stack.enter_context(opening)
        numbers = VolumeNumbers()
        volumes = stack.enter_context(
            ColdVolumes(context, plan.collection, plan.chain, numbers)
        )
        restore = _Restore(context, plan, request, settings, volumes, is_new=is_new)
        with restore:
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
        self._above = join_path(plan.path)
        self._names, self._dresser = TemporaryNames(), Dresser()
        self._folders = Folders(self._root, self._refuse)
        self._pourer = Pourer(volumes, self._names, self._dresser)
        self._threads = ThreadPoolExecutor(settings.threads, "restore")
        if plan.files >= settings.many_files:
            self._pourer.start(settings.processes)
        self._open: list[Window] = []
        """Whose tasks are not all done."""
        self._damaged: list[tuple[str, Exception]] = []
        self._failed: set[bytes] = set()
        self._thaws: Counter[str] = Counter()

    def __enter__(self) -> "_Restore":
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)
        self._pourer.close()

    def run(self, selection: Selection, numbers: VolumeNumbers) -> None:
        filler = Filler(
            self._folders,
            self._request.place,
            selection.path,
            selection.content_of,
            numbers,
            self._refuse,
        )
        try:
            self._do(self._tasks(selection, filler))
        finally:
            for window in self._open:
                self._pourer.abandon(window.files)
        for file, error in self._folders.finish(self._dresser):
            self.report.skipped += 1
            self._context.monitor.warn(
                f"cannot set the attributes of {self._shown(file)}: {error.strerror}"
            )
        self._tell_of_xattrs()
        self._tell_of_damage()

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
            turns = Turns(runs)
            pouring = [_Turn(turns, self._pourer, files) for _ in runs]
        empty: list[FileJob | SpecialJob] = [
            f for f in files if not f.size and not f.done
        ]
        making = (
            partial(self._pourer.make, each)
            for each in batches([*empty, *window.specials])
        )
        return chain(making, pouring)

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
        self._do(partial(self._pourer.find, each) for each in batches(files))
        return [s for s in segments if not files[s[2]].done]

    def _do(self, tasks: "Iterable[Task | Window]") -> None:
        """Do tasks in threads, a few at a time, and tell what came of them.

        None of them goes on after this, however it ends.
        """
        waiting: deque[tuple[Task, Future[Outcome]] | Window] = deque()
        try:
            for task in tasks:
                if isinstance(task, Window):
                    waiting.append(task)
                else:
                    waiting.append((task, self._threads.submit(task)))
                if len(waiting) > 2 * self._settings.threads:
                    self._end(waiting[0])
                    waiting.popleft()
            while waiting:
                self._end(waiting[0])
                waiting.popleft()
        except BaseException:
            futures = [each[1] for each in waiting if not isinstance(each, Window)]
            wait([future for future in futures if not future.cancel()])
            raise

    def _end(self, doing: tuple[Task, Future[Outcome]] | Window) -> None:
        if isinstance(doing, Window):
            self._close(doing)
            return
        task, future = doing
        outcome = future.result()
        while outcome.frozen:
            self._count(outcome)
            self._thaw_again(outcome.frozen)
            outcome = self._threads.submit(task).result()
        self._count(outcome)

    def _count(self, outcome: Outcome) -> None:
        report = self.report
        report.files += outcome.files
        report.paths += outcome.files + outcome.specials
        for file, error in outcome.failed:
            self._refuse(file, error)
        self._context.monitor.progress(Progress("restore", report.files, None, "files"))

    def _link(self, first: bytes, file: bytes) -> None:
        if first in self._failed:
            self._refuse(file, OSError(0, "the file that it is a link to is missing"))
            return
        try:
            make_hard_link(first, file, self._names)
        except OSError as e:
            self._refuse(file, e)
            return
        self.report.files += 1
        self.report.paths += 1

    def _refuse(self, file: bytes, error: Exception) -> None:
        """A path cannot be restored: go on, unless no other can be, either."""
        check_hope(file, error)
        self._failed.add(file)
        self.report.skipped += 1
        what = f"cannot restore {self._shown(file)}"
        if isinstance(error, OSError):
            self._context.monitor.warn(f"{what}: {error.strerror}")
            return
        self._damaged.append((self._shown(file), error))
        self._context.monitor.warn(f"{what}: {error}")

    def _shown(self, file: bytes) -> str:
        path = self._above + file[len(self._root) :]
        return path.lstrip(b"/").decode("utf-8", "backslashreplace") or "."

    def _thaw_again(self, name: str) -> None:
        """It was readable when the restore began, and was sealed since.

        The listing may not know yet; so this looks at it a while later.
        """
        context = self._context
        thaw = context.store.extras.thaw
        if thaw is None or self._thaws[name] == _THAWS:
            raise Frozen(
                f"{name} is sealed, again and again",
                hint="Look at the store: something seals it as soon as it is thawed.",
                name=name,
            )
        self._thaws[name] += 1
        context.monitor.warn(f"{name} was sealed again; thawing it once more")
        context.clock.sleep_s(POLL_S)
        thaw_and_wait(thaw, [name], context.cache, context.clock, context.monitor)

    def _tell_of_xattrs(self) -> None:
        if error := self._dresser.refused:
            self._context.monitor.warn(
                f"some extended attributes could not be set: {error.strerror}",
                "Restore as root, or to a file system that has them.",
            )

    def _tell_of_damage(self) -> None:
        if not self._damaged:
            return
        shown, error = self._damaged[0]
        count = format_count(len(self._damaged), "path")
        raise ArchiveDamaged(
            f"{count} could not be restored, such as {shown}: {error}",
            hint="All others were.  The warnings above name each; look for another "
            "copy of the volume.",
        ) from error


class _Turn:
    """One run, whichever it is: it is chosen when a thread has time for it."""

    def __init__(self, turns: Turns, pourer: Pourer, files: Sequence[FileJob]) -> None:
        self._turns, self._pourer, self._files = turns, pourer, files
        self._run: Run | None = None

    def __call__(self) -> Outcome:
        if self._run:  # again, as its volume was frozen
            return self._pourer.pour(self._files, self._run)
        file, self._run = self._turns.take()
        try:
            return self._pourer.pour(self._files, self._run)
        finally:
            self._turns.end(file)


def _check_key(context: Context, plan: NativeRestorePlan) -> None:
    """Whoever waits hours for a thaw must be able to open what comes of it.

    The cache may hold all hot objects as they are when decrypted, so nothing may
    have asked for a key yet.  One volume that opens is enough: all are sealed alike.
    """
    numbers = VolumeNumbers()
    failure: ArchiveDamaged | None = None
    with ColdVolumes(context, plan.collection, plan.chain, numbers) as volumes:
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
