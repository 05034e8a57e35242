"""Every object name of an archive, both ways: prefixes before the names of a style.

Facts [docs/format/native.md, "Objects and names"]:
  * index and key objects take the manifest's prefix unless they have their own;
    copies of keys take that of volumes
"""

from dataclasses import dataclass

from tiered.archive.duplicity_names import (
    duplicity_manifest,
    duplicity_signatures,
    duplicity_volume,
    parse_duplicity,
)
from tiered.archive.kinds import Kind
from tiered.archive.native_names import (
    native_index,
    native_key,
    native_manifest,
    native_signatures,
    native_volume,
    parse_native,
    parse_native_key,
)
from tiered.archive.object_name import KeyName, ObjectName, SetId
from tiered.archive.style import Style

__all__ = ["KeyName", "Namer", "ObjectName", "Prefixes", "SetId"]

_OF_SETS = (Kind.ARCHIVE, Kind.MANIFEST, Kind.SIGNATURE, Kind.INDEX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefixes:
    """What stands before each kind of name; the router may place by it."""

    everything: str = ""
    archive: str = ""
    manifest: str = ""
    signature: str = ""
    index: str | None = None
    """None: that of the manifest."""
    key: str | None = None
    """None: that of the manifest."""

    def of(self, kind: Kind) -> str:
        special = {
            Kind.ARCHIVE: self.archive,
            Kind.KEY_COPY: self.archive,
            Kind.MANIFEST: self.manifest,
            Kind.SIGNATURE: self.signature,
            Kind.INDEX: self.manifest if self.index is None else self.index,
            Kind.KEY: self.manifest if self.key is None else self.key,
        }
        return self.everything + special.get(kind, "")


class Namer:
    """Makes and reads the names of one archive.

    A suffix is "", ".gz" or ".gpg" for sets of style duplicity, "" or ".age" for
    sets of style tiered; with another one the latter raise ValueError.
    """

    def __init__(self, prefixes: Prefixes) -> None:
        kinds = (*_OF_SETS, Kind.KEY, Kind.KEY_COPY)
        self._prefix = {kind: prefixes.of(kind) for kind in kinds}

    def volume(self, set_id: SetId, number: int, suffix: str) -> str:
        native = set_id.style is Style.TIERED
        make = native_volume if native else duplicity_volume
        return self._prefix[Kind.ARCHIVE] + make(set_id, number, suffix)

    def manifest(self, set_id: SetId, suffix: str) -> str:
        native = set_id.style is Style.TIERED
        make = native_manifest if native else duplicity_manifest
        return self._prefix[Kind.MANIFEST] + make(set_id, suffix)

    def signatures(self, set_id: SetId, suffix: str) -> str:
        native = set_id.style is Style.TIERED
        make = native_signatures if native else duplicity_signatures
        return self._prefix[Kind.SIGNATURE] + make(set_id, suffix)

    def index(self, set_id: SetId, suffix: str) -> str:
        """Only of a set of style tiered; others have none, and raise ValueError."""
        if set_id.style is not Style.TIERED:
            raise ValueError(f"the {set_id} has no index: it is of style duplicity")
        return self._prefix[Kind.INDEX] + native_index(set_id, suffix)

    def key(self, way: str, generation: int) -> str:
        """Name of the key object of a way in.

        Raises:
            ValueError: See `native_key`.
        """
        return self._prefix[Kind.KEY] + native_key(way, generation, is_copy=False)

    def key_copy(self, way: str, generation: int) -> str:
        """Name of its copy, where volumes go."""
        return self._prefix[Kind.KEY_COPY] + native_key(way, generation, is_copy=True)

    def parse(self, name: str) -> ObjectName | None:
        """What the name says; None if it is not one of a set of this archive."""
        for kind in _OF_SETS:
            prefix = self._prefix[kind]
            if not name.startswith(prefix):
                continue
            for parse in (parse_native, parse_duplicity):
                if found := parse(name, kind, len(prefix)):
                    return found
        return None

    def parse_key(self, name: str) -> KeyName | None:
        """What the name of a key object or its copy says; None if it is neither."""
        for kind in (Kind.KEY, Kind.KEY_COPY):
            prefix = self._prefix[kind]
            if not name.startswith(prefix):
                continue
            is_copy = kind is Kind.KEY_COPY
            if found := parse_native_key(name, len(prefix), is_copy=is_copy):
                return found
        return None
