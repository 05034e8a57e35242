"""One place that forwards every call of a store, extras included.

Retry, limits, metering, recording, verification and fault injection all mean
"do something around each call".  They subclass `Wrapped` and override
`around`, so a new verb or capability is forwarded by editing this file only.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import BinaryIO, TypeVar

from tiered.store import (
    Copies,
    Create,
    Entry,
    Extras,
    Folders,
    Frost,
    PutMode,
    Ranges,
    Source,
    Stat,
    Store,
    Survey,
    Surveys,
    Thaw,
)

T = TypeVar("T")


class Wrapped:
    """A store that runs each call of `inner` through `around`."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner

    def around(self, verb: str, name: str, run: Callable[[], T]) -> T:
        """Do something before, after or instead of `run`."""
        return run()

    @property
    def label(self) -> str:
        return self.inner.label

    @property
    def extras(self) -> Extras:
        e = self.inner.extras
        return Extras(
            thaw=_Thaw(self, e.thaw) if e.thaw else None,
            ranges=_Ranges(self, e.ranges) if e.ranges else None,
            stat=_Stat(self, e.stat) if e.stat else None,
            create=_Create(self, e.create) if e.create else None,
            folders=_Folders(self, e.folders) if e.folders else None,
            surveys=_Surveys(self, e.surveys) if e.surveys else None,
            copies=_Copies(self, e.copies) if e.copies else None,
            group=e.group,
        )

    def list(self, prefix: str = "") -> tuple[Entry, ...]:
        return self.around("list", prefix, lambda: self.inner.list(prefix))

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        self.around("put", name, lambda: self.inner.put(name, source, mode))

    def get(self, name: str) -> BinaryIO:
        return self.around("get", name, lambda: self.inner.get(name))

    def delete(self, name: str) -> None:
        self.around("delete", name, lambda: self.inner.delete(name))

    def close(self) -> None:
        self.inner.close()


class _Thaw:
    def __init__(self, outer: Wrapped, inner: Thaw) -> None:
        self._outer, self._inner = outer, inner

    def frost(self, names: Iterable[str]) -> Mapping[str, Frost]:
        wanted = tuple(names)
        return self._outer.around("frost", "", lambda: self._inner.frost(wanted))

    def thaw(self, names: Iterable[str]) -> None:
        wanted = tuple(names)
        self._outer.around("thaw", "", lambda: self._inner.thaw(wanted))


class _Ranges:
    def __init__(self, outer: Wrapped, inner: Ranges) -> None:
        self._outer, self._inner = outer, inner

    def get_range(self, name: str, start: int, size: int) -> bytes:
        return self._outer.around(
            "get_range", name, lambda: self._inner.get_range(name, start, size)
        )


class _Stat:
    def __init__(self, outer: Wrapped, inner: Stat) -> None:
        self._outer, self._inner = outer, inner

    def stat(self, name: str) -> Entry:
        return self._outer.around("stat", name, lambda: self._inner.stat(name))


class _Create:
    def __init__(self, outer: Wrapped, inner: Create) -> None:
        self._outer, self._inner = outer, inner

    def create(self) -> bool:
        return self._outer.around("create", "", self._inner.create)


class _Folders:
    def __init__(self, outer: Wrapped, inner: Folders) -> None:
        self._outer, self._inner = outer, inner

    def remove_folder(self, folder: str) -> None:
        self._outer.around(
            "remove_folder", folder, lambda: self._inner.remove_folder(folder)
        )


class _Surveys:
    def __init__(self, outer: Wrapped, inner: Surveys) -> None:
        self._outer, self._inner = outer, inner

    def survey(self, prefix: str = "") -> Survey:
        return self._outer.around("survey", prefix, lambda: self._inner.survey(prefix))


class _Copies:
    def __init__(self, outer: Wrapped, inner: Copies) -> None:
        self._outer, self._inner = outer, inner

    def copies(self, name: str) -> tuple[str, ...]:
        return self._outer.around("copies", name, lambda: self._inner.copies(name))

    def get_copy(self, name: str, label: str) -> BinaryIO:
        return self._outer.around(
            "get_copy", name, lambda: self._inner.get_copy(name, label)
        )
