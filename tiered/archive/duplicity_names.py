"""Object names of style duplicity, without prefix, both ways.

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
from functools import cache

from tiered.archive.kinds import Kind
from tiered.archive.object_name import ObjectName, SetId
from tiered.archive.times import LAST_TIME_S, format_name_time, parse_name_time


def duplicity_volume(set_id: SetId, number: int, suffix: str) -> str:
    return f"{_stem(set_id)}.vol{number}.difftar{suffix}"


def duplicity_manifest(set_id: SetId, suffix: str) -> str:
    """Manifests are never compressed on their own, only encrypted."""
    wrap = suffix if suffix == ".gpg" else ""
    return f"{_stem(set_id)}.manifest{wrap}"


def duplicity_signatures(set_id: SetId, suffix: str) -> str:
    return f"{_stem(set_id, '-signatures')}.sigtar{suffix}"


def parse_duplicity(name: str, kind: Kind, start: int) -> ObjectName | None:
    """What `name` says from `start` on, if it is of that kind; else None."""
    for grammar in _grammars().get(kind, ()):
        if match := grammar.pattern.match(name, start):
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


@cache
def _grammars() -> Mapping[Kind, tuple[_Grammar, ...]]:
    """Made when the first name is looked at: it takes a few milliseconds."""
    return {
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
