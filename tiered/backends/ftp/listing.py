"""What lies in a folder: by MLSD, and by LIST where the server has no MLSD.

Facts:
  * MLSD has one line for each file, `type=file;size=1; name` [RFC 3659]
  * LIST is what `ls -l` writes, on Unix servers; vsftpd has no MLSD
"""

import ftplib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from tiered.backends.ftp.failures import reply_of
from tiered.errors import StoreError

_UNKNOWN = (500, 502, 504)

_UNIX = re.compile(
    r"""(?P<type>[-dl])[-rwxsStT]{9}[+.@]?\s+
    \d+\s+ \S+\s+ \S+\s+               # links, owner, group
    (?P<size>\d+)\s+
    [A-Z][a-z]{2}\s+ \d{1,2}\s+ (?:\d{4}|\d{1,2}:\d{2})\s   # day
    (?P<name>.+)""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Row:
    """A file or folder."""

    name: str
    size: int | None
    """None: a folder."""


def rows(connection: ftplib.FTP, folder: str, what: str) -> list[Row]:
    """All that lies in `folder`.

    Args:
        folder: Relative; empty, or it ends in a slash.
        what: Names the request in errors.

    Raises:
        StoreError: A line is not understood; none is left out.
    """
    try:
        return list(_by_mlsd(connection, folder, what))
    except ftplib.error_perm as e:
        if reply_of(e) not in _UNKNOWN:
            raise
    lines: list[str] = []
    try:
        connection.retrlines(f"LIST ./{folder}", lines.append)
    finally:
        connection.voidcmd("TYPE I")  # a listing is text, and stays so
    found = map(partial(of_unix, what=what), lines)
    return [row for row in found if row is not None]


def _by_mlsd(connection: ftplib.FTP, folder: str, what: str) -> Iterator[Row]:
    try:
        for name, facts in connection.mlsd(folder.rstrip("/")):
            if name in (".", "..") or facts.get("type") in ("cdir", "pdir"):
                continue
            if facts.get("type") == "dir":
                yield Row(name, None)
            elif facts.get("type") == "file":
                size = facts.get("size", "")
                if not size.isdecimal():
                    raise StoreError(f"{what}: the server tells no size of {name!r}")
                yield Row(name, int(size))
    finally:
        connection.voidcmd("TYPE I")


def of_unix(line: str, *, what: str) -> Row | None:
    """The file or folder of one line; None for what is neither, such as a link.

    Raises:
        StoreError: It is no line of `ls -l`.
    """
    if line.startswith("total ") or line[:1] in ("l", "p", "s", "c", "b"):
        return None
    found = _UNIX.fullmatch(line)
    if found is None:
        raise StoreError(
            f"{what}: a line of the listing is not understood",
            hint="This server has no MLSD, and writes its listings in its own way.",
        )
    if found["name"] in (".", ".."):
        return None
    return Row(found["name"], None if found["type"] == "d" else int(found["size"]))
