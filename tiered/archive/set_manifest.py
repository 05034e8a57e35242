"""The manifest of a set of style tiered: its objects, with size and BLAKE3.

Its appearance commits the set.  It names no object: names follow from the set
and the prefixes  [docs/format/native.md, "Manifest"].
"""

from dataclasses import asdict, dataclass
from typing import Annotated

import msgspec

from tiered.archive.json_text import (
    FORMAT,
    VERSION,
    dump_json,
    from_text,
    parse_versioned,
    to_text,
)
from tiered.archive.native_names import set_text
from tiered.archive.object_name import SetId
from tiered.errors import ArchiveDamaged

MAX_MANIFEST_BYTES = 256 << 20
"""Longest document that is believed: a million volumes."""

_MOST = (1 << 62) - 1
_Count = Annotated[int, msgspec.Meta(ge=0, le=_MOST)]
_Hash = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as it is stored."""

    size: int
    blake3: bytes
    """Of the stored bytes, 32 bytes."""


@dataclass(frozen=True, slots=True)
class VolumeObject:
    """A volume as it is stored."""

    number: int
    """From 1."""
    size: int
    blake3: bytes
    """Of the stored bytes, 32 bytes."""
    content_bytes: int
    """Of the tar, before compression."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What people want to know about a set."""

    paths: _Count
    """Of the state, as `file_bytes`."""
    file_bytes: _Count
    new: _Count
    """Paths, as `changed` and `deleted`."""
    changed: _Count
    deleted: _Count
    stored_bytes: _Count
    """Of all objects of this set but the manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetManifest:
    """One set."""

    set_id: SetId
    host: bytes
    source: bytes
    volumes: tuple[VolumeObject, ...]
    """By number, from 1, without gaps."""
    signatures: StoredObject
    index: StoredObject
    totals: Totals

    def dump(self) -> bytes:
        """The content of the object."""
        return dump_json(
            {
                "format": FORMAT,
                "version": VERSION,
                "set": set_text(self.set_id),
                "host": to_text(self.host),
                "source": to_text(self.source),
                "volumes": [_dump_volume(v) for v in self.volumes],
                "signatures": _dump_object(self.signatures),
                "index": _dump_object(self.index),
                "totals": asdict(self.totals),
            },
            indent=1,
        )


def parse_set_manifest(data: bytes, set_id: SetId) -> SetManifest:
    """Read the manifest of a set.

    Raises:
        ArchiveDamaged: It does not parse, or is of another set.
        ConfigError: It is of a version that this program does not read.
    """
    what = f"the manifest of {set_id}"
    found = parse_versioned(data, _Document, what)
    if found.set != set_text(set_id):
        raise ArchiveDamaged(f"{what} is that of another set")
    if [v.number for v in found.volumes] != list(range(1, len(found.volumes) + 1)):
        raise ArchiveDamaged(f"{what} does not number its volumes from 1")
    return SetManifest(
        set_id=set_id,
        host=from_text(found.host),
        source=from_text(found.source),
        volumes=tuple(
            VolumeObject(v.number, v.size, bytes.fromhex(v.blake3), v.content_bytes)
            for v in found.volumes
        ),
        signatures=_object(found.signatures),
        index=_object(found.index),
        totals=found.totals,
    )


class _Object(msgspec.Struct):
    size: _Count
    blake3: _Hash


class _Volume(_Object):
    number: Annotated[int, msgspec.Meta(ge=1, le=_MOST)]
    content_bytes: _Count


class _Document(msgspec.Struct):
    set: str
    host: str
    source: str
    volumes: Annotated[list[_Volume], msgspec.Meta(min_length=1)]
    signatures: _Object
    index: _Object
    totals: Totals


def _object(found: _Object) -> StoredObject:
    return StoredObject(found.size, bytes.fromhex(found.blake3))


def _dump_object(stored: StoredObject) -> dict[str, object]:
    return {"size": stored.size, "blake3": stored.blake3.hex()}


def _dump_volume(volume: VolumeObject) -> dict[str, object]:
    return asdict(volume) | {"blake3": volume.blake3.hex()}
