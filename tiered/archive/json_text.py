"""JSON that an archive holds: ASCII, bytes as text, and a version to refuse.

Bytes that are not UTF-8 become lone surrogates, as in Python's file names.
msgspec refuses these, so the standard library parses, and msgspec checks types.
"""

import json
from typing import Annotated, NoReturn, TypeVar

import msgspec

from tiered.errors import ArchiveDamaged, ConfigError

FORMAT, VERSION = "tiered", 1

T = TypeVar("T")


class _Head(msgspec.Struct):
    format: str
    version: Annotated[int, msgspec.Meta(ge=1)]


def to_text(data: bytes) -> str:
    """Bytes as they stand in JSON."""
    return data.decode("utf-8", "surrogateescape")


def from_text(text: str) -> bytes:
    """What `to_text` was given.

    Raises:
        ArchiveDamaged: It was given something else.
    """
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise ArchiveDamaged("a text in the archive stands for no bytes") from None


def dump_json(document: object, *, indent: int | None = None) -> bytes:
    """ASCII, with a line feed at the end."""
    return json.dumps(document, indent=indent).encode("ascii") + b"\n"


def parse_json(data: bytes, kind: type[T], what: str) -> T:
    """A document of a known form; fields that `kind` does not name are ignored.

    Raises:
        ArchiveDamaged: `what`, as messages call it, is not JSON, or not of `kind`.
    """
    return _convert(_load(data, what), kind, what)


def parse_versioned(data: bytes, kind: type[T], what: str) -> T:
    """The same for a document that tells its format; looks at the version first.

    Raises:
        ConfigError: It is of another version.
        ArchiveDamaged: It is not a document of this format.
    """
    document = _load(data, what)
    head = _convert(document, _Head, what)
    if head.format != FORMAT:
        raise ArchiveDamaged(f"{what} is not of the format tiered")
    if head.version != VERSION:
        refuse_version(what, head.version)
    return _convert(document, kind, what)


def refuse_version(what: str, version: int) -> NoReturn:
    """Raises:
    ConfigError: `what`, as messages call it, is of a version that is not known.
    """
    raise ConfigError(
        f"{what} is of format version {version}, not {VERSION}",
        hint=f"Use a version of tiered that reads format version {version}.",
    )


def _load(data: bytes, what: str) -> object:
    try:
        document: object = json.loads(data.decode("utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise ArchiveDamaged(f"{what} is not JSON") from None
    return document


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object in which no name stands twice: readers would not agree on it."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice")
    return found


def _convert(document: object, kind: type[T], what: str) -> T:
    try:
        return msgspec.convert(document, kind)
    except (msgspec.ValidationError, UnicodeEncodeError) as e:
        raise ArchiveDamaged(f"{what} does not parse: {e}") from None
