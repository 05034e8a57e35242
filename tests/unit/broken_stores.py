"""Stores that each break one rule of the contract, as real ones have done."""

import dataclasses
import io
from collections.abc import Iterable, Mapping
from threading import Barrier
from typing import BinaryIO
from urllib.parse import quote

from tiered.errors import AlreadyExists, NotFound, SourceError
from tiered.names import check_name
from tiered.store import Entry, Extras, Frost, PutMode, Source, Store, Warmth
from tiered.testing.sources import BytesSource
from tiered.wrap.base import Wrapped


class KeepsTorn(Wrapped):
    """R1: what came before the upload broke becomes the object."""

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        try:
            super().put(name, source, mode)
        except SourceError:
            super().put(name, BytesSource(b"part"), PutMode.REPLACE)
            raise


class LosesOld(Wrapped):
    """R1: to replace is to delete, and then to put."""

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        if mode is PutMode.REPLACE and self.inner.list(name):
            self.inner.delete(name)
        super().put(name, source, mode)


class Overwrites(Wrapped):
    """R1: a create replaces."""

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        super().put(name, source, PutMode.REPLACE)


class LooksOnly(Wrapped):
    """R1: two creators both find the name free."""

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        if mode is PutMode.CREATE and name != "r" and self.inner.list(name):
            raise AlreadyExists(name)
        super().put(name, source, PutMode.REPLACE)


class Remembers(Wrapped):
    """R2: what was read or put first is read ever after."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self._first: dict[str, bytes] = {}

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        super().put(name, source, mode)
        with super().get(name) as stream:
            self._first.setdefault(name, stream.read())

    def get(self, name: str) -> BinaryIO:
        if name in self._first:
            return io.BytesIO(self._first[name])
        return super().get(name)


class StaleStat(Wrapped):
    """R2: stat tells the size that was put first."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self._first: dict[str, Entry] = {}

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        super().put(name, source, mode)
        self._first.setdefault(name, Entry(name, source.size))

    @property
    def extras(self) -> Extras:
        return dataclasses.replace(super().extras, stat=self)

    def stat(self, name: str) -> Entry:
        if not self.inner.list(name):
            raise NotFound(name)
        return self._first[name]


class OnePage(Wrapped):
    """R3: the first page of a listing is taken for all of it."""

    def list(self, prefix: str = "") -> tuple[Entry, ...]:
        return super().list(prefix)[:100]


class Unsorted(Wrapped):
    """R3: in the order of the server."""

    def list(self, prefix: str = "") -> tuple[Entry, ...]:
        return super().list(prefix)[::-1]


class IgnoresPrefix(Wrapped):
    """R3: everything is listed, whatever was asked for."""

    def list(self, prefix: str = "") -> tuple[Entry, ...]:
        return super().list()


class EmptyForMissing(Wrapped):
    """R4: what is not there is read as nothing."""

    def get(self, name: str) -> BinaryIO:
        check_name(name)
        return super().get(name) if self.inner.list(name) else io.BytesIO()


class DeletesTwice(Wrapped):
    """R4: a delete of nothing is a success."""

    def delete(self, name: str) -> None:
        check_name(name)
        if self.inner.list(name):
            super().delete(name)


class TakesAnyName(Wrapped):
    """R5: a name is quoted instead of refused."""

    def _quoted(self, name: str) -> str:
        try:
            return check_name(name)
        except ValueError:
            return quote(name, safe="").replace(".", "%2E") or "empty"

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        super().put(self._quoted(name), source, mode)


class SharesPart(Wrapped):
    """R6: all uploads go through one part file."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self._part = b""
        self._both = Barrier(2, timeout=30)

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        with source.open() as stream:
            self._part = stream.read()
        self._both.wait()  # until another upload has written over it
        super().put(name, BytesSource(self._part), mode)


class CutsShort(Wrapped):
    """R7: a stream that breaks looks like its end."""

    def get(self, name: str) -> BinaryIO:
        with super().get(name) as stream:
            return io.BytesIO(stream.read(1 << 20))


class Unquotes(Wrapped):
    """A gateway that decodes names once too often."""

    def list(self, prefix: str = "") -> tuple[Entry, ...]:
        found = super().list(prefix)
        plain = (e.name.replace("%20", " ") for e in found)
        pairs = zip(found, plain, strict=True)
        return tuple(dataclasses.replace(e, name=name) for e, name in pairs)


class RoundsSizes(Wrapped):
    """A listing for people: sizes in whole blocks."""

    def list(self, prefix: str = "") -> tuple[Entry, ...]:
        found = super().list(prefix)
        return tuple(dataclasses.replace(e, size=-(-e.size // 4096)) for e in found)


class WrongMd5(Wrapped):
    """An ETag that is no MD5 is taken for one."""

    def list(self, prefix: str = "") -> tuple[Entry, ...]:
        return tuple(dataclasses.replace(e, md5="0" * 32) for e in super().list(prefix))


class EndsLate(Wrapped):
    """Ranges with the last byte counted once too often."""

    @property
    def extras(self) -> Extras:
        return dataclasses.replace(super().extras, ranges=self)

    def get_range(self, name: str, start: int, size: int) -> bytes:
        with self.inner.get(name) as stream:
            return stream.read()[start : start + size + 1]


class ShortRanges(EndsLate):
    """Ranges that end with the object, and say nothing."""

    def get_range(self, name: str, start: int, size: int) -> bytes:
        return super().get_range(name, start, size - 1)


class RemovesAll(Wrapped):
    """A folder is removed with all that is in it."""

    @property
    def extras(self) -> Extras:
        return dataclasses.replace(super().extras, folders=self)

    def remove_folder(self, folder: str) -> None:
        for entry in self.inner.list(f"{folder}/"):
            self.inner.delete(entry.name)
        if folders := self.inner.extras.folders:
            folders.remove_folder(folder)


class NeverCold(Wrapped):
    """Says that it is cold storage, and is not."""

    @property
    def extras(self) -> Extras:
        return dataclasses.replace(super().extras, thaw=self)

    def frost(self, names: Iterable[str]) -> Mapping[str, Frost]:
        return {name: Frost(Warmth.WARM) for name in names}

    def thaw(self, names: Iterable[str]) -> None:
        """Nothing to do."""


class MakesItself(Wrapped):
    """R8: a put makes the container."""

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        if create := self.inner.extras.create:
            create.create()
        super().put(name, source, mode)


class LooksEmpty(Wrapped):
    """R8: a container that is not there is listed as an empty one."""

    def list(self, prefix: str = "") -> tuple[Entry, ...]:
        return ()
