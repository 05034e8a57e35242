"""Every name that is written is read back, and no text breaks the reader."""

from hypothesis import given
from hypothesis import strategies as st

from tiered.archive.filename import Namer, Prefixes, SetId
from tiered.archive.kinds import Kind, kind_of

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=8)
prefixes = st.builds(
    Prefixes, everything=texts, archive=texts, manifest=texts, signature=texts
)
times = st.integers(0, 4_102_444_799)  # up to 2099, as duplicity
set_ids = st.one_of(
    st.builds(SetId, times),
    st.tuples(times, times).map(lambda t: SetId(max(t), min(t))),
)
suffixes = st.sampled_from(["", ".gz", ".gpg"])


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


alphabets = st.sampled_from(
    [
        *("duplicity-full.", "inc.to.", "20261121T011337Z", ".vol1.difftar"),
        *(".manifest", "df.", "di.", "dfs.", ".1.dt", ".m", ".st", ".sigtar", "0"),
        *("zzzzzzzzzzz", ".gz", "-signatures.", "duplicity-new-signatures.", "٣"),
        *("-", "T", "+", "9999999999", ".part", ".p"),
    ]
)


@given(st.lists(st.one_of(alphabets, st.text(max_size=3)), max_size=8).map("".join))
def test_any_text_is_a_name_or_none(text: str) -> None:
    if found := Namer(Prefixes()).parse(text):
        assert found.volume is None or found.volume > 0
        assert str(found.set_id)  # it can be shown
