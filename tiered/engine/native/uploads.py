"""Objects on their way to the store, several at a time, in no order.

But nothing before the first is stored: of two machines that write a set of one
name in the same second, the one whose first object comes too late has stored
nothing then, and the other finds all names free.

What the manifest needs is known before an upload begins; so only failures and the
number of objects under way matter here.
"""

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from threading import Lock
from types import TracebackType

from tiered.engine.native.sealed import SealedObject
from tiered.engine.upload import put_new
from tiered.monitor import Monitor
from tiered.store import Store
from tiered.units import format_bytes


class Uploads:
    """Puts volumes; `finish` waits for all of them.

    Args:
        store: Where they go.
        at_once: Uploads at a time; as many more objects may wait as spool files.
    """

    def __init__(self, store: Store, monitor: Monitor, at_once: int) -> None:
        self._store, self._monitor = store, monitor
        self._at_once = at_once
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="upload")
        self._running: dict[Future[None], SealedObject] = {}
        self._first: Future[None] | None = None
        self._lock = Lock()
        self._under_way = 0

    def __enter__(self) -> "Uploads":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
        for source in self._running.values():  # of those that were cancelled
            source.close()

    @property
    def are_behind(self) -> bool:
        """Is something waiting for its turn?  Then time to compress is free."""
        with self._lock:
            return self._under_way > self._at_once

    def submit(self, name: str, source: SealedObject) -> None:
        """Begin an upload, and close the source at its end; wait if too many wait.

        Raises:
            TieredError: An earlier object could not be stored.
        """
        try:
            self._settle(2 * self._at_once - 1)
        except BaseException:
            source.close()
            raise
        with self._lock:
            self._under_way += 1
        upload = self._pool.submit(self._put, name, source, self._first)
        self._running[upload] = source
        self._first = self._first or upload

    def finish(self) -> None:
        """Wait for all; errors as in `submit`."""
        self._settle(0)

    def _settle(self, most: int) -> None:
        done = {f for f in self._running if f.done()}
        while len(self._running) - len(done) > most:
            running = self._running.keys() - done
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            done |= ended
        for future in done:
            del self._running[future]
        for future in done:
            future.result()

    def _put(self, name: str, source: SealedObject, first: Future[None] | None) -> None:
        try:
            if first:
                first.result()
            put_new(self._store, name, source)
        finally:
            source.close()
            with self._lock:
                self._under_way -= 1
        self._monitor.debug(f"stored {name}, {format_bytes(source.size)}")
