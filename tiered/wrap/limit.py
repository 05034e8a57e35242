"""At most so many calls to one store at once.

A get holds its slot until its stream is closed, because until then it holds a
connection.  So a thread that keeps streams open while it makes further calls
needs as many slots.
"""

from collections.abc import Callable
from threading import Semaphore
from typing import BinaryIO, TypeVar

from tiered.store import Store
from tiered.wrap.stream import OpenStream, Relay, Streaming

T = TypeVar("T")


class Limited(Streaming):
    """`inner`, with `calls` slots."""

    def __init__(self, inner: Store, calls: int) -> None:
        if calls < 1:
            raise ValueError(f"{calls} calls at once: nothing could ever run")
        super().__init__(inner)
        self._slots = Semaphore(calls)

    def around(self, verb: str, name: str, run: Callable[[], T]) -> T:
        with self._slots:
            return run()

    def around_stream(self, verb: str, name: str, open_stream: OpenStream) -> BinaryIO:
        self._slots.acquire()
        try:
            return _Held(open_stream(), self._slots).as_binary()
        except BaseException:
            self._slots.release()
            raise


class _Held(Relay):
    """A stream that gives a slot back when it is closed."""

    def __init__(self, inner: BinaryIO, slots: Semaphore) -> None:
        super().__init__(inner)
        self._slots = slots

    def close(self) -> None:
        if not self.closed:
            try:
                super().close()
            finally:
                self._slots.release()
