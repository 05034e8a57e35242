"""A store under test, and what checks do with it again and again.

A check reads a cold object the only way that is allowed: thaw, wait, get.  Where
that may not be done, on a store that somebody pays for, it compares what the
store says of the object with what was put there.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from tiered.errors import NotFound
from tiered.store import Entry, Extras, PutMode, Store, Warmth
from tiered.testing.sources import BytesSource

T = TypeVar("T")
_LATE = "the listing was late"
_UNREAD = "by size and checksum: what is sealed was not read"


class Broken(AssertionError):
    """A store does not keep the contract."""


class NotOffered(Exception):
    """The store has not the capability that the check is about."""


class NotTried(Exception):
    """What the check would have to do must not be done to this store."""


@dataclass(frozen=True, kw_only=True)
class Rig:
    """A store under test, and the way to let time pass for it."""

    store: Store
    wait: Callable[[float], None]
    """Returns when that many seconds have passed for the store."""
    may_thaw: bool = True
    pauses_s: tuple[float, ...] = ()
    """How long to wait for a listing that is late (R2), again and again."""
    remarks: list[str] = field(default_factory=list)
    """What should be said beside the outcome."""

    def create(self, name: str, data: bytes) -> None:
        self.store.put(name, BytesSource(data), PutMode.CREATE)

    def replace(self, name: str, data: bytes) -> None:
        self.store.put(name, BytesSource(data), PutMode.REPLACE)

    def expect_content(self, name: str, *allowed: bytes, otherwise: str) -> None:
        """Is one of `allowed` what the store holds?

        Raises:
            Broken: With `otherwise`.
        """
        if self.may_thaw or self.is_readable(name):
            expect(self.read(name) in allowed, otherwise)
            return
        self.remark(_UNREAD)
        entry = self._entry(name)
        expect(any(_fits(entry, data) for data in allowed), otherwise)

    def read(self, name: str) -> bytes:
        """What an object holds, thawed if it must be.

        Raises:
            NotTried: It is sealed, and may not be thawed.
        """
        self.warm(name)
        with self.store.get(name) as stream:
            return stream.read()

    def is_readable(self, name: str) -> bool:
        """Now, without a thaw?"""
        if self.store.extras.thaw is None:
            return True
        return self.warmth(name) == [Warmth.WARM]

    def warm(self, name: str) -> None:
        """Thaw one object if it is cold.

        Raises:
            NotTried: That may not be done.
        """
        if (thaw := self.store.extras.thaw) is None:
            return
        if not self.may_thaw:
            if self.is_readable(name):
                return
            raise NotTried("what is put here is sealed at once")
        thaw.thaw([name])
        frost = thaw.frost([name])[name]
        if frost.warmth is not Warmth.WARM:
            self.wait(frost.wait_s or 0.0)

    def expect_gone(self, name: str, otherwise: str) -> None:
        """Does the store know that there is no such object?"""
        stat = self.store.extras.stat
        is_sealed = self.store.extras.thaw and not self.may_thaw
        look = stat.stat if is_sealed and stat else self.store.get
        expect(raises(NotFound, lambda: look(name)), otherwise)

    def names(self, prefix: str, wanted: list[str]) -> list[str]:
        """What is listed: `wanted`, or what is still listed when patience ends."""
        return self.settled(
            lambda: [e.name for e in self.store.list(prefix)], lambda n: n == wanted
        )

    def warmth(self, *names: str) -> list[Warmth]:
        """How cold objects are, that were put in this moment."""
        thaw = self.store.extras.thaw
        assert thaw is not None

        def look() -> list[Warmth] | None:
            try:
                found = thaw.frost(names)
            except NotFound:  # a listing tells it, and may be late
                return None
            return [found[name].warmth for name in names]

        return self.settled(look, lambda found: found is not None) or []

    def settled(self, look: Callable[[], T], is_right: Callable[[T], bool]) -> T:
        """What `look` sees, when it is right or the last pause is over."""
        for pause_s in self.pauses_s:
            if is_right(found := look()):
                return found
            self.remark(_LATE)
            self.wait(pause_s)
        return look()

    def remark(self, text: str) -> None:
        if text not in self.remarks:
            self.remarks.append(text)

    def _entry(self, name: str) -> Entry:
        if stat := self.store.extras.stat:
            return stat.stat(name)
        found = self.settled(lambda: self.store.list(name), lambda rows: rows != ())
        return next((e for e in found if e.name == name), Entry(name, -1))


def offered(extras: Extras) -> set[str]:
    """Names of the capabilities a store has."""
    fields = dataclasses.fields(extras)
    return {f.name for f in fields if getattr(extras, f.name) is not None}


def expect(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not holds:
        raise Broken(otherwise)


def raises(
    kind: type[Exception] | tuple[type[Exception], ...], call: Callable[[], object]
) -> bool:
    """Does it raise that, and not something else?"""
    try:
        call()
    except kind:
        return True
    return False


def expect_each(
    kind: type[Exception], calls: Iterable[tuple[str, Callable[[], object]]]
) -> None:
    """Does each call, named by a text, raise that?"""
    for text, call in calls:
        expect(raises(kind, call), f"{text} did not raise {kind.__name__}")


def _fits(entry: Entry, data: bytes) -> bool:
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    return entry.size == len(data) and entry.md5 in (None, md5)
