"""Ctrl-C: what to do next depends on what was being done."""

from typing import TYPE_CHECKING

from tiered.errors import Interrupted

if TYPE_CHECKING:
    from tiered.cli.parser import CommandLine

_AGAIN = "Run the same command again"
_THAWING = "what was asked to thaw goes on thawing"
_THAW_AND_COPY = ("repair", "copy", "add-store", "drop-store")
"""With `--thaw`."""
_HINTS = {
    **dict.fromkeys(
        ("full", "incremental", "backup"),
        f"{_AGAIN}: the set that was begun does not count, and `tiered cleanup "
        "--force` deletes what there is of it.",
    ),
    **dict.fromkeys(
        _THAW_AND_COPY, f"{_AGAIN}: it goes on with what is not copied yet."
    ),
    "restore": f"{_AGAIN}, with --force if it had begun to write files; {_THAWING}.",
    "rebuild": f"{_AGAIN}; {_THAWING}.",
}


def interrupted(line: "CommandLine | None") -> Interrupted:
    """The error to show.

    Args:
        line: What was being done; None: it was not read yet.
    """
    action = line.action if line else ""
    if line and action in _THAW_AND_COPY and line.options.thaw:
        return Interrupted("interrupted", hint=f"{_AGAIN}; {_THAWING}.")
    return Interrupted("interrupted", hint=_HINTS.get(action, f"{_AGAIN}."))
