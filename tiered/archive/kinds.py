"""What an object is for, told by its name alone.

The router places names by kind, and knows nothing of the prefixes a user has
chosen: so this looks for the grammar anywhere behind them.  Reading a name in
full, with its times and numbers, is the work of `tiered.archive.filename`.

Facts [docs/format/duplicity.md, "Names"]:
  * volumes end in `.difftar`, manifests in `.manifest`, signatures in `.sigtar`
  * readers ignore what follows after a further dot (`.gpg`, `.gz`)
"""

import re
from enum import Enum


class Kind(Enum):
    """What an object of an archive holds."""

    ARCHIVE = "archive"
    """A volume: file data.  The only kind that is at home in a cold store."""
    SIGNATURE = "signature"
    MANIFEST = "manifest"
    OTHER = "other"
    """Statistics, keys, and whatever else lies in a store."""


_GRAMMARS = {
    Kind.ARCHIVE: re.compile(r"duplicity-(full|inc)\.[^/]*\.vol[0-9]+\.difftar(\.|$)"),
    Kind.MANIFEST: re.compile(r"duplicity-(full|inc)\.[^/]*\.manifest(\.|$)"),
    Kind.SIGNATURE: re.compile(
        r"duplicity-(full|new)-signatures\.[^/]*\.sigtar(\.|$)",
    ),
}

SAMPLES = {
    Kind.ARCHIVE: "duplicity-full.20261121T000000Z.vol1.difftar",
    Kind.MANIFEST: "duplicity-full.20261121T000000Z.manifest",
    Kind.SIGNATURE: "duplicity-full-signatures.20261121T000000Z.sigtar",
}
"""A name of each kind that a backup cannot do without."""


def kind_of(name: str) -> Kind:
    """The kind that `name` is of, whatever prefix or folder stands before it."""
    for kind, grammar in _GRAMMARS.items():
        if grammar.search(name):
            return kind
    return Kind.OTHER
