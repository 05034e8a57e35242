"""What one command costs: time, processor, memory.

The kernel's account of a child that was waited for covers all of its descendants
that were waited for in turn [wait4(2), getrusage(2)]: their processor times are
added up, and of their peak memories the largest counts.  A process that goes on
by itself, such as gpg-agent, is not in it.

A new process begins as a copy of the one that starts it, so no peak below that
of the runner can be seen: `floor_mib` says how much that is.  So the runner does
everything that needs memory in processes of its own.

What several processes hold together is sampled: ten times a second the resident
memory of all that belong to the command is added up.  Pages that some of them share
count once [proc_pid_smaps(5), Pss].
"""

import contextlib
import os
import platform
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TIMEOUT_S: Final = 3600.0
_SAMPLE_S: Final = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program with its words, and where it runs."""

    words: Sequence[str | Path]
    folder: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one command, or of several that belong together."""

    wall_s: float
    cpu_s: float
    """User and system time of all its processes."""
    peak_mib: float
    """Resident memory of the largest process."""
    together_mib: float
    """Of all its processes at one time, as far as samples show; not less than
    `peak_mib`."""


class CommandFailed(Exception):
    """It did not end with status 0; the text says what it printed last."""


def measure(
    commands: Sequence[Command],
    environment: Mapping[str, str],
    log: Path,
    timeout_s: float = TIMEOUT_S,
) -> Cost:
    """Run them one after the other; results go nowhere, talk goes to `log`.

    Raises:
        CommandFailed: One of them failed, or ran longer than the timeout.
    """
    wall_s = cpu_s = peak_kib = together_kib = 0.0
    for command in commands:
        with log.open("ab") as talk:
            began = time.perf_counter()
            child = subprocess.Popen(
                command.words,
                cwd=command.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=talk,
                start_new_session=True,
            )
            watchdog = threading.Timer(timeout_s, _kill, [child.pid])
            watchdog.start()
            sampler = _Sampler(child.pid)
            sampler.start()
            _, status, usage = os.wait4(child.pid, 0)
            wall_s += time.perf_counter() - began
            watchdog.cancel()
            sampler.stop()
        child.returncode = os.waitstatus_to_exitcode(status)
        cpu_s += usage.ru_utime + usage.ru_stime
        peak_kib = max(peak_kib, usage.ru_maxrss)
        together_kib = max(together_kib, sampler.most_kib, peak_kib)
        if child.returncode != 0:
            name = Path(command.words[0]).name
            raise CommandFailed(f"{name}: status {child.returncode}: {_last(log)}")
    return Cost(
        wall_s=wall_s,
        cpu_s=cpu_s,
        peak_mib=peak_kib / 1024,
        together_mib=together_kib / 1024,
    )


class _Sampler(threading.Thread):
    """Adds up, again and again, what the processes of a session hold.

    Args:
        session: Number of the session, and of its first process.
    """

    def __init__(self, session: int) -> None:
        super().__init__(daemon=True)
        self.most_kib = 0.0
        self._session = session
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(_SAMPLE_S):
            self.most_kib = max(self.most_kib, _held_kib(self._session))

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def _held_kib(session: int) -> float:
    # numbers grow: whoever has a smaller one was there before
    return sum(
        _share_kib(process, session)
        for process in Path("/proc").iterdir()
        if process.name.isdigit() and int(process.name) >= session
    )


def _share_kib(process: Path, session: int) -> int:
    """What a process holds; of what it shares with others, its share."""
    try:
        # the name of the program, in brackets, may hold anything
        fields = (process / "stat").read_text().rpartition(")")[2].split()
        if int(fields[3]) != session:
            return 0
        text = (process / "smaps_rollup").read_text()
    except (OSError, IndexError, ValueError):
        return 0  # it has ended
    found = re.search(r"^Pss: +(\d+) kB$", text, re.MULTILINE)
    return int(found[1]) if found else 0


def floor_mib(log: Path) -> float:
    """The peak memory of a program that does nothing."""
    true = Command(words=[shutil.which("true") or "true"])
    return measure([true], {}, log).peak_mib


def machine() -> dict[str, object]:
    """What the figures depend on, in words for the table."""
    facts = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":", 1)[1].strip() for line in facts if "model name" in line]
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": names[0] if names else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(pages / 2**30),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", "Linux"),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _last(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().split("\n")
    return lines[-1].strip()[:300]
