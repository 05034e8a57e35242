"""What `rsync --list-only` prints: pure, text in, entries out.

    -rw-r--r--           6 2026/11/21 21:20:42 name

In the locale C each byte of a name that is not printable ASCII is written as
`\\#ooo`, and so is a backslash that would be read as one of these.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from tiered.errors import StoreError
from tiered.names import RESERVED_END
from tiered.store import Entry

_LINE = re.compile(r"([-dlpscbD])\S{9,} +([\d,.]+) \d+/\d\d/\d\d \d\d:\d\d:\d\d (.+)")
_ESCAPED = re.compile(rb"\\#([0-3][0-7]{2})")
_UNFINISHED = re.compile(r"(.*/)?\.[^/]+\.[A-Za-z0-9]{6}")


def entries(lines: Iterable[str], what: str) -> Iterator[Entry]:
    """The files; not folders, links, devices and unfinished uploads.

    Raises:
        StoreError: A line is no row of a listing, so something may be missing.
    """
    for kind, entry in _rows(lines, what):
        if kind == "-" and not is_unfinished(entry.name):
            yield entry


def empty_folders(lines: Iterable[str], what: str) -> list[str]:
    """Those in which no file lies, nor in any below; the deepest first.

    Raises:
        StoreError: As `entries`.
    """
    rows = list(_rows(lines, what))
    folders = {entry.name for kind, entry in rows if kind == "d"}
    for kind, entry in rows:
        if kind != "d":
            folders.difference_update(map(str, PurePosixPath(entry.name).parents))
    return sorted(folders - {"."}, reverse=True)


def _rows(lines: Iterable[str], what: str) -> Iterator[tuple[str, Entry]]:
    for line in lines:
        found = _LINE.fullmatch(line)
        if found is None:
            raise StoreError(f"{what}: rsync printed what is no line of a listing")
        kind, size, name = found.groups()
        yield kind, Entry(_unescaped(name), int(size.replace(",", "")))


def is_unfinished(name: str) -> bool:
    """Is it what rsync calls an upload in progress: `.name.` and six letters or
    digits [rsync, receiver.c, get_tmpname]?
    """
    return name.endswith(RESERVED_END) or bool(_UNFINISHED.fullmatch(name))


def _unescaped(name: str) -> str:
    raw = _ESCAPED.sub(lambda m: bytes([int(m[1], 8)]), name.encode())
    return raw.decode("utf-8", "surrogateescape")
