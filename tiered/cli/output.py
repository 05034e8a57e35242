"""What people see: results on stdout, talk on stderr."""

import sys
from typing import TextIO

from tiered.clock import Clock
from tiered.errors import TieredError
from tiered.monitor import Progress
from tiered.units import format_bytes, format_duration

_EVERY_S = 0.2
_EVERY_S_WITHOUT_TERMINAL = 2.0

WARNING, NOTICE, INFO, DEBUG = 2, 3, 5, 9


class Terminal:
    """A `tiered.monitor.Monitor` that writes to stderr."""

    def __init__(
        self, stream: TextIO, clock: Clock, verbosity: int, *, progress: bool
    ) -> None:
        self._stream, self._clock, self._verbosity = stream, clock, verbosity
        self._is_terminal = stream.isatty()
        self._progress = (progress or self._is_terminal) and verbosity >= NOTICE
        self._shown_s: dict[str, float] = {}
        self._line = False
        self.warnings = 0

    def warn(self, message: str, hint: str = "") -> None:
        self.warnings += 1
        if self._verbosity >= WARNING:
            self._write(f"tiered: warning: {message}")
            if hint:
                self._write(f"tiered: hint: {hint}")

    def note(self, message: str) -> None:
        if self._verbosity >= NOTICE:
            self._write(f"tiered: {message}")

    def info(self, message: str) -> None:
        if self._verbosity >= INFO:
            self._write(f"tiered: info: {message}")

    def debug(self, message: str) -> None:
        if self._verbosity >= DEBUG:
            self._write(f"tiered: debug: {message}")

    def progress(self, progress: Progress) -> None:
        if not self._progress:
            return
        now_s = self._clock.now_s()
        every_s = _EVERY_S if self._is_terminal else _EVERY_S_WITHOUT_TERMINAL
        first_s = now_s - every_s if self._is_terminal else now_s
        if now_s - self._shown_s.setdefault(progress.stage, first_s) < every_s:
            return
        self._shown_s[progress.stage] = now_s
        text = f"tiered: {progress.stage}: {_amount(progress)}"
        if self._is_terminal:
            self._stream.write(f"\r\x1b[K{text}")
            self._stream.flush()
            self._line = True
        else:
            self._write(text)

    def error(self, error: TieredError) -> None:
        """Three lines: what happened, what to do, where it is explained."""
        self._write(f"tiered: error: {error}")
        for note in getattr(error, "__notes__", ()):
            self._write(f"tiered:        {note}")
        if error.hint:
            self._write(f"tiered: hint: {error.hint}")
        self._write(
            f"tiered: see docs/errors/{error.code}.md (exit status {error.exit_status})"
        )

    def clear(self) -> None:
        """Take the progress away, so that nothing is written behind it."""
        if self._line:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._line = False

    def _write(self, text: str) -> None:
        self.clear()
        print(text, file=self._stream, flush=True)


def _amount(progress: Progress) -> str:
    def show(number: int) -> str:
        if progress.unit == "bytes":
            return format_bytes(number)
        if progress.unit == "s":
            return format_duration(number)
        return str(number)

    done = show(progress.done)
    unit = "" if progress.unit in ("bytes", "s") else f" {progress.unit}"
    if progress.total is None:
        return done + unit
    return f"{done} of {show(progress.total)}{unit}"


def show_json(value: object) -> None:
    """One JSON document on stdout."""
    import json  # few ask for it

    print(json.dumps(value, indent=2))


def show_lines(lines: list[str]) -> None:
    """Text on stdout; what the user's locale cannot show appears as escapes."""
    encoding = sys.stdout.encoding
    text = "".join(f"{line}\n" for line in lines)
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
