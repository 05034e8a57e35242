"""Keeping signals out of callbacks that C calls.

Python runs signal handlers in the main thread, at the next Python instruction.
While C code runs that calls back, this is the first instruction of the callback:
before any `try` in it.  ctypes prints and drops what is raised there, so Ctrl-C
would be lost, and C would go on with an undefined answer.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def signals_deferred() -> Iterator[None]:
    """Handlers of SIGINT and SIGTERM run after the block, not within it.

    Only the main thread runs handlers, so elsewhere this does nothing.  A signal
    that is ignored, or ends the process, is left alone.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[tuple[int, FrameType | None]] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append((number, frame))

    handlers = {n: h for n in _SIGNALS if callable(h := signal.getsignal(n))}
    try:
        for number in handlers:
            signal.signal(number, note)
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for arrived, frame in came:
            handlers[signal.Signals(arrived)](arrived, frame)
