"""What the writers of both styles are given, and what they answer."""

from dataclasses import dataclass

from tiered.engine.pack import Tally
from tiered.engine.scan import OwnerNames


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTree:
    """What is backed up."""

    root: bytes
    host: bytes
    name: bytes
    """The root as the manifest has it."""
    owners: OwnerNames


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenSet:
    """What was written."""

    tally: Tally
    volumes: int
    stored_bytes: int
    """All objects of the set."""


def localdir(source: bytes) -> bytes:
    """As duplicity writes it: without empty components and `.`."""
    parts = [p for p in source.split(b"/") if p not in (b"", b".")]
    root = b"/" if source.startswith(b"/") else b""
    return root + b"/".join(parts) or b"."
