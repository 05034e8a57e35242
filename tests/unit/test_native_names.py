"""Names of style tiered, both ways."""

import pytest

from tiered.archive.filename import KeyName, Namer, Prefixes, SetId
from tiered.archive.kinds import NATIVE_SAMPLES, Kind, kind_of
from tiered.archive.native_names import is_way, parse_set_text, set_text
from tiered.archive.style import Style

T1, T2 = 1_795_223_617, 1_795_310_017
FULL, INC = SetId(T1, None, Style.TIERED), SetId(T2, T1, Style.TIERED)
N1, N2 = "20261121T011337Z", "20261122T011337Z"

PLAIN = Namer(Prefixes())
OVH = Namer(Prefixes(archive="cold_", manifest="hot_", signature="sig_"))
OWN = Namer(Prefixes(everything="x/", manifest="hot_", index="i_", key=""))

WRITTEN = [
    (PLAIN.volume(FULL, 1, ""), f"tiered-full.{N1}.vol1.difftar.zst"),
    (PLAIN.volume(INC, 12, ".age"), f"tiered-inc.{N1}.to.{N2}.vol12.difftar.zst.age"),
    (PLAIN.signatures(FULL, ".age"), f"tiered-full.{N1}.sigtar.zst.age"),
    (PLAIN.index(INC, ""), f"tiered-inc.{N1}.to.{N2}.index"),
    (PLAIN.manifest(INC, ".age"), f"tiered-inc.{N1}.to.{N2}.manifest.json.age"),
    (PLAIN.key("main", 1), "tiered-key.main.1.age"),
    (PLAIN.key_copy("usb-stick_2", 10), "tiered-keycopy.usb-stick_2.10.age"),
    (OVH.volume(FULL, 1, ""), f"cold_tiered-full.{N1}.vol1.difftar.zst"),
    (OVH.signatures(FULL, ""), f"sig_tiered-full.{N1}.sigtar.zst"),
    (OVH.index(FULL, ""), f"hot_tiered-full.{N1}.index"),
    (OVH.key("main", 1), "hot_tiered-key.main.1.age"),
    (OVH.key_copy("main", 1), "cold_tiered-keycopy.main.1.age"),
    (OWN.index(FULL, ""), f"x/i_tiered-full.{N1}.index"),
    (OWN.key("main", 1), "x/tiered-key.main.1.age"),
]


@pytest.mark.parametrize(("written", "expected"), WRITTEN)
def test_what_is_written(written: str, expected: str) -> None:
    assert written == expected


STRANGE = [
    f"tiered-full.{N1}.vol1.difftar.zst.age.part",
    f"tiered-full.{N1}.vol1.difftar.zst.gpg",
    f"tiered-full.{N1}.vol1.difftar.zst\n",
    f"tiered-full.{N1}.vol1.difftar.zst.age\n",
    f"tiered-full.{N1}.vol1.difftar",
    f"tiered-full.{N1}.vol0.difftar.zst",
    f"tiered-full.{N1}.vol01.difftar.zst",
    f"tiered-full.{N1}.vol\u0663.difftar.zst",
    f"tiered-full.{N1}.to.{N2}.index",
    f"tiered-inc.{N1}.index",
    f"tiered-inc.{N1}.to.{N2}.manifest",
    f"tiered-full-signatures.{N1}.sigtar.zst",
    f"tiered-new-signatures.{N1}.to.{N2}.sigtar.zst",
    f"duplicity-full.{N1}.index",
    f"xtiered-full.{N1}.index",
    f"dir/tiered-full.{N1}.index",
    # times that no calendar has, or that are written in another way
    "tiered-full.20261321T011337Z.index",
    "tiered-full.20261121T011360Z.index",
    "tiered-full.19691231T235959Z.index",
    "tiered-full.2026-11-21T01:13:37Z.index",
    "tiered-full.index",
    # keys are of no set
    "tiered-key.main.1.age",
    "tiered-keycopy.main.1.age",
]


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_no_object_of_a_set(name: str) -> None:
    assert PLAIN.parse(name) is None


STRANGE_KEYS = [
    "tiered-key.main.1",
    "tiered-key.main.1.age.part",
    "tiered-key.main.0.age",
    "tiered-key.main.01.age",
    "tiered-key.main.\u0661.age",
    "tiered-key.main.age",
    "tiered-key.Main.1.age",
    "tiered-key.a.b.1.age",
    "tiered-key..1.age",
    f"tiered-key.{'a' * 33}.1.age",
    "tiered-key.main.1.age\n",
    "tiered-copykey.main.1.age",
    f"tiered-full.{N1}.index.age",
]


@pytest.mark.parametrize("name", STRANGE_KEYS)
def test_what_is_no_key(name: str) -> None:
    assert PLAIN.parse_key(name) is None
    assert kind_of(name) not in (Kind.KEY, Kind.KEY_COPY)


def test_each_kind_of_key_has_its_own_prefix() -> None:
    assert OVH.parse_key("hot_tiered-key.main.1.age") == KeyName(
        "hot_tiered-key.main.1.age", "main", 1, is_copy=False
    )
    assert OVH.parse_key("cold_tiered-keycopy.main.1.age") == KeyName(
        "cold_tiered-keycopy.main.1.age", "main", 1, is_copy=True
    )
    assert OVH.parse_key("cold_tiered-key.main.1.age") is None
    assert OVH.parse_key("hot_tiered-keycopy.main.1.age") is None
    assert OVH.parse_key("tiered-key.main.1.age") is None


@pytest.mark.parametrize("way", ["", "Main", "a.b", "a/b", "a" * 33, "\u00e4", "a\n"])
def test_a_way_that_cannot_stand_in_a_name(way: str) -> None:
    assert not is_way(way)
    with pytest.raises(ValueError, match="no key can be called"):
        PLAIN.key(way, 1)


def test_a_generation_is_counted_from_1() -> None:
    with pytest.raises(ValueError, match="main"):
        PLAIN.key_copy("main", 0)


def test_only_sets_of_style_tiered_have_an_index() -> None:
    with pytest.raises(ValueError, match="style duplicity"):
        PLAIN.index(SetId(T1), "")


@pytest.mark.parametrize("suffix", [".gpg", ".gz", "age"])
def test_a_suffix_of_the_other_style_is_a_bug(suffix: str) -> None:
    with pytest.raises(ValueError, match="suffix"):
        PLAIN.volume(FULL, 1, suffix)


def test_the_suffix_says_what_is_encrypted() -> None:
    for suffix in ("", ".age"):
        found = PLAIN.parse(PLAIN.index(FULL, suffix))
        assert found is not None
        assert (found.suffix, found.encrypted) == (suffix, suffix == ".age")


@pytest.mark.parametrize("kind", NATIVE_SAMPLES)
def test_the_samples_of_the_router_are_names(kind: Kind) -> None:
    name = NATIVE_SAMPLES[kind]
    assert kind_of(name) is kind
    if found := PLAIN.parse(name):
        assert found.kind is kind
    else:
        key = PLAIN.parse_key(name)
        assert key is not None
        assert key.is_copy is (kind is Kind.KEY_COPY)


@pytest.mark.parametrize(
    ("set_id", "text"), [(FULL, f"full.{N1}"), (INC, f"inc.{N1}.to.{N2}")]
)
def test_a_set_as_text(set_id: SetId, text: str) -> None:
    assert set_text(set_id) == text
    assert parse_set_text(text) == set_id
    assert parse_set_text(text + ".") is None
