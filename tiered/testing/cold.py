"""A store that behaves cold: sealed until thawed, readable for a while, sealed.

It stands in for archive storage where the real thing cannot run: rehearsals
on folders (`cold+file://`), the demo and tests.  The unpleasant parts are in:
a read of a sealed object fails, a thaw takes hours, what was thawed is sealed
again, and an object is sealed as soon as it is written.

The states lie in one JSON file (name -> the moment at which it is readable),
so they outlive the process, as they do at a provider.
"""

import fcntl
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tiered.clock import Clock
from tiered.errors import Frozen, NotFound, StoreError
from tiered.store import Entry, Extras, Frost, PutMode, Source, Store, Warmth

DELAY_S = 4 * 3600.0
LIFE_S = 24 * 3600.0
_SEALED = Frost(Warmth.COLD)
_READABLE = Frost(Warmth.WARM)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColdSettings:
    """How cold, and where the states lie."""

    states: Path
    delay_s: float = DELAY_S
    """From the request until an object can be read."""
    life_s: float = LIFE_S
    """From then until it is sealed again."""


class ColdStore:
    """`inner`, sealed.  Verbs that do not read go straight through."""

    def __init__(self, inner: Store, settings: ColdSettings, clock: Clock) -> None:
        self._inner, self._settings, self._clock = inner, settings, clock
        self.label = f"cold+{inner.label}"
        e = inner.extras
        self.extras = Extras(thaw=self, stat=e.stat, create=e.create, folders=e.folders)

    def list(self, prefix: str = "") -> tuple[Entry, ...]:
        return self._inner.list(prefix)

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        self._inner.put(name, source, mode)
        with self._states() as ready_s:
            ready_s.pop(name, None)

    def get(self, name: str) -> BinaryIO:
        """As the contract says; Frozen unless it was thawed and still is."""
        stream = self._inner.get(name)  # first, so that a missing name is NotFound
        with self._states() as ready_s:
            frost = self._frost(ready_s.get(name))
        if frost.warmth is Warmth.WARM:
            return stream
        stream.close()
        raise Frozen(
            f"{self.label}: {name!r} is in cold storage",
            hint="Thaw it first; `tiered restore` does so.",
            wait_s=frost.wait_s,
            name=name,
        )

    def delete(self, name: str) -> None:
        self._inner.delete(name)
        with self._states() as ready_s:
            ready_s.pop(name, None)

    def close(self) -> None:
        self._inner.close()

    def frost(self, names: Iterable[str]) -> Mapping[str, Frost]:
        wanted = set(names)
        listed = {e.name for e in self._inner.list()}
        if missing := wanted - listed:
            raise NotFound(f"{self.label}: {min(missing)!r} is not there")
        with self._states() as ready_s:
            return {name: self._frost(ready_s.get(name)) for name in wanted}

    def thaw(self, names: Iterable[str]) -> None:
        with self._states() as ready_s:
            for name in names:
                if self._frost(ready_s.get(name)) is _SEALED:
                    ready_s[name] = self._clock.time_s() + self._settings.delay_s

    def _frost(self, ready_s: float | None) -> Frost:
        if ready_s is None:
            return _SEALED
        wait_s = ready_s - self._clock.time_s()
        if wait_s > 0:
            return Frost(Warmth.THAWING, wait_s)
        return _READABLE if -wait_s < self._settings.life_s else _SEALED

    @contextmanager
    def _states(self) -> Iterator[dict[str, float]]:
        """The states, locked against other processes; changes are kept."""
        try:
            with self._settings.states.open("a+") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                file.seek(0)
                text = file.read()
                ready_s: dict[str, float] = json.loads(text) if text else {}
                yield ready_s
                file.truncate(0)
                file.write(json.dumps(ready_s))
        except OSError as e:
            raise StoreError(
                f"{self.label}: cannot keep the thaw states: {e.strerror}",
                hint=f"Check {self._settings.states}.",
            ) from e
