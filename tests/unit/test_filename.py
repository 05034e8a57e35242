"""Names of style duplicity, both ways, and what holds for names of any style."""

import pytest

from tiered.archive.filename import Namer, ObjectName, Prefixes, SetId
from tiered.archive.kinds import SAMPLES, Kind, kind_of
from tiered.archive.style import Style

T1, T2 = 1_795_223_617, 1_795_310_017
FULL, INC = SetId(T1), SetId(T2, T1)
N1, N2 = "20261121T011337Z", "20261122T011337Z"

PLAIN = Namer(Prefixes())
OVH = Namer(Prefixes(archive="cold_", manifest="hot_", signature="hot_"))

WRITTEN = [
    (PLAIN.volume(FULL, 1, ""), f"duplicity-full.{N1}.vol1.difftar"),
    (PLAIN.volume(FULL, 12, ".gz"), f"duplicity-full.{N1}.vol12.difftar.gz"),
    (PLAIN.volume(INC, 3, ".gpg"), f"duplicity-inc.{N1}.to.{N2}.vol3.difftar.gpg"),
    (PLAIN.manifest(FULL, ""), f"duplicity-full.{N1}.manifest"),
    (PLAIN.manifest(FULL, ".gz"), f"duplicity-full.{N1}.manifest"),
    (PLAIN.manifest(INC, ".gpg"), f"duplicity-inc.{N1}.to.{N2}.manifest.gpg"),
    (PLAIN.signatures(FULL, ".gz"), f"duplicity-full-signatures.{N1}.sigtar.gz"),
    (
        PLAIN.signatures(INC, ".gpg"),
        f"duplicity-new-signatures.{N1}.to.{N2}.sigtar.gpg",
    ),
    (OVH.volume(FULL, 1, ".gpg"), f"cold_duplicity-full.{N1}.vol1.difftar.gpg"),
    (OVH.manifest(FULL, ".gpg"), f"hot_duplicity-full.{N1}.manifest.gpg"),
]


@pytest.mark.parametrize(("written", "expected"), WRITTEN)
def test_what_is_written(written: str, expected: str) -> None:
    assert written == expected


def parse(name: str, namer: Namer = PLAIN) -> ObjectName | None:
    return namer.parse(name)


def said(name: str, namer: Namer = PLAIN) -> tuple[SetId, Kind, int | None, str] | None:
    found = namer.parse(name)
    return (found.set_id, found.kind, found.volume, found.suffix) if found else None


REAL = [
    (f"duplicity-full.{N1}.vol1.difftar", FULL, Kind.ARCHIVE, 1, ""),
    (f"duplicity-full.{N1}.vol1.difftar.gz", FULL, Kind.ARCHIVE, 1, ".gz"),
    (f"duplicity-full.{N1}.vol2.difftar.gpg", FULL, Kind.ARCHIVE, 2, ".gpg"),
    (f"duplicity-inc.{N1}.to.{N2}.vol77.difftar.gpg", INC, Kind.ARCHIVE, 77, ".gpg"),
    (f"duplicity-full.{N1}.manifest", FULL, Kind.MANIFEST, None, ""),
    (f"duplicity-full.{N1}.manifest.gpg", FULL, Kind.MANIFEST, None, ".gpg"),
    (f"duplicity-full.{N1}.manifest.gz", FULL, Kind.MANIFEST, None, ".gz"),
    (f"duplicity-full.{N1}.manifest.p7m", FULL, Kind.MANIFEST, None, ".p7m"),
    (f"duplicity-inc.{N1}.to.{N2}.manifest", INC, Kind.MANIFEST, None, ""),
    (f"duplicity-full-signatures.{N1}.sigtar.gz", FULL, Kind.SIGNATURE, None, ".gz"),
    (
        f"duplicity-new-signatures.{N1}.to.{N2}.sigtar.gpg",
        INC,
        Kind.SIGNATURE,
        None,
        ".gpg",
    ),
    # whatever follows after a dot is ignored, and leading zeros are
    (f"duplicity-full.{N1}.vol001.difftar.zst", FULL, Kind.ARCHIVE, 1, ""),
    (f"duplicity-full.{N1}.vol1.difftar.gz.par2", FULL, Kind.ARCHIVE, 1, ""),
    # local times of versions before 0.4.9, with any separator
    (
        "duplicity-full.2026-11-21T02:13:37+01:00.vol1.difftar.gpg",
        FULL,
        Kind.ARCHIVE,
        1,
        ".gpg",
    ),
    (
        "duplicity-full.2026-11-20T18_13_37-07_00.manifest",
        FULL,
        Kind.MANIFEST,
        None,
        "",
    ),
    # short names: times and numbers in base 36
    ("df.tou7jl.a.dt.g", SetId(int("tou7jl", 36)), Kind.ARCHIVE, 10, ".g"),
    (
        "di.tou7jl.towx7l.1.dt.z",
        SetId(int("towx7l", 36), int("tou7jl", 36)),
        Kind.ARCHIVE,
        1,
        ".z",
    ),
    ("df.tou7jl.m", SetId(int("tou7jl", 36)), Kind.MANIFEST, None, ""),
    (
        "di.tou7jl.towx7l.m.g",
        SetId(int("towx7l", 36), int("tou7jl", 36)),
        Kind.MANIFEST,
        None,
        ".g",
    ),
    ("dfs.tou7jl.st.g", SetId(int("tou7jl", 36)), Kind.SIGNATURE, None, ".g"),
    (
        "dns.tou7jl.towx7l.st.z",
        SetId(int("towx7l", 36), int("tou7jl", 36)),
        Kind.SIGNATURE,
        None,
        ".z",
    ),
]


