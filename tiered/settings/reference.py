"""A value that stands somewhere else: how a config names it.

    env:NAME                a variable of the process
    file:PATH               what is in a file; a relative path begins where the
                            config lies
    cmd:PROGRAM ARGUMENTS   what a program prints; no shell reads the line
    keyring:SERVICE/USER    a password of the desktop's or the system's keyring

Values only: who reads them is `tiered.assemble.references`.
"""

import re
import shlex
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tiered.errors import ConfigError

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HINT = "Write env:NAME, file:PATH, cmd:PROGRAM ARGUMENTS or keyring:SERVICE/USER."


class Origin(Enum):
    """Where a value is."""

    ENV = "env"
    FILE = "file"
    CMD = "cmd"
    KEYRING = "keyring"


@dataclass(frozen=True, slots=True)
class Reference:
    """Where one value is.  It shows no arguments of a command: they may be secret."""

    origin: Origin
    words: tuple[str, ...]
    """The variable; the path; program and arguments; or service and user."""

    def __str__(self) -> str:
        if self.origin is Origin.CMD:
            return f"cmd:{self.words[0]}"
        return f"{self.origin.value}:{'/'.join(self.words)}"

    def __repr__(self) -> str:
        return f"Reference({self})"


def parse_reference(text: str, folder: Path) -> Reference:
    """Read what stands behind `from`.

    Args:
        text: As in the module's text.
        folder: Where relative paths begin.

    Raises:
        ConfigError: It is none of these.  The message does not repeat it: a
            password may stand there by mistake.
    """
    kind, _, rest = text.partition(":")
    known = {origin.value for origin in Origin}
    if kind not in known or not rest.strip() or "\0" in rest:
        raise ConfigError("names no place to get the value from", hint=_HINT)
    origin = Origin(kind)
    match origin:
        case Origin.ENV:
            return Reference(origin, (_variable(rest),))
        case Origin.FILE:
            home = rest.startswith("~")
            return Reference(origin, (rest if home else str(folder / rest),))
        case Origin.CMD:
            return Reference(origin, _command(rest))
        case Origin.KEYRING:
            return Reference(origin, _entry(rest))


def _variable(text: str) -> str:
    if not _VARIABLE.fullmatch(text):
        raise ConfigError(
            "env: is not followed by the name of a variable",
            hint="Write env:NAME, without a dollar sign.",
        )
    return text


def _command(text: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(text))
    except ValueError as e:
        reason = str(e).lower()
    else:
        if words:
            return words
        reason = "it is empty"
    # raised here, as the caught error holds the whole line
    raise ConfigError(
        f"the command cannot be read: {reason}",
        hint="Write a program and its arguments, quoted as in a shell.",
    )


def _entry(text: str) -> tuple[str, str]:
    service, _, user = text.rpartition("/")  # a service may be a URL
    if not service or not user:
        raise ConfigError(
            "keyring: is not followed by SERVICE/USER",
            hint="Write keyring:SERVICE/USER, as `keyring set SERVICE USER` stored it.",
        )
    return service, user
