"""What this machine keeps of an archive: a cache, a journal and a lock.

    objects/<name>     hot objects, as the store holds them
    opened/<name>=...  hot objects of style tiered as they are when decrypted: a
                       machine with only the public half makes incs from them
    state/<set>=...    the merged index of the end of a chain, or of two
    recipient          the public half of the archive's key, as text
    volumes.json       number of volumes of each set, so that a lost one is missed
                       also by who has no passphrase
    journal.json       sets that were begun here and not committed, or whose
                       deletion was begun and not ended
    thaws.json         which objects were asked to thaw, and when
    lock               held by the process that writes to the archive; reading
                       needs no lock, so a restore that waits blocks no backup

The stores are the truth.  Losing this folder costs time: hot objects are
fetched again.  What it remembers is used to *doubt* a listing, never to
replace one  (`tiered.engine.trust`).
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tiered.catalogue.shelf import Shelf
from tiered.errors import Locked, ScratchError


class Cache:
    """The folder of one archive."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._objects = Shelf(folder / "objects")
        self._opened = Shelf(folder / "opened")
        self._state = Shelf(folder / "state")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock of writers; that of a process that died does not count.

        Raises:
            Locked: Another process holds it.
        """
        with _errors_as_ours(self._folder):
            self._objects.make()
            file = (self._folder / "lock").open("a")
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Locked(
                    "another tiered works on this archive on this machine",
                    hint="Wait until it ends.  (Its lock is in "
                    f"{self._folder}; it is freed when the process ends.)",
                ) from None
            yield

    def names(self) -> tuple[str, ...]:
        """Names of the objects that were seen in, or written to, the store."""
        with _errors_as_ours(self._folder):
            return tuple(sorted(self._objects.names() | self._opened.names()))

    def size(self, name: str) -> int | None:
        """Bytes of an object that is cached as stored; None if it is not."""
        try:
            return self._objects.path(name).stat().st_size
        except FileNotFoundError:
            return None

    def open(self, name: str) -> BinaryIO:
        """An object that is cached as stored."""
        with _errors_as_ours(self._folder):
            return self._objects.path(name).open("rb")

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """A file that becomes the cached object if the block ends well."""
        with _errors_as_ours(self._folder), self._objects.writing(name) as file:
            yield file

    def opened(self, name: str, stored_size: int) -> BinaryIO | None:
        """The decrypted content of an object; None if it is not cached.

        Args:
            stored_size: Bytes of the object in the store: with others it was made
                from another object.
        """
        with _errors_as_ours(self._folder):
            return self._opened.open_tagged(name, str(stored_size))

    @contextmanager
    def writing_opened(self, name: str, stored_size: int) -> Iterator[BinaryIO]:
        """A file that becomes that content if the block ends well."""
        tag = str(stored_size)
        with (
            _errors_as_ours(self._folder),
            self._opened.writing_tagged(name, tag) as file,
        ):
            yield file

    def forget(self, name: str) -> None:
        """Drop an object, as stored and as decrypted."""
        with _errors_as_ours(self._folder):
            self._objects.path(name).unlink(missing_ok=True)
            self._opened.forget(name)

    def state(self, set_name: str, index_size: int) -> BinaryIO | None:
        """The merged index of the chain that ends with a set (as text); None if it
        is not cached.

        Args:
            index_size: Bytes of the set's own index in the store: with others it was
                made from another one.
        """
        with _errors_as_ours(self._folder):
            return self._state.open_tagged(set_name, str(index_size))

    @contextmanager
    def writing_state(
        self, set_name: str, index_size: int, newest: str | None = None
    ) -> Iterator[BinaryIO]:
        """A file that becomes that if the block ends well.

        Args:
            newest: The set whose state is not dropped for it; all others are.
        """
        with _errors_as_ours(self._folder):
            tag = str(index_size)
            with self._state.writing_tagged(set_name, tag) as file:
                yield file
            self._state.keep_only({set_name, newest or set_name})

    def forget_state(self, set_name: str) -> None:
        """Drop the merged index of a chain that ends with a set."""
        with _errors_as_ours(self._folder):
            self._state.forget(set_name)

    def recipient(self) -> str | None:
        """The archive's public key; None if it is not known here."""
        with _errors_as_ours(self._folder):
            try:
                text = (self._folder / "recipient").read_bytes()
                return text.decode(errors="replace").strip() or None
            except FileNotFoundError:
                return None

    def recipient_set(self, text: str) -> None:
        """Remember it: from now on this machine writes for this key."""
        with _errors_as_ours(self._folder):
            self._make()
            self._write("recipient", f"{text}\n")

    def recipient_forget(self) -> None:
        with _errors_as_ours(self._folder):
            (self._folder / "recipient").unlink(missing_ok=True)

    def journal(self) -> tuple[str, ...]:
        """Sets that were begun here and neither committed nor cleaned up, and
        those whose deletion was begun and not ended.
        """
        return tuple(self._read("journal.json"))

    def journal_add(self, set_names: Iterable[str]) -> None:
        """Before the first object of a set is written, or deleted."""
        with self._changing("journal.json") as begun:
            begun.update(dict.fromkeys(set_names, 0.0))

    def journal_remove(self, set_names: Iterable[str]) -> None:
        with self._changing("journal.json") as begun:
            for name in set_names:
                begun.pop(name, None)

    def volumes(self) -> Mapping[str, int]:
        """How many volumes each set (as text) has, as its manifest said."""
        return {name: int(n) for name, n in self._read("volumes.json").items()}

    def volumes_add(self, set_name: str, count: int) -> None:
        if self.volumes().get(set_name) != count:
            with self._changing("volumes.json") as known:
                known[set_name] = count

    def thaws(self) -> Mapping[str, float]:
        """When each object was asked to thaw, in seconds since 1970."""
        return self._read("thaws.json")

    def thaws_add(self, names: Iterable[str], time_s: float) -> None:
        with self._changing("thaws.json") as asked:
            asked.update(dict.fromkeys(names, time_s))

    def _make(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _read(self, file: str) -> dict[str, float]:
        try:
            text = (self._folder / file).read_bytes()
        except FileNotFoundError:
            return {}
        try:
            values = json.loads(text)
        except ValueError:
            return {}  # never torn by us, as it is renamed whole
        if not isinstance(values, dict):
            return {}
        return {k: v for k, v in values.items() if isinstance(v, int | float)}

    @contextmanager
    def _changing(self, file: str) -> Iterator[dict[str, float]]:
        """Values to change; other processes wait, and see all of it or nothing."""
        with _errors_as_ours(self._folder):
            self._make()
            with (self._folder / f"{file}.lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                values = self._read(file)
                yield values
                self._write(file, json.dumps(values))

    def _write(self, file: str, text: str) -> None:
        """Under the file's name stands the old text or the new one, also after a
        power cut.
        """
        import secrets  # a key is unlocked before anything is written

        part = self._folder / f"{file}.{secrets.token_hex(4)}.part~"
        try:
            with part.open("w") as out:
                out.write(text)
                out.flush()
                os.fsync(out.fileno())
            part.replace(self._folder / file)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def _errors_as_ours(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as e:
        raise ScratchError(
            f"the cache {folder} cannot be used: {e.strerror}",
            hint="Check owner and free space, or choose another with --archive-dir.",
        ) from e
