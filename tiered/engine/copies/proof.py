"""Hot objects that no manifest knows, manifests among them: does a copy decode?

An encrypted object that decodes is right, as nobody else could have made it.  Of one
in the clear two may decode: then they contradict each other, and nobody decides.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from functools import cached_property
from typing import BinaryIO

from tiered.archive.collection import BackupSet, Collection, collect
from tiered.archive.filename import ObjectName
from tiered.archive.kinds import Kind
from tiered.archive.style import Style
from tiered.engine.context import Context
from tiered.errors import ArchiveDamaged, TieredError
from tiered.store import Entry

PROVEN = (Kind.MANIFEST, Kind.SIGNATURE)
"""Kinds that may tell of themselves."""


class Verdict(Enum):
    """What a look at the bytes alone tells."""

    RIGHT = "right"
    WRONG = "wrong"
    UNKNOWN = "unknown"
    """It cannot be told: a volume, a key, or the passphrase is not known."""


Prove = Callable[[str, BinaryIO], Verdict]
"""Name, and a file with the bytes of one copy."""


def unknown(_name: str, _file: BinaryIO) -> Verdict:
    """A `Prove` that knows nothing."""
    return Verdict.UNKNOWN


class Decoding:
    """A `Prove` that decodes manifests, and signatures of style duplicity.

    Args:
        listings: What each member lists, by label.
    """

    def __init__(
        self, context: Context, listings: Mapping[str, Sequence[Entry]]
    ) -> None:
        self._context, self._listings = context, listings

    def __call__(self, name: str, file: BinaryIO) -> Verdict:
        parsed = self._context.namer.parse(name)
        if parsed is None:
            return Verdict.UNKNOWN
        is_native = parsed.set_id.style is Style.TIERED
        is_manifest = parsed.kind is Kind.MANIFEST
        if not is_manifest and (is_native or parsed.kind is not Kind.SIGNATURE):
            return Verdict.UNKNOWN
        if is_native and not self._unlock(parsed):
            return Verdict.UNKNOWN
        file.seek(0)
        try:
            if is_native:
                self._read_native(parsed, file)
            else:
                self._read_duplicity(parsed, file)
        except ArchiveDamaged:
            return Verdict.WRONG
        except TieredError:
            return Verdict.UNKNOWN
        return Verdict.RIGHT

    def _unlock(self, name: ObjectName) -> bool:
        """Before the object is opened, so that a damaged key is not held against it."""
        try:
            self._context.envelope_for(name.suffix).unlock()
        except TieredError:
            return False
        return True

    def _read_native(self, name: ObjectName, file: BinaryIO) -> None:
        from tiered.archive.set_manifest import MAX_MANIFEST_BYTES, parse_set_manifest

        envelope = self._context.envelope_for(name.suffix)
        reader = envelope.open_stream(file, name.name)
        parts: list[bytes] = []
        while part := reader.read(MAX_MANIFEST_BYTES):
            parts.append(part)
        parse_set_manifest(b"".join(parts), name.set_id)

    def _read_duplicity(self, name: ObjectName, file: BinaryIO) -> None:
        from tiered.archive.sigtar import read_states
        from tiered.engine.sets import parse_checked

        decoder = self._context.codec_for(name.suffix).decode(file, name.name)
        try:
            if name.kind is Kind.MANIFEST:
                parse_checked(self._set_of(name), decoder)
            else:
                _exhaust(read_states(decoder))
            decoder.close()
        finally:
            decoder.abort()

    def _set_of(self, name: ObjectName) -> BackupSet:
        found = (s for s in self._collection.sets if s.id == name.set_id)
        return next(found, BackupSet(id=name.set_id))

    @cached_property
    def _collection(self) -> Collection:
        every = {e.name: e for found in self._listings.values() for e in found}
        return collect(every.values(), self._context.namer)


def _exhaust(rows: Iterable[object]) -> None:
    for _ in rows:
        pass
