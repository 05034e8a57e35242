"""Manifests survive a round trip; schema and parser allow the same."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tiered.archive.object_name import SetId
from tiered.archive.set_manifest import (
    SetManifest,
    StoredObject,
    Totals,
    VolumeObject,
    parse_set_manifest,
)
from tiered.archive.style import Style
from tiered.errors import ArchiveDamaged, ConfigError, TieredError

SCHEMA = Path(__file__).parents[2] / "schemas/set-manifest.schema.json"
VALIDATOR = Draft202012Validator(json.loads(SCHEMA.read_text()))
SET = SetId(1_700_000_100, 1_700_000_000, Style.TIERED)

counts = st.integers(0, 2**62 - 1)
hashes = st.binary(min_size=32, max_size=32)
texts = st.one_of(st.binary(), st.text().map(str.encode))
objects = st.builds(StoredObject, counts, hashes)
totals = st.builds(Totals, **dict.fromkeys(Totals.__slots__, counts))


@st.composite
def volumes(draw: st.DrawFn) -> tuple[VolumeObject, ...]:
    count = draw(st.integers(1, 5))
    return tuple(
        VolumeObject(n, draw(counts), draw(hashes), draw(counts))
        for n in range(1, count + 1)
    )


manifests = st.builds(
    SetManifest,
    set_id=st.just(SET),
    host=texts,
    source=texts,
    volumes=volumes(),
    signatures=objects,
    index=objects,
    totals=totals,
)


@given(manifests)
def test_a_manifest_survives_a_round_trip(manifest: SetManifest) -> None:
    data = manifest.dump()
    assert data.isascii()
    assert parse_set_manifest(data, SET) == manifest
    VALIDATOR.validate(json.loads(data))


# Values that are wrong at most places, and right at a few.
odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 2),
    st.sampled_from([2**62 - 1, 2**62, 2**70]),
    st.just(0.5),
    st.sampled_from(["", "0" * 64, "0" * 63 + "A", "0" * 65, "0" * 64 + "\n"]),
    st.sampled_from(["tiered", "é", "a\n\udc7f", "\udc80\U0001f600\udcff", "\udd00"]),
    st.sampled_from([[], {}, [{}], {"size": 1}, {"size": 0, "blake3": "f" * 64}]),
)


@given(manifests, st.data())
def test_schema_and_parser_allow_the_same(
    manifest: SetManifest, data: st.DataObject
) -> None:
    document = json.loads(manifest.dump())
    _change(document, data)
    assert _is_read(document) == _is_allowed(document)


Json = dict[str, Any]  # any JSON object


def _is_read(document: Json) -> bool:
    try:
        parse_set_manifest(json.dumps(document).encode(), SET)
    except TieredError:
        return False
    return True


def _is_allowed(document: Json) -> bool:
    """By the schema, and by what it does not say: which set, and in which order."""
    numbers = [v.get("number") for v in _dicts(document.get("volumes"))]
    is_ours = document.get("set") == "inc.20231114T221320Z.to.20231114T221500Z"
    fits = is_ours and numbers == list(range(1, len(numbers) + 1))
    return fits and VALIDATOR.is_valid(document)


def _change(document: Json, data: st.DataObject) -> None:
    """Remove a value somewhere, add one, or put another in its place."""
    place = document
    while True:
        key = data.draw(st.sampled_from(sorted(place)))
        inner = place[key][0] if place[key] and key == "volumes" else place[key]
        if not isinstance(inner, dict) or data.draw(st.booleans()):
            break
        place = inner
    how = data.draw(st.sampled_from(["remove", "add", "replace"]))
    if how == "remove":
        del place[key]
    else:
        place["unknown" if how == "add" else key] = deepcopy(data.draw(odd))


def _dicts(found: object) -> list[Json]:
    return [v for v in found if isinstance(v, dict)] if isinstance(found, list) else []


def manifest() -> SetManifest:
    stored = StoredObject(5, bytes(32))
    return SetManifest(
        set_id=SET,
        host=b"h\xff",
        source=b"/srv",
        volumes=(VolumeObject(1, 7, bytes(range(32)), 512),),
        signatures=stored,
        index=stored,
        totals=Totals(
            paths=1, file_bytes=2, new=3, changed=4, deleted=5, stored_bytes=6
        ),
    )


def test_the_fields_are_those_of_the_format() -> None:
    stored = {"size": 5, "blake3": "00" * 32}
    assert json.loads(manifest().dump()) == {
        "format": "tiered",
        "version": 1,
        "set": "inc.20231114T221320Z.to.20231114T221500Z",
        "host": "h\udcff",
        "source": "/srv",
        "volumes": [
            {
                "number": 1,
                "size": 7,
                "blake3": bytes(range(32)).hex(),
                "content_bytes": 512,
            }
        ],
        "signatures": stored,
        "index": stored,
        "totals": {
            "paths": 1,
            "file_bytes": 2,
            "new": 3,
            "changed": 4,
            "deleted": 5,
            "stored_bytes": 6,
        },
    }


@pytest.mark.parametrize("number", [-1, 0, 1, 2**62 - 1, 2**62, 2**64])
def test_schema_and_parser_have_the_same_bounds(number: int) -> None:
    document = json.loads(manifest().dump())
    volume, totals = document["volumes"][0], document["totals"]
    objects = volume, document["signatures"], document["index"], totals
    places = [(o, key) for o in objects for key, old in o.items() if type(old) is int]
    assert len(places) == 3 + 1 + 1 + 6
    for place, key in places:
        old, place[key] = place[key], number
        assert _is_read(document) == _is_allowed(document)
        is_in_range = 0 <= number < 2**62 and (key != "number" or number == 1)
        assert _is_read(document) == is_in_range
        place[key] = old


def test_a_number_is_digits_alone() -> None:
    """A schema cannot tell 1.0 from 1."""
    document = json.loads(manifest().dump())
    document["index"]["size"] = 1.0
    assert not _is_read(document)


def test_unknown_fields_are_ignored_and_unknown_versions_refused() -> None:
    document = json.loads(manifest().dump())
    document["volumes"][0]["more"] = document["totals"]["more"] = 1
    assert parse_set_manifest(json.dumps(document).encode(), SET) == manifest()
    newer = {"format": "tiered", "version": 7}
    with pytest.raises(ConfigError, match="is of format version 7") as caught:
        parse_set_manifest(json.dumps(newer).encode(), SET)
    assert caught.value.hint


@pytest.mark.parametrize("data", [b"", b"null", b"\xff{}", b'{"format": "tiered"'])
def test_what_is_no_manifest_is_damage(data: bytes) -> None:
    with pytest.raises(ArchiveDamaged, match="the manifest of inc 20231114T221320Z"):
        parse_set_manifest(data, SET)


def test_a_manifest_is_of_the_set_that_its_name_says() -> None:
    with pytest.raises(ArchiveDamaged, match="that of another set"):
        parse_set_manifest(manifest().dump(), SetId(5, None, Style.TIERED))


def test_a_text_that_stands_for_no_bytes_is_damage() -> None:
    document = json.loads(manifest().dump()) | {"host": "\ud800"}
    with pytest.raises(ArchiveDamaged, match="stands for no bytes"):
        parse_set_manifest(json.dumps(document).encode(), SET)
