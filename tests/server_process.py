"""Programs that tests talk to: how they are started, waited for, and ended."""

import http.client
import itertools
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest

ROOT: Final = Path(__file__).resolve().parents[1]
BUILD: Final = ROOT / "build"
START_S: Final = 120.0
STOP_S: Final = 10.0
POLL_S: Final = 0.02
PORTS: Final = range(15_000, 31_000)
"""Below the ephemeral range: the system gives none of them to a client."""


@dataclass(frozen=True)
class Server:
    """A process that was started by us and will be ended by us."""

    process: subprocess.Popen[bytes]
    log: Path

    def await_answer(self, url: str) -> None:
        """Return when the server answers HTTP, however unkindly."""
        until_s = time.monotonic() + START_S
        while not _answers(url):
            if self.process.poll() is not None or time.monotonic() > until_s:
                tail = self.log.read_text(errors="replace")[-2000:]
                pytest.fail(f"no server came up at {url}; {self.log}:\n{tail}", False)
            time.sleep(POLL_S)

    def end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def server(
    python: Path, module: str, options: list[str], log: Path
) -> Iterator[Server]:
    """Run `contrib.servers.<module>` until the end of the block."""
    command = [*run_module(python, module), *options, "--with-parent"]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for pytest, which then ends it
        )
    running = Server(process, log)
    try:
        yield running
    finally:
        running.end()


@contextmanager
def program(command: list[str], log: Path, port: int) -> Iterator[Server]:
    """Run it until the end of the block, which begins when `port` is open."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    running = Server(process, log)
    try:
        await_open(running, port)
        yield running
    finally:
        running.end()


def await_open(running: Server, port: int) -> None:
    """Return when something listens on that port."""
    until_s = time.monotonic() + START_S
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if running.process.poll() is not None or time.monotonic() > until_s:
            tail = running.log.read_text(errors="replace")[-2000:]
            pytest.fail(f"no server came up on port {port}:\n{tail}", False)
        time.sleep(POLL_S)


def run_module(python: Path, module: str) -> list[str]:
    """A command line; warnings are for the authors of the servers."""
    return [str(python), "-W", "ignore", "-m", f"contrib.servers.{module}"]


def free_port() -> int:
    """A port that nobody listens on, and no client gets by chance.

    Workers start at places of their own, so that two do not choose the same
    port before their servers listen.
    """
    for port in _ports:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("the ports never end")


_ports: Final = (
    PORTS[number % len(PORTS)] for number in itertools.count(os.getpid() * 64)
)


def interpreter(environment: str) -> Path:
    """Python of a virtual environment that `make test` installs."""
    python = BUILD / environment / "bin" / "python"
    if not python.exists():
        pytest.fail(f"build/{environment} is missing: `make test` installs it", False)
    return python


def _answers(url: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port_of(url), timeout=START_S)
    try:
        connection.request("GET", urlsplit(url).path or "/")
        return connection.getresponse().status < 500
    except OSError:
        return False
    finally:
        connection.close()


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port
