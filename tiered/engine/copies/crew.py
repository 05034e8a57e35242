"""Work done by several threads, a little of it at a time: a million tasks need no
more memory than ten.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

_WAITING = 3
"""Tasks of each thread that may have begun or wait to."""


def work_through(
    tasks: Iterable[T],
    work: Callable[[T], None],
    threads: int,
    done: Callable[[T], None],
) -> None:
    """Do `work` with each task; `done` hears of it here, in this thread.

    What `work` raises ends it: tasks that have begun are waited for, no other is
    begun.
    """
    left = iter(tasks)
    count = max(threads, 1)
    with ThreadPoolExecutor(count, "copies") as pool:
        running: dict[Future[None], T] = {}
        try:
            while True:
                for task in islice(left, count * _WAITING - len(running)):
                    running[pool.submit(work, task)] = task
                if not running:
                    return
                ended, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in ended:
                    task = running.pop(future)
                    future.result()
                    done(task)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
