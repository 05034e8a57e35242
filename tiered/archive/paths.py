"""Paths inside an archive: tuples of byte components, the root is ().

Tuples compare in the order that members must have: `a`, `a/b`, `a.txt`.
Plain strings do not, and duplicity silently drops members that are out of
order  [docs/format/duplicity.md, "Order"].
"""

from tiered.errors import ArchiveDamaged

PathKey = tuple[bytes, ...]


def split_path(text: bytes) -> PathKey:
    """Components of a path in an archive.

    Raises:
        ArchiveDamaged: A component is `..`, so it points out of the archive.
    """
    parts = tuple(p for p in text.split(b"/") if p not in (b"", b"."))
    if b".." in parts:
        raise ArchiveDamaged(f"the archive holds the path {show_path(parts)}")
    return parts


def join_path(path: PathKey) -> bytes:
    """With slashes between; the root is empty."""
    return b"/".join(path)


def show_path(path: PathKey) -> str:
    """For people: undecodable bytes as `\\xHH`, the root as `.`."""
    return join_path(path).decode("utf-8", "backslashreplace") or "."
