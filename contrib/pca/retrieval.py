"""When a cold object can be read: the memory of the simulated archive."""

import json
import math
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tiered.clock import Clock


class State(Enum):
    """What X-Ovh-Retrieval-State says."""

    SEALED = "sealed"
    UNSEALING = "unsealing"
    UNSEALED = "unsealed"


@dataclass(frozen=True, slots=True)
class Retrieval:
    """The state of one object now."""

    state: State
    wait_s: int | None = None
    """Whole seconds until it can be read; only while unsealing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays:
    """How slow the archive is."""

    thaw_delay_s: float
    """From the request until the object can be read."""
    thaw_life_s: float
    """How long it can then be read."""
    seal_delay_s: float
    """How long a new object can be read before it is sealed."""


class Retrievals:
    """The time window in which each object can be read, by its path.

    An object without a window is sealed.  Windows are kept in a file, so that
    they outlive a restart of the server.  Not safe for threads: a proxy
    server's green threads do not switch in here.
    """

    def __init__(self, path: Path, delays: Delays, clock: Clock) -> None:
        self._path, self._delays, self._clock = path, delays, clock
        self._windows: dict[str, tuple[float, float]] = {}
        if path.exists():
            windows = json.loads(path.read_text())
            self._windows = {name: (a, b) for name, (a, b) in windows.items()}

    def look(self, name: str) -> Retrieval:
        """The state of an object that exists."""
        now_s = self._clock.time_s()
        opens_s, closes_s = self._windows.get(name, (now_s, now_s))
        if now_s >= closes_s:
            return Retrieval(State.SEALED)
        if now_s >= opens_s:
            return Retrieval(State.UNSEALED)
        return Retrieval(State.UNSEALING, max(1, math.ceil(opens_s - now_s)))

    def unseal(self, name: str) -> Retrieval:
        """Open a window later, unless one is open or on its way."""
        if self.look(name).state is State.SEALED:
            opens_s = self._clock.time_s() + self._delays.thaw_delay_s
            self._windows[name] = (opens_s, opens_s + self._delays.thaw_life_s)
            self._save()
        return self.look(name)

    def written(self, name: str) -> None:
        """The object is new: earlier windows belong to its predecessor."""
        if self._delays.seal_delay_s:
            now_s = self._clock.time_s()
            self._windows[name] = (now_s, now_s + self._delays.seal_delay_s)
            self._save()
        else:
            self.deleted(name)

    def deleted(self, name: str) -> None:
        if self._windows.pop(name, None):
            self._save()

    def _save(self) -> None:
        now_s = self._clock.time_s()
        self._windows = {n: w for n, w in self._windows.items() if w[1] > now_s}
        part = self._path.with_name(self._path.name + ".part")
        part.write_text(json.dumps(self._windows))
        part.replace(self._path)
