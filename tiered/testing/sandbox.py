"""A corner of somebody's store that is ours: all names begin with our folder.

Nothing else is ever read, written or deleted, whatever name is asked for.  What
was put is written down, as a listing may be late (R2), and taken away again.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Event
from typing import BinaryIO

from tiered.errors import NotFound, StoreError, StoreMissing, Unavailable
from tiered.names import check_name
from tiered.store import (
    Entry,
    Extras,
    Folders,
    Frost,
    PutMode,
    Ranges,
    Source,
    Stat,
    Store,
    Thaw,
)

_DELETES_AT_ONCE = 4


class Sandbox:
    """A store below a folder of `inner`.

    Args:
        inner: Somebody's store.
        folder: Without a slash at its end; two levels, so that a name with `..`
            cannot leave the upper one even where a store resolves it.
        start: Put before each name, to make it one of a volume, for instance.
    """

    def __init__(self, inner: Store, folder: str, start: str = "") -> None:
        self._inner, self._stem = inner, f"{folder}/"
        self._start = start
        self.label = inner.label
        self.touched: set[str] = set()
        """Full names that were put, or may have been."""
        e = inner.extras
        self.extras = Extras(
            thaw=_Thaw(self, e.thaw) if e.thaw else None,
            ranges=_Ranges(self, e.ranges) if e.ranges else None,
            stat=_Stat(self, e.stat) if e.stat else None,
            create=e.create,
            folders=_Folders(self, e.folders) if e.folders else None,
        )

    def full(self, name: str) -> str:
        """What `inner` knows it by.  A bad name stays one."""
        start = self._start if _is_name(name) else ""
        return self._stem + start + name

    def list(self, prefix: str = "") -> tuple[Entry, ...]:
        before = self._stem + self._start
        found = self._inner.list(before + prefix)
        return tuple(replace(e, name=e.name.removeprefix(before)) for e in found)

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        full = self.full(name)
        if _is_name(name):
            self.touched.add(full)
        self._inner.put(full, source, mode)

    def get(self, name: str) -> BinaryIO:
        return self._inner.get(self.full(name))

    def delete(self, name: str) -> None:
        full = self.full(name)
        self._inner.delete(full)
        self.touched.discard(full)

    def close(self) -> None:
        """What was opened is the inner store, and somebody else's to close."""


class _Thaw:
    def __init__(self, outer: Sandbox, inner: Thaw) -> None:
        self._outer, self._inner = outer, inner

    def frost(self, names: Iterable[str]) -> Mapping[str, Frost]:
        full = {self._outer.full(name): name for name in names}
        found = self._inner.frost(full)
        return {full[name]: frost for name, frost in found.items()}

    def thaw(self, names: Iterable[str]) -> None:
        self._inner.thaw([self._outer.full(name) for name in names])


class _Ranges:
    def __init__(self, outer: Sandbox, inner: Ranges) -> None:
        self._outer, self._inner = outer, inner

    def get_range(self, name: str, start: int, size: int) -> bytes:
        return self._inner.get_range(self._outer.full(name), start, size)


class _Stat:
    def __init__(self, outer: Sandbox, inner: Stat) -> None:
        self._outer, self._inner = outer, inner

    def stat(self, name: str) -> Entry:
        full = self._outer.full(name)
        return replace(self._inner.stat(full), name=name)


class _Folders:
    def __init__(self, outer: Sandbox, inner: Folders) -> None:
        self._outer, self._inner = outer, inner

    def remove_folder(self, folder: str) -> None:
        self._inner.remove_folder(self._outer.full(folder))


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftovers:
    """What could not be taken away again."""

    names: tuple[str, ...] = ()
    error: StoreError | None = None
    """Why, of the first of them; or why nobody knows what else is there."""


def sweep(store: Store, root: str, touched: Iterable[str]) -> Leftovers:
    """Delete what was put, and whatever else is listed below our folder.

    A store that does not answer is asked once, not for each object.

    Args:
        root: Our upper folder; no name outside it is deleted.
        touched: Full names that may be there, listed or not.
    """
    sweeping = _Sweeping(store)
    wanted = {name for name in touched if name.startswith(f"{root}/")}
    try:
        wanted |= {e.name for e in store.list(f"{root}/")}
    except StoreMissing:
        return Leftovers()
    except StoreError as e:
        sweeping.failures[f"{root}/"] = e
    with ThreadPoolExecutor(_DELETES_AT_ONCE) as pool:
        list(pool.map(sweeping.delete, sorted(wanted)))
    failures = sweeping.failures
    names = tuple(sorted(failures.keys() - {f"{root}/"}))
    return Leftovers(names=names, error=next(iter(failures.values()), None))


@dataclass
class _Sweeping:
    store: Store
    failures: dict[str, StoreError] = field(default_factory=dict)
    silent: Event = field(default_factory=Event)
    """Set when the store did not answer."""

    def delete(self, name: str) -> None:
        if self.silent.is_set():
            self.failures[name] = next(iter(self.failures.values()))
            return
        try:
            self.store.delete(name)
        except NotFound:
            return
        except StoreError as e:
            self.failures[name] = e
            if isinstance(e, Unavailable):
                self.silent.set()


def _is_name(name: str) -> bool:
    try:
        check_name(name)
    except ValueError:
        return False
    return True
