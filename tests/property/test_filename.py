"""Every name that is written is read back, and no text breaks the reader."""

from hypothesis import given
from hypothesis import strategies as st

from tiered.archive.filename import KeyName, Namer, ObjectName, Prefixes, SetId
from tiered.archive.kinds import Kind, kind_of
from tiered.archive.style import Style

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=8)
prefixes = st.builds(
    Prefixes,
    everything=texts,
    archive=texts,
    manifest=texts,
    signature=texts,
    index=st.none() | texts,
    key=st.none() | texts,
)
times = st.integers(0, 4_102_444_799)  # up to 2099, as duplicity
set_ids = st.one_of(
    st.builds(SetId, times),
    st.tuples(times, times).map(lambda t: SetId(max(t), min(t))),
)
suffixes = st.sampled_from(["", ".gz", ".gpg"])
native_ids = set_ids.map(lambda s: SetId(s.end_s, s.start_s, Style.TIERED))
native_suffixes = st.sampled_from(["", ".age"])
ways = st.text("abcxyz0189-_", min_size=1, max_size=32)
counts = st.integers(1, 10**9)


@given(prefixes, set_ids, st.integers(1, 10**9), suffixes)
def test_a_volume(prefix: Prefixes, set_id: SetId, number: int, suffix: str) -> None:
    namer = Namer(prefix)
    name = namer.volume(set_id, number, suffix)
    found = namer.parse(name)
    assert found is not None
    assert (found.name, found.kind) == (name, Kind.ARCHIVE)
    assert (found.set_id, found.volume, found.suffix) == (set_id, number, suffix)
    assert kind_of(name) is Kind.ARCHIVE


@given(prefixes, set_ids, suffixes)
def test_manifest_and_signatures(prefix: Prefixes, set_id: SetId, suffix: str) -> None:
    namer = Namer(prefix)
    for name, kind in (
        (namer.manifest(set_id, suffix), Kind.MANIFEST),
        (namer.signatures(set_id, suffix), Kind.SIGNATURE),
    ):
        found = namer.parse(name)
        assert found is not None
        assert (found.set_id, found.kind, found.volume) == (set_id, kind, None)
        assert kind_of(name) is kind


@given(prefixes, native_ids, counts, native_suffixes)
def test_objects_of_style_tiered(
    prefix: Prefixes, set_id: SetId, number: int, suffix: str
) -> None:
    namer = Namer(prefix)
    for name, kind, volume in (
        (namer.volume(set_id, number, suffix), Kind.ARCHIVE, number),
        (namer.signatures(set_id, suffix), Kind.SIGNATURE, None),
        (namer.index(set_id, suffix), Kind.INDEX, None),
        (namer.manifest(set_id, suffix), Kind.MANIFEST, None),
    ):
        found = namer.parse(name)
        assert found is not None
        assert (found.name, found.kind, found.set_id) == (name, kind, set_id)
        assert (found.volume, found.suffix) == (volume, suffix)
        assert found.encrypted is bool(suffix)
        assert kind_of(name) is kind
        assert namer.parse_key(name) is None


@given(prefixes, ways, counts)
def test_keys(prefix: Prefixes, way: str, generation: int) -> None:
    namer = Namer(prefix)
    for name, is_copy in (
        (namer.key(way, generation), False),
        (namer.key_copy(way, generation), True),
    ):
        found = namer.parse_key(name)
        assert found == KeyName(name, way, generation, is_copy)
        assert kind_of(name) is (Kind.KEY_COPY if is_copy else Kind.KEY)
        assert namer.parse(name) is None


alphabets = st.sampled_from(
    [
        *("duplicity-full.", "inc.to.", "20261121T011337Z", ".vol1.difftar"),
        *(".manifest", "df.", "di.", "dfs.", ".1.dt", ".m", ".st", ".sigtar", "0"),
        *("zzzzzzzzzzz", ".gz", "-signatures.", "duplicity-new-signatures.", "٣"),
        *("-", "T", "+", "9999999999", ".part", ".p"),
        *("tiered-full.", "tiered-inc.", ".index", ".zst", ".age", ".json"),
        *("tiered-key.", "tiered-keycopy.", "a", ".1", "\n"),
    ]
)


@given(st.lists(st.one_of(alphabets, st.text(max_size=3)), max_size=8).map("".join))
def test_any_text_is_a_name_or_none(text: str) -> None:
    if found := Namer(Prefixes()).parse(text):
        assert found.volume is None or found.volume > 0
        assert str(found.set_id)  # it can be shown
        if found.set_id.style is Style.TIERED:
            assert text in written(found)  # there is one way to write it


def written(found: ObjectName) -> tuple[str, ...]:
    """All names of the set that has this one."""
    namer, set_id, suffix = Namer(Prefixes()), found.set_id, found.suffix
    made = (namer.manifest, namer.signatures, namer.index)
    volume = namer.volume(set_id, found.volume or 1, suffix)
    return (volume, *(make(set_id, suffix) for make in made))
