"""Object names of style tiered, without prefix, both ways.

Facts [docs/format/native.md, "Objects and names"]:
  * S is `full.T` or `inc.T1.to.T2`, T as `20261121T011337Z`; objects of a set are
    `tiered-S.volN.difftar.zst`, `.sigtar.zst`, `.index` and `.manifest.json`
  * encrypted ones end in `.age` behind that
  * keys are `tiered-key.NAME.G.age`, their copies `tiered-keycopy.NAME.G.age`
  * other names are ignored: each object has exactly one name
"""

import re
from functools import lru_cache

from tiered.archive.kinds import Kind
from tiered.archive.object_name import KeyName, ObjectName, SetId
from tiered.archive.style import Style
from tiered.archive.times import format_name_time, parse_name_time

AGE = ".age"
_WAY = re.compile(r"[a-z0-9_-]{1,32}")
_ENDINGS = {
    Kind.ARCHIVE: r"vol(?P<volume>[1-9][0-9]*)\.difftar\.zst",
    Kind.MANIFEST: r"manifest\.json",
    Kind.SIGNATURE: r"sigtar\.zst",
    Kind.INDEX: "index",
}
_TIME = "[0-9]{8}T[0-9]{6}Z"
_SET = rf"(?:full|inc\.({_TIME})\.to)\.({_TIME})"
_SET_TEXT = re.compile(_SET)
_GRAMMARS = {
    kind: re.compile(rf"tiered-(?P<set>{_SET})\.{ending}(?P<suffix>\.age)?")
    for kind, ending in _ENDINGS.items()
}
_KEYS = {
    is_copy: re.compile(
        rf"{word}\.(?P<way>{_WAY.pattern})\.(?P<generation>[1-9][0-9]*)\.age"
    )
    for is_copy, word in ((False, "tiered-key"), (True, "tiered-keycopy"))
}


def native_volume(set_id: SetId, number: int, suffix: str) -> str:
    return _of_set(set_id, f"vol{number}.difftar.zst", suffix)


def native_manifest(set_id: SetId, suffix: str) -> str:
    return _of_set(set_id, "manifest.json", suffix)


def native_signatures(set_id: SetId, suffix: str) -> str:
    return _of_set(set_id, "sigtar.zst", suffix)


def native_index(set_id: SetId, suffix: str) -> str:
    return _of_set(set_id, "index", suffix)


def native_key(way: str, generation: int, *, is_copy: bool) -> str:
    """Name of a key object.

    Raises:
        ValueError: `way` cannot stand in a name (`is_way`), or there is no such
            generation.
    """
    if not is_way(way) or generation < 1:
        raise ValueError(f"no key can be called {way!r}, {generation}")
    word = "tiered-keycopy" if is_copy else "tiered-key"
    return f"{word}.{way}.{generation}{AGE}"


def is_way(text: str) -> bool:
    """Can a way in be called so?  `a-z`, `0-9`, `-` and `_`, up to 32."""
    return _WAY.fullmatch(text) is not None


def set_text(set_id: SetId) -> str:
    """The set as it stands in names and documents: `full.T` or `inc.T1.to.T2`."""
    end = format_name_time(set_id.end_s)
    if set_id.start_s is None:
        return f"full.{end}"
    return f"inc.{format_name_time(set_id.start_s)}.to.{end}"


@lru_cache(maxsize=1024)  # all volumes of a set ask for the same one
def parse_set_text(text: str) -> SetId | None:
    """The set that `set_text` wrote; None if it is none."""
    match = _SET_TEXT.fullmatch(text)
    if match is None:
        return None
    start, end = match.groups()
    end_s, start_s = _time_s(end), _time_s(start) if start else None
    if end_s is None or (start and start_s is None):
        return None
    return SetId(end_s, start_s, Style.TIERED)


def parse_native(name: str, kind: Kind, start: int) -> ObjectName | None:
    """What `name` says from `start` on, if it is of that kind; else None."""
    grammar = _GRAMMARS.get(kind)
    match = grammar.fullmatch(name, start) if grammar else None
    set_id = parse_set_text(match["set"]) if match else None
    if match is None or set_id is None:
        return None
    return ObjectName(
        name=name,
        set_id=set_id,
        kind=kind,
        volume=int(match["volume"]) if kind is Kind.ARCHIVE else None,
        suffix=match["suffix"] or "",
    )


def parse_native_key(name: str, start: int, *, is_copy: bool) -> KeyName | None:
    """What the name of a key says from `start` on; None if it is none."""
    match = _KEYS[is_copy].fullmatch(name, start)
    if match is None:
        return None
    return KeyName(name, match["way"], int(match["generation"]), is_copy)


def _of_set(set_id: SetId, rest: str, suffix: str) -> str:
    if suffix not in ("", AGE):
        raise ValueError(f"style tiered has no suffix {suffix!r}")
    return f"tiered-{set_text(set_id)}.{rest}{suffix}"


def _time_s(text: str) -> int | None:
    """A time that a name can hold, and that is written in no other way."""
    time_s = parse_name_time(text)
    if time_s is None or time_s < 0:
        return None
    return time_s if format_name_time(time_s) == text else None
