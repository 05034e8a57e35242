"""A folder of whole files under any names.

<name>               as a name stands in a URL, so that any text is one
<name>=<tag>=<sum>   tagged: what it was made from, and a sum of what it holds, so
                     that one that a bad disk or a power cut has changed is not
                     taken for whole
….part~              being written, or left by a run that was killed
"""

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, unquote

_PART = ".part~"
_READ_BYTES = 1 << 20


class Shelf:
    """Files that appear whole or not at all; OSError is the caller's to translate."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make(self) -> None:
        """For the owner alone, as is the folder it lies in."""
        for each in (self.folder.parent, self.folder):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)

    def names(self) -> frozenset[str]:
        return frozenset(unquote(p.name.partition("=")[0]) for p in self._files())

    def path(self, name: str) -> Path:
        """Where the untagged file of a name is, or would be."""
        return self.folder / quote(name, safe=" ")

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """A file that becomes that of `name` if the block ends well."""
        with self._part(name, lambda _: self.path(name)) as file:
            yield file

    def open_tagged(self, name: str, tag: str) -> BinaryIO | None:
        """The file of that name and tag; None if there is no whole one.

        Cost: It is read once, at a GB in a second.
        """
        for path in self._files(name):
            _, found, known = _split(path)
            if found == tag:
                with suppress(FileNotFoundError):  # forgotten in this moment
                    if _sum(path) == known:
                        return path.open("rb")
        return None

    @contextmanager
    def writing_tagged(self, name: str, tag: str) -> Iterator[BinaryIO]:
        """A file that takes the place of all of that name if the block ends well."""
        new: list[Path] = []

        def named(part: Path) -> Path:
            plain = self.path(name)
            end = f"{quote(tag, safe=' ')}={_sum(part)}"
            new.append(plain.with_name(f"{plain.name}={end}"))
            return new[0]

        with self._part(name, named) as file:
            yield file
        for path in self._files(name):
            if path not in new:
                path.unlink(missing_ok=True)

    def forget(self, name: str) -> None:
        """Remove all files of that name."""
        for path in self._files(name):
            path.unlink(missing_ok=True)

    def keep_only(self, names: Collection[str]) -> None:
        """Remove the files of all other names."""
        for path in self._files():
            if _split(path)[0] not in names:
                path.unlink(missing_ok=True)

    def _files(self, name: str | None = None) -> Iterator[Path]:
        """Whole files, or those of one name.

        Cost: 10 microseconds for 100 files, as each is a text until it is wanted.
        """
        plain = None if name is None else self.path(name).name
        try:
            files = os.listdir(self.folder)  # noqa: PTH208 - costs least
        except (FileNotFoundError, NotADirectoryError):
            return
        for file in sorted(files):
            if file.endswith(_PART):
                continue
            if plain is None or file.partition("=")[0] == plain:
                yield self.folder / file

    @contextmanager
    def _part(self, name: str, named: Callable[[Path], Path]) -> Iterator[BinaryIO]:
        import secrets  # a key is unlocked before anything is written

        self.make()
        plain = self.path(name)
        part = plain.with_name(f"{plain.name}.{secrets.token_hex(4)}{_PART}")
        file = part.open("w+b")
        try:
            with file:
                yield file
            part.replace(named(part))
        finally:
            part.unlink(missing_ok=True)


def _split(path: Path) -> tuple[str, str, str]:
    """Name, tag and sum, as the file's name says."""
    name, _, rest = path.name.partition("=")
    tag, _, known = rest.rpartition("=")
    return unquote(name), unquote(tag), known


def _sum(path: Path) -> str:
    from blake3 import blake3  # a key is unlocked before anything is summed

    content = blake3()
    with path.open("rb") as file:
        while chunk := file.read(_READ_BYTES):
            content.update(chunk)
    return content.hexdigest(length=16)
