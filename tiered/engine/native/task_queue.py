"""The tasks of a restore, done in threads a few at a time, and what came of them.

What a task returns is counted and told by the thread that runs the queue; a volume
that turns out to be sealed is thawed by it, too, and the task is done again.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait

from tiered.cold.run import POLL_S, thaw_and_wait
from tiered.engine.context import Context
from tiered.engine.native.losses import Losses
from tiered.engine.native.pour import Outcome
from tiered.engine.native.window import Window
from tiered.engine.restoration import RestoreReport
from tiered.errors import Frozen
from tiered.monitor import Progress

_THAWS = 15
"""Times that a volume may turn out to be sealed, minutes apart, before a restore
gives up: a listing lags by minutes, not by hours."""

Task = Callable[[], Outcome]


class TaskQueue:
    """Does the tasks of one restore.

    Args:
        threads: How many tasks are done at once.
        report: Counts what they did.
        losses: Gets what they could not do.
        end_window: Called with each window when all tasks before it are done.
    """

    def __init__(
        self,
        context: Context,
        threads: int,
        report: RestoreReport,
        losses: Losses,
        end_window: Callable[[Window], None],
    ) -> None:
        self._context, self._report, self._losses = context, report, losses
        self._most, self._end_window = 2 * threads, end_window
        self._threads = ThreadPoolExecutor(threads, "restore")
        self._thaws: Counter[str] = Counter()

    def close(self) -> None:
        """Nothing is done afterwards."""
        self._threads.shutdown(cancel_futures=True)

    def run(self, tasks: Iterable[Task | Window]) -> None:
        """Do tasks, and end windows, in their order.

        None of them goes on after this, however it ends.

        Raises:
            TieredError: A task raised it, or it makes no sense to go on.
        """
        waiting: deque[tuple[Task, Future[Outcome]] | Window] = deque()
        try:
            for task in tasks:
                if isinstance(task, Window):
                    waiting.append(task)
                else:
                    waiting.append((task, self._threads.submit(task)))
                if len(waiting) > self._most:
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
            self._end_window(doing)
            return
        task, future = doing
        outcome = future.result()
        while outcome.frozen:
            self._count(outcome)
            self._thaw_again(outcome.frozen)
            outcome = self._threads.submit(task).result()
        self._count(outcome)

    def _count(self, outcome: Outcome) -> None:
        report = self._report
        report.files += outcome.files
        report.paths += outcome.files + outcome.specials
        for file, error in outcome.failed:
            self._losses.refuse(file, error)
        self._context.monitor.progress(Progress("restore", report.files, None, "files"))

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
