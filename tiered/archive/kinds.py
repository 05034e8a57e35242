"""What an object is for, told by its name alone.

The router places names by kind, and knows nothing of the prefixes a user has
chosen: so this looks for the grammar anywhere behind them.  Reading a name in
full, with its times and numbers, is the work of `tiered.archive.filename`.

Facts [docs/format/native.md, "Objects and names"]:
  * a name ends with its grammar, or with `.age` behind that

Facts [docs/format/duplicity.md, "Names"]:
  * volumes end in `.difftar`, manifests in `.manifest`, signatures in `.sigtar`
  * readers ignore what follows after a further dot (`.gpg`, `.gz`)
"""

import re
from enum import Enum
from functools import cache


class Kind(Enum):
    """What an object of an archive holds."""

    ARCHIVE = "archive"
    """A volume: file data.  At home in a cold store."""
    SIGNATURE = "signature"
    INDEX = "index"
    MANIFEST = "manifest"
    KEY = "key"
    KEY_COPY = "key copy"
    """The same bytes as a key, where volumes go."""
    DEBTS = "debts"
    """Copies that a run of a router still owes, where manifests go."""
    OTHER = "other"
    """Statistics, and whatever else lies in a store."""

    @property
    def is_cold(self) -> bool:
        """Does it belong where volumes go?"""
        return self in (Kind.ARCHIVE, Kind.KEY_COPY)

    @property
    def home(self) -> "Kind":
        """The kind that it goes with, where a config has no word for it."""
        return _HOMES.get(self, self)


_HOMES = {Kind.KEY_COPY: Kind.ARCHIVE, Kind.DEBTS: Kind.MANIFEST}


_SET = r"tiered-(?:full|inc\.[0-9]{8}T[0-9]{6}Z\.to)\.[0-9]{8}T[0-9]{6}Z"
_KEY = r"[a-z0-9_-]{1,32}\.[1-9][0-9]*\.age\Z"

_GRAMMARS = (
    # these first: they are anchored at the end, so no prefix can look like them
    (Kind.ARCHIVE, rf"{_SET}\.vol[1-9][0-9]*\.difftar\.zst(?:\.age)?\Z"),
    (Kind.MANIFEST, rf"{_SET}\.manifest\.json(?:\.age)?\Z"),
    (Kind.SIGNATURE, rf"{_SET}\.sigtar\.zst(?:\.age)?\Z"),
    (Kind.INDEX, rf"{_SET}\.index(?:\.age)?\Z"),
    (Kind.KEY, rf"tiered-key\.{_KEY}"),
    (Kind.KEY_COPY, rf"tiered-keycopy\.{_KEY}"),
    (Kind.DEBTS, r"tiered-debts\.[0-9]{8}T[0-9]{6}Z\.[0-9a-f]{8}\.json\Z"),
    (Kind.ARCHIVE, r"duplicity-(full|inc)\.[^/]*\.vol[0-9]+\.difftar(\.|$)"),
    (Kind.MANIFEST, r"duplicity-(full|inc)\.[^/]*\.manifest(\.|$)"),
    (Kind.SIGNATURE, r"duplicity-(full|new)-signatures\.[^/]*\.sigtar(\.|$)"),
)


@cache
def _patterns() -> tuple[tuple[Kind, re.Pattern[str]], ...]:
    """Made when the first name is looked at: it takes a few milliseconds."""
    return tuple((kind, re.compile(grammar)) for kind, grammar in _GRAMMARS)


SAMPLES = {
    Kind.ARCHIVE: "duplicity-full.20261121T000000Z.vol1.difftar",
    Kind.MANIFEST: "duplicity-full.20261121T000000Z.manifest",
    Kind.SIGNATURE: "duplicity-full-signatures.20261121T000000Z.sigtar",
}
"""A name of each kind that a backup of style duplicity cannot do without."""

NATIVE_SAMPLES = {
    Kind.ARCHIVE: "tiered-full.20261121T000000Z.vol1.difftar.zst",
    Kind.MANIFEST: "tiered-full.20261121T000000Z.manifest.json",
    Kind.SIGNATURE: "tiered-full.20261121T000000Z.sigtar.zst",
    Kind.INDEX: "tiered-full.20261121T000000Z.index",
    Kind.KEY: "tiered-key.main.1.age",
    Kind.KEY_COPY: "tiered-keycopy.main.1.age",
}
"""The same for style tiered."""


def kind_of(name: str) -> Kind:
    """The kind that `name` is of, whatever prefix or folder stands before it."""
    for kind, pattern in _patterns():
        if pattern.search(name):
            return kind
    return Kind.OTHER
