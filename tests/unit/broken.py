"""Stores that misbehave in one way each, and the usual ways to open one."""

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import BinaryIO, Literal, TypeVar

from tiered.backends.file import FileSettings, FileStore
from tiered.errors import (
    StoreError,
    Unavailable,
)
from tiered.store import Entry, Extras, PutMode, Source, Store
from tiered.testing.clocks import JumpingClock
from tiered.testing.sources import BytesSource
from tiered.wrap.base import Wrapped
from tiered.wrap.patience import RetryPolicy
from tiered.wrap.retry import Retrying

T = TypeVar("T")
POLICY = RetryPolicy(attempts=4, total_s=100.0, first_wait_s=2.0, longest_wait_s=30.0)


def file(root: Path) -> FileStore:
    root.mkdir(exist_ok=True)
    return FileStore(FileSettings(root=root, durable=False))


def read(store: Store, name: str = "o") -> bytes:
    with store.get(name) as stream:
        return stream.read()


def retrying(inner: Store, clock: JumpingClock | None = None) -> Retrying:
    return Retrying(inner, POLICY, clock or JumpingClock(), Random(7))


class Script(Wrapped):
    """Raises the errors of a list, one a call of `verb`, then works.

    With "after", the call takes effect before its error is raised.
    """

    def __init__(
        self,
        inner: Store,
        verb: str,
        errors: list[StoreError],
        when: Literal["before", "after"] = "before",
    ) -> None:
        super().__init__(inner)
        self.verb, self.errors, self.when = verb, errors, when

    def around(self, verb: str, name: str, run: Callable[[], T]) -> T:
        if verb != self.verb or not self.errors:
            return run()
        if self.when == "after":
            run()
        raise self.errors.pop(0)


def down(count: int) -> list[StoreError]:
    return [Unavailable("down", wait_s=None) for _ in range(count)]


class CutStream(io.BytesIO):
    """Fails when `good` bytes were read, as a broken connection does."""

    def __init__(self, data: bytes, good: int) -> None:
        super().__init__(data)
        self._good = good

    def read(self, size: int | None = -1) -> bytes:
        left = self._good - self.tell()
        if left <= 0:
            raise Unavailable("cut")
        wanted = left if size is None or size < 0 else min(size, left)
        return super().read(wanted)


class Cutting(Wrapped):
    """Streams break after `good` bytes, `cuts` times; then they are whole."""

    def __init__(self, inner: Store, good: int, cuts: int, *, without: str) -> None:
        super().__init__(inner)
        self.good, self.cuts, self.without = good, cuts, without
        self.data: bytes | None = None

    @property
    def extras(self) -> Extras:
        return dataclasses.replace(
            super().extras, **dict.fromkeys(self.without.split())
        )

    def get(self, name: str) -> BinaryIO:
        with super().get(name) as stream:
            data = stream.read() if self.data is None else self.data
        self.cuts -= 1
        return io.BytesIO(data) if self.cuts < 0 else CutStream(data, self.good)


DATA = bytes(i * 7 % 256 for i in range(3_000_000))


def cutting(root: Path, good: int, cuts: int, without: str = "") -> Cutting:
    inner = Cutting(file(root), good, cuts, without=without)
    inner.put("o", BytesSource(DATA), PutMode.CREATE)
    return inner


class Cheating(Wrapped):
    """Keeps only the first bytes, and says that all is well."""

    def __init__(self, inner: Store, keep: int) -> None:
        super().__init__(inner)
        self.keep = keep

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        with source.open() as stream:
            super().put(name, BytesSource(stream.read()[: self.keep]), mode)


class Digesting(Wrapped):
    """Tells a checksum, as object stores do."""

    md5 = "0" * 32

    def around(self, verb: str, name: str, run: Callable[[], T]) -> T:
        result = run()
        if isinstance(result, Entry):
            return dataclasses.replace(result, md5=self.md5)
        return result
