"""How the parts below speak to the person: one small interface, going out only.

Nothing below `cli` prints.  What stops the run is an exception; what does not,
but must be known, is a warning here; what is merely of interest is a note.
"""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage is.  `total` is None while it is not known."""

    stage: str
    done: int
    total: int | None
    unit: str
    """"bytes", "files", "volumes" or "s"."""


class Monitor(Protocol):
    """Where warnings, notes and progress go."""

    def warn(self, message: str, hint: str = "") -> None:
        """The run goes on, and the user must know this."""

    def note(self, message: str) -> None:
        """One line about what happened, shown unless asked to be quiet."""

    def info(self, message: str) -> None:
        """One line for those who want to know more."""

    def debug(self, message: str) -> None:
        """One line for those who look for a fault."""

    def progress(self, progress: Progress) -> None:
        """Called often; the receiver decides how often to show it."""


class SilentMonitor:
    """Drops everything."""

    def warn(self, message: str, hint: str = "") -> None:
        """Drop it."""

    def note(self, message: str) -> None:
        """Drop it."""

    def info(self, message: str) -> None:
        """Drop it."""

    def debug(self, message: str) -> None:
        """Drop it."""

    def progress(self, progress: Progress) -> None:
        """Drop it."""
