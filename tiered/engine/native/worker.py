"""Another process of ours, with a lock of its own for the interpreter.

It runs one function of one module, is spoken to through pipes, and sees a piece of
our memory.  It knows no store, no key and nothing of the environment, and ends when
we do, whatever ended us.
"""

import os
import subprocess
import sys
from contextlib import suppress
from fcntl import F_SETPIPE_SZ, fcntl
from mmap import mmap
from typing import Any

from tiered.engine.native.messages import receive, send

_MAIN = (
    "import sys; sys.path[:] = sys.argv[4:]; "
    "__import__(sys.argv[1], fromlist=['serve']).serve("
    "int(sys.argv[2]), int(sys.argv[3]), sys.stdin.buffer, sys.stdout.buffer)"
)


class WorkerLost(Exception):
    """A process ended, or answers nonsense: what it was told may be done or not."""


class Worker:
    """One process, running `serve(memory_fd, size_bytes, get, put)` of a module.

    Args:
        module: Its full name.
        memory_bytes: How much memory both see.
        answers_bytes: How much of what it says may wait to be heard; 0 for what
            the system gives.

    Raises:
        OSError: The system has no room for another process, or no such memory.
    """

    def __init__(self, module: str, memory_bytes: int, answers_bytes: int = 0) -> None:
        fd = _make_memory(memory_bytes)
        try:
            self.memory = mmap(fd, memory_bytes)
            self._process = subprocess.Popen(
                _command(module, fd, memory_bytes),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={},  # nothing there concerns it, and a passphrase may stand there
                pass_fds=[fd],
                start_new_session=True,  # no key of the terminal ends it before us
            )
        finally:
            os.close(fd)
        if answers_bytes and self._process.stdout:
            with suppress(OSError):  # then it waits more often
                fcntl(self._process.stdout.fileno(), F_SETPIPE_SZ, answers_bytes)

    def send(self, message: Any) -> None:  # as `messages.send`
        """Say something.

        Raises:
            WorkerLost: It cannot hear it.
        """
        put = self._process.stdin
        if put is None:
            raise AssertionError("there is a pipe")
        try:
            send(put, message)
        except OSError as e:
            raise WorkerLost from e

    def receive(self) -> Any:  # who asks knows what is answered
        """Its next message.

        Raises:
            WorkerLost: There will be none.
        """
        get = self._process.stdout
        if get is None:
            raise AssertionError("there is a pipe")
        try:
            message = receive(get)
        except (OSError, EOFError, ValueError) as e:
            raise WorkerLost from e
        if message is None:
            raise WorkerLost
        return message

    def close(self) -> None:
        """Let it end, and wait for that: it does nothing afterwards."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                with suppress(OSError):
                    stream.close()
        self._process.wait()
        self.memory.close()


def _make_memory(size: int) -> int:
    """An open nameless file in memory.

    Raises:
        OSError: This system has none.
    """
    try:
        fd = os.memfd_create("tiered")
    except AttributeError as e:
        raise OSError(0, "no memory that processes could share") from e
    try:
        os.ftruncate(fd, size)
    except OSError:
        os.close(fd)
        raise
    return fd


def _command(module: str, memory_fd: int, size: int) -> list[str]:
    """This interpreter, on the modules that we are made of, and no others.

    Raises:
        OSError: It is not known where it is.
    """
    if not sys.executable:
        raise OSError(0, "the interpreter is not known")
    options = ["-I", "-S", "-B"]
    what = [module, str(memory_fd), str(size), *sys.path]
    return [sys.executable, *options, "-c", _MAIN, *what]
