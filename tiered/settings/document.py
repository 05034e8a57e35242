"""JSON documents that people write: read strictly, refused with the place.

Messages name the file and the key.  They never repeat a value, as any value
may be a password.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tiered.errors import ConfigError

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

_KINDS = {
    "array": "a list",
    "object": "an object",
    "string": "a string",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
}
_QUOTE = ': write it in "quotes"'


def read_document(path: Path, schema: str) -> object:
    """The document in `path`, which `schemas/<schema>.schema.json` allows.

    Raises:
        ConfigError: The file cannot be read, is not JSON, or breaks the schema.
    """
    document = _parse(path, _text(path))
    faults = [f"{path}: {fault}" for fault in _faults(document, schema)]
    if faults:
        more = [f"Also: {fault}." for fault in faults[1:5]]
        hint = " ".join([*more, f"The format is that of {schema}.schema.json."])
        raise ConfigError(faults[0], hint=hint)
    return document


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as e:
        raise ConfigError(
            f"{path}: cannot be read: {e.strerror}",
            hint="Check the path; a config URL needs the absolute path of a file.",
        ) from e
    except UnicodeDecodeError as e:
        at = e.start
    raise ConfigError(f"{path}: byte {at} is not UTF-8", hint="Save it as UTF-8.")


def _parse(path: Path, text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)
    except json.JSONDecodeError as e:
        place = f"{path}:{e.lineno}:{e.colno}: not JSON: {e.msg}"
    except _RepeatedKeyError as e:
        place = f"{path}: key {e.args[0]!r} appears twice in one object"
    except _NotANumberError as e:
        place = f"{path}: not JSON: {e.args[0]} is no number"
    # raised here, as the caught error holds the whole text, passwords included
    raise ConfigError(place, hint="Correct the file at that place.")


class _RepeatedKeyError(ValueError):
    """One of the two values would be lost in silence."""


class _NotANumberError(ValueError):
    """NaN or an infinity: each comparison with a limit would pass."""


def _refuse(word: str) -> None:
    raise _NotANumberError(word)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise _RepeatedKeyError(key)
        found[key] = value
    return found


def _faults(document: object, schema: str) -> Iterator[str]:
    # 60 ms, for which a command without a config need not wait
    from importlib import resources

    from jsonschema import Draft202012Validator

    file = resources.files("tiered") / "schemas" / f"{schema}.schema.json"
    validator = Draft202012Validator(json.loads(file.read_text(encoding="utf-8")))
    errors = validator.iter_errors(document)
    for error in sorted(errors, key=lambda e: [str(p) for p in e.absolute_path]):
        yield from _sentences(error)


def _sentences(error: "ValidationError") -> Iterable[str]:
    """One fault in our words: those of jsonschema would show the value."""
    at = _place(error.absolute_path)
    found: Any = error.instance  # any JSON value
    rule: Any = error.validator_value  # what the schema says there
    if error.validator == "additionalProperties":
        known = cast(Mapping[str, Any], error.schema)["properties"]
        return [_unknown_key(at, key, known) for key in found if key not in known]
    if error.validator == "required":
        return [f"{at}: {key!r} is missing" for key in rule if key not in found]
    if error.validator == "pattern":
        shown = cast(Mapping[str, Any], error.schema).get("examples")
        if shown:
            return [f"{at}: must look like {shown[0]!r}"]
    return [f"{at}: {_wanted(str(error.validator), rule, found)}"]


def _wanted(validator: str, rule: Any, found: Any) -> str:
    match validator:
        case "type":
            quote = rule == "string" and isinstance(found, (bool, int, float))
            return f"must be {_KINDS[rule]}{_QUOTE if quote else ''}"
        case "enum":
            return f"must be {' or '.join(repr(value) for value in rule)}"
        case "minItems" | "minLength":
            return "must not be empty"
        case "pattern":
            return f"must match {rule}"
        case "uniqueItems":
            return "must not name one twice"
        case "minimum":
            return f"must be {rule} or more"
        case "exclusiveMinimum":
            return f"must be more than {rule}"
        case "maximum":
            return f"must be {rule} or less"
        case "oneOf":
            return f"needs either {' or '.join(repr(r['required'][0]) for r in rule)}"
        case _:
            return f"breaks the rule {validator!r} of the schema"


def _unknown_key(at: str, key: str, known: Iterable[str]) -> str:
    return f"{at}.{key}: unknown key{guess(key, known)}"


def guess(word: str, known: Iterable[str]) -> str:
    """What may have been meant, for the end of a message; "" if nothing is near."""
    near = get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _place(path: Iterable[str | int]) -> str:
    """`[1].env[0].value`; "document" for the whole."""
    steps = [f"[{p}]" if isinstance(p, int) else f".{p}" for p in path]
    return "".join(steps).removeprefix(".") or "document"
