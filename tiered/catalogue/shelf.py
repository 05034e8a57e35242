"""A folder of whole files under any names.

<name>               as a name stands in a URL, so that any text is one
<name>=<tag>=<size>  tagged: what it was made from, and how long it is, so that
                     one that was cut short is not taken for whole
….part~              being written, or left by a run that was killed
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, unquote

_PART = ".part~"


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
        """The file of that name and tag; None if there is no whole one."""
        for path in self._files(name):
            _, found, size = _split(path)
            if found == tag:
                with suppress(FileNotFoundError):  # forgotten in this moment
                    if path.stat().st_size == size:
                        return path.open("rb")
        return None

    @contextmanager
    def writing_tagged(self, name: str, tag: str) -> Iterator[BinaryIO]:
        """A file that takes the place of all of that name if the block ends well."""

        def named(size: int) -> Path:
            plain = self.path(name)
            return plain.with_name(f"{plain.name}={quote(tag, safe=' ')}={size}")

        with self._part(name, named) as file:
            yield file
            size = file.seek(0, 2)
        for path in self._files(name):
            if _split(path)[1:] != (tag, size):
                path.unlink(missing_ok=True)

    def forget(self, name: str) -> None:
        """Remove all files of that name."""
        for path in self._files(name):
            path.unlink(missing_ok=True)

    def keep_only(self, name: str) -> None:
        """Remove the files of all other names."""
        for path in self._files():
            if _split(path)[0] != name:
                path.unlink(missing_ok=True)

    def _files(self, name: str | None = None) -> Iterator[Path]:
        """Whole files, or those of one name."""
        if not self.folder.is_dir():
            return
        for path in sorted(self.folder.iterdir()):
            if path.name.endswith(_PART):
                continue
            if name is None or _split(path)[0] == name:
                yield path

    @contextmanager
    def _part(self, name: str, named: Callable[[int], Path]) -> Iterator[BinaryIO]:
        self.make()
        plain = self.path(name)
        part = plain.with_name(f"{plain.name}.{secrets.token_hex(4)}{_PART}")
        file = part.open("w+b")
        try:
            with file:
                yield file
            part.replace(named(part.stat().st_size))
        finally:
            part.unlink(missing_ok=True)


def _split(path: Path) -> tuple[str, str, int | None]:
    """Name, tag and size, as the file's name says."""
    name, _, rest = path.name.partition("=")
    tag, _, size = rest.rpartition("=")
    return unquote(name), unquote(tag), int(size) if size.isdecimal() else None
