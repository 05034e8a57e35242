"""The key objects of an archive: listed, read from any copy, written, deleted.

Each way in is one small object, and the same bytes once more under another name,
which a router puts where volumes go: so a cold store alone is enough in an
emergency [docs/format/native.md, "Keys"].

A key object is at most 68 KiB and is read whole.  It is never cached: what is taken
away from the store must not open the archive from here.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import BinaryIO

from tiered.archive.filename import KeyName, Namer
from tiered.codec.age.keys import MAX_KEY_OBJECT_BYTES
from tiered.download import read_at_most
from tiered.engine.context import Context
from tiered.errors import AlreadyExists, Corrupt, Frozen, NotFound, StoreError
from tiered.store import Entry, PutMode, Store, Warmth
from tiered.upload import InMemory

MAIN = "main"
"""The way in that a new archive has."""


class KeyObjects:
    """Those of one archive, in its store."""

    def __init__(self, context: Context) -> None:
        self._store: Store = context.store
        self._namer: Namer = context.namer

    def listed(self) -> tuple[KeyName, ...]:
        """All that are listed, in the order in which they are tried.

        Raises:
            StoreError: A store did not answer.

        Cost: One or two listings of a few names.
        """
        return self._listed(self._store.list)

    def seen(self) -> tuple[KeyName, ...]:
        """The same from the stores that answer: for reading."""
        surveys = self._store.extras.surveys
        if surveys is None:
            return self.listed()
        return self._listed(lambda prefix: surveys.survey(prefix).entries)

    def read(self, name: str) -> Iterator[bytes]:
        """The object, from each copy that a store has of it and that can be read.

        Raises:
            StoreError: The last copy could not be read, and no other.
        """
        failed: StoreError | None = None
        found = False
        for get in self._copies(name):
            try:
                data = read_at_most(get(), MAX_KEY_OBJECT_BYTES)
            except StoreError as e:
                failed = e
                continue
            found = True
            yield data
        if failed and not found:
            raise failed

    def is_warm(self, name: str) -> bool:
        """Can it be read now?  Asking for a sealed object may cost money."""
        thaw = self._store.extras.thaw
        return thaw is None or thaw.frost([name])[name].warmth is Warmth.WARM

    def is_stored(self, way: str, generation: int) -> bool:
        """Is there a key object, although it is not listed?  Listings lag (R2)."""
        stat = self._store.extras.stat
        if stat is None:
            return False
        try:
            stat.stat(self._namer.key(way, generation))
        except NotFound:
            return False
        return True

    def create(self, way: str, generation: int, data: bytes) -> str:
        """Write a key object and its copy, and read it back.

        Returns:
            The name of the key object.

        Raises:
            AlreadyExists: The key object is there; nothing was written.
            StoreError: One of them could not be written, or other bytes were read.
        """
        name = self._namer.key(way, generation)
        source = InMemory(data)
        self._store.put(name, source, PutMode.CREATE)
        copy = self._namer.key_copy(way, generation)
        try:
            self._store.put(copy, source, PutMode.CREATE)
        except AlreadyExists as e:
            if self._holds(copy, data):  # another machine completed the pair
                self.check(name, data)
                return name
            raise StoreError(
                f"{copy} is left from a key object that was deleted",
                hint="The new way in opens the archive, and has no copy: rotate it.",
            ) from e
        self.check(name, data)
        return name

    def check(self, name: str, data: bytes) -> None:
        """Read a key object and compare; one that is sealed is left alone.

        Raises:
            Corrupt: It has other bytes: another machine made one, too.
            StoreError: It cannot be read.
        """
        try:
            same = all(found == data for found in self.read(name))
        except Frozen:
            return
        if not same:
            raise Corrupt(
                f"{name} was written, and holds something else now",
                hint="Another machine may have made a key at the same time.  Run "
                "again; what was written with this key is not used.",
            )

    def _holds(self, name: str, data: bytes) -> bool:
        """Has every copy of it these bytes?  Not if one is sealed or cannot be read."""
        try:
            return self.is_warm(name) and all(d == data for d in self.read(name))
        except StoreError:
            return False

    def complete(self, key: KeyName) -> bool:
        """Write what is missing of a pair, from the half that is there.

        Returns:
            Whether something was written; not if the half is sealed or gone.

        Raises:
            StoreError: A store did not answer.
        """
        other = self._namer.key if key.is_copy else self._namer.key_copy
        with suppress(NotFound, AlreadyExists):
            if key.is_copy and not self.is_warm(key.name):
                return False
            source = InMemory(next(self.read(key.name)))
            self._store.put(other(key.way, key.generation), source, PutMode.CREATE)
            return True
        return False

    def delete(self, keys: Iterable[KeyName]) -> None:
        """Delete copies, then key objects; one that is gone is as good as deleted.

        Raises:
            StoreError: One could not be deleted; those after it are left.
        """
        for key in sorted(keys, key=lambda k: (not k.is_copy, k.name)):
            with suppress(NotFound):
                self._store.delete(key.name)

    def _listed(
        self, list_names: Callable[[str], tuple[Entry, ...]]
    ) -> tuple[KeyName, ...]:
        names = {e.name for p in self._prefixes() for e in list_names(p)}
        keys = (self._namer.parse_key(n) for n in names)
        return in_order(k for k in keys if k)

    def _prefixes(self) -> tuple[str, ...]:
        """What key objects and copies begin with; one text if it is enough."""
        key, copy = (
            name.removesuffix(f".{MAIN}.1.age")
            for name in (self._namer.key(MAIN, 1), self._namer.key_copy(MAIN, 1))
        )
        return (key,) if copy.startswith(key) else (f"{key}.", f"{copy}.")

    def _copies(self, name: str) -> Iterator[Callable[[], BinaryIO]]:
        copies = self._store.extras.copies
        if copies is None:
            yield partial(self._store.get, name)
            return
        for label in copies.copies(name):
            yield partial(copies.get_copy, name, label)


def in_order(keys: Iterable[KeyName]) -> tuple[KeyName, ...]:
    """Key objects before copies, `main` before other ways, the newest first."""
    return tuple(
        sorted(keys, key=lambda k: (k.is_copy, k.way != MAIN, k.way, -k.generation))
    )


def without_copy(keys: Sequence[KeyName]) -> list[KeyName]:
    """Of the newest pair of each way in the half that is alone."""
    newest = {k.way: k.generation for k in sorted(keys, key=lambda k: k.generation)}
    current = [k for k in keys if newest[k.way] == k.generation]
    ways = [k.way for k in current]
    return [k for k in current if ways.count(k.way) == 1]
