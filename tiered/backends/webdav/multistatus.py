"""The answer to a PROPFIND, read row by row: a folder may hold 100,000 objects.

Pure: XML in, rows out.  What is asked for: `resourcetype` and `getcontentlength`
[RFC 4918, sections 9.1, 14.16, 15.4, 15.9].
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote
from xml.etree import ElementTree

from tiered.errors import StoreError, Unavailable

ASKED = (
    b'<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop>'
    b"<resourcetype/><getcontentlength/></prop></propfind>"
)
_DAV = "{DAV:}"
_SERVER = re.compile(r"^https?://[^/]*", re.IGNORECASE)


class Body(Protocol):
    """An answer of the server."""

    def read(self, size: int = -1, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Row:
    """A file or folder."""

    path: str
    """Not quoted; without a slash at its end."""
    size: int | None
    """None: a folder."""


def rows(body: Body, what: str) -> Iterator[Row]:
    """Each `response` of a multistatus.

    Args:
        what: Names the request in errors.

    Raises:
        Unavailable: The XML ends early.
        StoreError: It says that something could not be told.
    """
    try:
        for _, element in ElementTree.iterparse(body, events=("end",)):
            if element.tag == f"{_DAV}response":
                yield _row(element, what)
                element.clear()
    except ElementTree.ParseError as e:
        raise Unavailable(f"{what}: the answer is no whole XML") from e


def _row(element: ElementTree.Element, what: str) -> Row:
    href = element.findtext(f"{_DAV}href", "").strip()
    path = unquote(_SERVER.sub("", href))  # some servers do not quote "?" and "#"
    status = element.findtext(f"{_DAV}status", " 200 ").split()[1:2]
    if status and not status[0].startswith("2"):
        raise StoreError(
            f"{what}: the server cannot tell about {path!r} ({status[0]})",
            hint="Check who may read it on the server.",
        )
    if element.find(f".//{_DAV}resourcetype/{_DAV}collection") is not None:
        return Row(path.rstrip("/"), None)
    size = (element.findtext(f".//{_DAV}getcontentlength") or "").strip()
    if not size.isdecimal():
        raise StoreError(f"{what}: the server does not tell the size of {path!r}")
    return Row(path.rstrip("/"), int(size))