@pytest.mark.parametrize(
    ("name", "set_id", "kind", "volume", "suffix"), REAL, ids=[r[0] for r in REAL]
)
def test_what_is_read(
    name: str, set_id: SetId, kind: Kind, volume: int | None, suffix: str
) -> None:
    assert said(name) == (set_id, kind, volume, suffix)


STRANGE = [
    "",
    "readme.txt",
    f"duplicity-full.{N1}.vol1.difftarx",
    f"duplicity-full.{N1}.vol1",
    f"duplicity-full.{N1}.vol0.difftar.gz",
    f"duplicity-full.{N1}.vol-1.difftar",
    f"duplicity-full.{N1}.volx.difftar",
    f"duplicity-full.{N1}.manifestation",
    f"duplicity-full.{N1}.jsonstat.gz",
    f"duplicity-inc.{N1}.vol1.difftar",
    f"duplicity-full.{N1}.to.{N2}.manifest",
    f"duplicity-new-signatures.{N1}.sigtar.gz",
    f".tmp-duplicity-full.{N1}.vol1.difftar",
    f"xduplicity-full.{N1}.manifest",
    f"sub/duplicity-full.{N1}.manifest",
    "duplicity-full.nonsense.manifest",
    "duplicity-full.20269999T999999Z.manifest",
    "duplicity-full..manifest",
    "df.tou7jl.0.dt",
    "df.TOU7JL.1.dt",
    "di.tou7jl.1.dt",
    "df.tou7jl.mm",
    # a time that no calendar has, so it is somebody else's file
    "df.zzzzzzzzzzzz.m",
    "di.tou7jl.zzzzzzzzzzzz.m",
    "duplicity-full.0001-01-01T00:00:00+14:00.manifest",
    # partial objects of a local cache: duplicity never counts them in a store
    f"duplicity-full.{N1}.manifest.part",
    f"duplicity-full-signatures.{N1}.sigtar.part",
    f"duplicity-inc.{N1}.to.{N2}.manifest.part",
    "df.tou7jl.m.p",
    "dfs.tou7jl.st.p",
]


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_not_of_an_archive(name: str) -> None:
    assert parse(name) is None


@pytest.mark.parametrize(
    "prefix", ["a.b+", "(", "[x]", "^$", "\\d", "cold_", "dir/", "duplicity-full."]
)
def test_a_prefix_is_text_and_no_pattern(prefix: str) -> None:
    namer = Namer(Prefixes(everything=prefix, archive="v_"))
    name = namer.volume(INC, 5, ".gz")
    assert name.startswith(prefix + "v_duplicity-inc.")
    assert said(name, namer) == (INC, Kind.ARCHIVE, 5, ".gz")
    assert parse(name.removeprefix(prefix), namer) is None
    assert parse("x" + name, namer) is None


def test_a_pattern_like_prefix_does_not_match_what_the_pattern_would() -> None:
    assert (
        parse(f"axbb{SAMPLES[Kind.MANIFEST]}", Namer(Prefixes(everything="a.b+")))
        is None
    )


def test_each_kind_has_its_own_prefix() -> None:
    assert said(f"hot_duplicity-full.{N1}.manifest", OVH) is not None
    assert said(f"cold_duplicity-full.{N1}.manifest", OVH) is None
    assert said(f"hot_duplicity-full.{N1}.vol1.difftar", OVH) is None
    assert said(f"duplicity-full.{N1}.vol1.difftar", OVH) is None


@pytest.mark.parametrize(
    ("suffix", "encrypted"),
    [("", False), (".gz", False), (".z", False), (".gpg", True), (".p7m", True)],
)
def test_the_suffix_says_what_is_encrypted(suffix: str, encrypted: bool) -> None:
    found = parse(f"duplicity-full.{N1}.vol1.difftar{suffix}")
    assert found is not None
    assert found.encrypted is encrypted


@pytest.mark.parametrize("kind", SAMPLES)
def test_the_samples_of_the_router_are_names(kind: Kind) -> None:
    found = parse(SAMPLES[kind])
    assert found is not None
    assert found.kind is kind_of(SAMPLES[kind]) is kind


def test_sets_sort_by_their_end_and_a_full_before_an_inc() -> None:
    sets = [SetId(30), SetId(20, 10), SetId(10), SetId(20), SetId(20, 5)]
    assert sorted(sets) == [
        SetId(10),
        SetId(20),
        SetId(20, 5),
        SetId(20, 10),
        SetId(30),
    ]


def test_style_breaks_the_tie_of_sets() -> None:
    native, old = SetId(20, 5, Style.TIERED), SetId(20, 5)
    first = SetId(20, None, Style.TIERED)
    assert sorted([native, old, first]) == [first, old, native]
    assert sorted([old, native, first]) == [first, old, native]


def test_sets_say_what_they_are() -> None:
    assert str(FULL) == f"full {N1}"
    assert str(INC) == f"inc {N1} to {N2}"
    assert FULL.is_full
    assert not INC.is_full
