"""Every object name of style duplicity, both ways.

Facts [docs/format/duplicity.md, "Names"; checked against duplicity 3.2.1]:
  * a name is prefix + `duplicity-full.T.volN.difftar`, `.manifest`, or
    `duplicity-full-signatures.T.sigtar`; incs say `duplicity-inc.T1.to.T2` and
    `duplicity-new-signatures.T1.to.T2`
  * what follows the grammar after a dot is ignored by readers; `.gpg`, `.g` and
    `.p7m` mean encrypted, `.gz` and `.z` compressed
  * `.part` (short: `.p`) behind the grammar marks what a cache has of a set that
    is being written; in a store it means nothing, and is no object of a set
  * old short names are read: `df.T.N.dt`, `di.T1.T2.m`, `dfs.T.st` ..., with
    times and numbers in base 36
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tiered.archive.kinds import Kind
from tiered.archive.times import LAST_TIME_S, format_name_time, parse_name_time


@dataclass(frozen=True, slots=True)
class SetId:
    """Which set: a full has no `start_s`, an inc starts where its parent ends.

    Sets sort by their end; a full stands before an inc that ends with it.
    """

    end_s: int
    start_s: int | None = None

    def __lt__(self, other: "SetId") -> bool:
        mine, theirs = (
            (s.end_s, s.start_s is not None, s.start_s or 0) for s in (self, other)
        )
        return mine < theirs

    @property
    def is_full(self) -> bool:
        return self.start_s is None

    def __str__(self) -> str:
        if self.start_s is None:
            return f"full {format_name_time(self.end_s)}"
        return f"inc {format_name_time(self.start_s)} to {format_name_time(self.end_s)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectName:
    """What a name says."""

    name: str
    set_id: SetId
    kind: Kind
    volume: int | None = None
    """Number of a volume, from 1; None for other kinds."""
    suffix: str = ""
    """"", ".gz", ".gpg" ...: how the bytes are wrapped."""

    @property
    def encrypted(self) -> bool:
        return self.suffix in (".gpg", ".g", ".p7m")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefixes:
    """What stands before each kind of name; the router may place by it."""

    everything: str = ""
    archive: str = ""
    manifest: str = ""
    signature: str = ""

    def of(self, kind: Kind) -> str:
        special = {
            Kind.ARCHIVE: self.archive,
            Kind.MANIFEST: self.manifest,
            Kind.SIGNATURE: self.signature,
        }
        return self.everything + special.get(kind, "")


class Namer:
    """Makes and reads the names of one archive."""

    def __init__(self, prefixes: Prefixes) -> None:
        self._prefixes = prefixes

    def volume(self, set_id: SetId, number: int, suffix: str) -> str:
        stem = self._prefixes.of(Kind.ARCHIVE) + _stem(set_id)
        return f"{stem}.vol{number}.difftar{suffix}"

    def manifest(self, set_id: SetId, suffix: str) -> str:
        """Manifests are never compressed on their own, only encrypted."""
        wrap = suffix if suffix == ".gpg" else ""
        return f"{self._prefixes.of(Kind.MANIFEST)}{_stem(set_id)}.manifest{wrap}"

    def signatures(self, set_id: SetId, suffix: str) -> str:
        stem = self._prefixes.of(Kind.SIGNATURE) + _stem(set_id, "-signatures")
        return f"{stem}.sigtar{suffix}"

    def parse(self, name: str) -> ObjectName | None:
        """What the name says; None if it is not one of this archive."""
        for kind, grammars in _GRAMMARS.items():
            prefix = self._prefixes.of(kind)
            if not name.startswith(prefix):
                continue
            for grammar in grammars:
                if match := grammar.pattern.match(name, len(prefix)):
                    return _object_name(name, kind, grammar, match)
        return None


def _stem(set_id: SetId, signatures: str = "") -> str:
    end = format_name_time(set_id.end_s)
    if set_id.start_s is None:
        return f"duplicity-full{signatures}.{end}"
    middle = "new-signatures" if signatures else "inc"
    return f"duplicity-{middle}.{format_name_time(set_id.start_s)}.to.{end}"


Decode = Callable[[str], int | None]


def _base36_time(text: str) -> int | None:
    return int(text, 36)


@dataclass(frozen=True, slots=True)
class _Grammar:
    """One way to write one kind of name."""

    pattern: re.Pattern[str]
    decode: Decode
    base: int


def _end(partial: str) -> str:
    """The end of the name or a dot, but not the mark of a partial object."""
    return rf"(?:$|\.(?!{partial}(?:$|\.)))"


def _long(signatures: str, rest: str) -> _Grammar:
    full, new = ("full-signatures", "new-signatures") if signatures else ("full", "inc")
    span = rf"(?:{full}\.(?P<full>[^.]+)|{new}\.(?P<start>[^.]+)\.to\.(?P<end>[^.]+))"
    return _Grammar(
        re.compile(rf"duplicity-{span}\.{rest}{_end('part')}"), parse_name_time, 10
    )


def _short(full: str, inc: str, rest: str) -> _Grammar:
    n = "[0-9a-z]+"
    span = rf"(?:{full}\.(?P<full>{n})|{inc}\.(?P<start>{n})\.(?P<end>{n}))"
    return _Grammar(re.compile(rf"{span}\.{rest}{_end('p')}"), _base36_time, 36)


_GRAMMARS = {
    Kind.ARCHIVE: (
        _long("", r"vol(?P<volume>[0-9]+)\.difftar"),
        _short("df", "di", r"(?P<volume>[0-9a-z]+)\.dt"),
    ),
    Kind.MANIFEST: (_long("", "manifest"), _short("df", "di", "m")),
    Kind.SIGNATURE: (_long("signatures", "sigtar"), _short("dfs", "dns", "st")),
}
_SUFFIXES = (".gpg", ".p7m", ".gz", ".g", ".z")


def _object_name(
    name: str, kind: Kind, grammar: _Grammar, match: re.Match[str]
) -> ObjectName | None:
    found = match.groupdict()
    set_id = _set_id(found, grammar.decode)
    if set_id is None:
        return None
    volume = int(found["volume"], grammar.base) if "volume" in found else None
    if volume == 0:
        return None
    suffix = next((s for s in _SUFFIXES if name.endswith(s)), "")
    return ObjectName(name=name, set_id=set_id, kind=kind, volume=volume, suffix=suffix)


def _set_id(found: Mapping[str, str | None], decode: Decode) -> SetId | None:
    times = {
        key: decode(text)
        for key in ("full", "start", "end")
        if (text := found[key]) is not None
    }
    if any(t is None or not 0 <= t <= LAST_TIME_S for t in times.values()):
        return None
    if "full" in times:
        return SetId(times["full"] or 0)
    return SetId(times["end"] or 0, times["start"] or 0)
