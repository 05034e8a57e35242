"""From listings to sets and chains."""

import pytest

from tiered.archive.collection import Collection, collect
from tiered.archive.filename import Namer, Prefixes, SetId
from tiered.archive.style import Style
from tiered.store import Entry

NAMER = Namer(Prefixes())


def objects(set_id: SetId, volumes: int = 1, without: str = "") -> list[str]:
    native = set_id.style is Style.TIERED
    suffix = ".age" if native else ".gz"
    names = [NAMER.volume(set_id, n, suffix) for n in range(1, volumes + 1)]
    names.append(NAMER.signatures(set_id, suffix))
    if native:
        names.append(NAMER.index(set_id, suffix))
    names.append(NAMER.manifest(set_id, suffix))
    return [n for n in names if not without or without not in n]


def full(end_s: int, style: Style = Style.DUPLICITY) -> SetId:
    return SetId(end_s, None, style)


def inc(start_s: int, end_s: int, style: Style = Style.DUPLICITY) -> SetId:
    return SetId(end_s, start_s, style)


def collected(*groups: list[str]) -> Collection:
    names = sorted(n for g in groups for n in g)
    return collect([Entry(n, 10) for n in names], NAMER)


def ids(collection: Collection) -> list[list[SetId]]:
    return [[s.id for s in c.sets] for c in collection.chains]


def test_chains() -> None:
    found = collected(
        *(objects(s) for s in (inc(20, 30), full(10), inc(10, 20))),
        *(objects(s) for s in (full(40), inc(40, 50))),
        ["readme.txt"],
    )
    assert ids(found) == [[full(10), inc(10, 20), inc(20, 30)], [full(40), inc(40, 50)]]
    assert found.orphans == found.incomplete == ()
    assert [(c.start_s, c.end_s) for c in found.chains] == [(10, 30), (40, 50)]
    assert next(iter(found.sets)).id == full(10)
    assert "readme.txt" not in found.sizes


def test_nothing() -> None:
    found = collected()
    assert (found.chains, found.orphans, found.incomplete) == ((), (), ())
    assert found.at(10**9) is None


def test_an_inc_without_its_parent_is_an_orphan_and_so_is_what_follows() -> None:
    found = collected(*(objects(s) for s in (full(10), inc(20, 30), inc(30, 40))))
    assert ids(found) == [[full(10)]]
    assert [s.id for s in found.orphans] == [inc(20, 30), inc(30, 40)]


def test_a_set_without_a_manifest_is_incomplete_and_its_children_are_orphans() -> None:
    found = collected(
        objects(full(10)),
        objects(inc(10, 20), without="manifest"),
        objects(inc(20, 30)),
    )
    assert ids(found) == [[full(10)]]
    assert [s.id for s in found.incomplete] == [inc(10, 20)]
    assert [s.id for s in found.orphans] == [inc(20, 30)]
    assert not found.incomplete[0].is_whole


def test_signatures_alone_are_an_incomplete_set() -> None:
    found = collected([NAMER.signatures(full(10), "")])
    assert [s.id for s in found.incomplete] == [full(10)]


def test_of_two_incs_with_one_start_the_later_counts() -> None:
    found = collected(*(objects(s) for s in (full(10), inc(10, 20), inc(10, 25))))
    assert ids(found) == [[full(10), inc(10, 25)]]
    assert [s.id for s in found.orphans] == [inc(10, 20)]


def test_a_full_and_an_inc_may_end_in_the_same_second() -> None:
    found = collected(*(objects(s) for s in (full(10), inc(10, 20), full(20))))
    assert ids(found) == [[full(10), inc(10, 20)], [full(20)]]


def test_an_inc_belongs_to_the_first_chain_that_ends_where_it_starts() -> None:
    found = collected(
        *(objects(s) for s in (full(10), inc(10, 20), full(20), inc(20, 30)))
    )
    assert ids(found) == [[full(10), inc(10, 20), inc(20, 30)], [full(20)]]


def test_an_inc_that_starts_where_it_ends_is_no_endless_chain() -> None:
    found = collected(*(objects(s) for s in (full(10), inc(10, 10), inc(20, 20))))
    assert sum(len(c.sets) for c in found.chains) + len(found.orphans) == 3


TWO_CHAINS = collected(
    *(objects(s) for s in (full(10), inc(10, 20), inc(20, 30))),
    *(objects(s) for s in (full(40), inc(40, 50))),
)


@pytest.mark.parametrize(
    ("time_s", "expected"),
    [
        (9, None),
        (10, [full(10)]),
        (19, [full(10)]),
        (20, [full(10), inc(10, 20)]),
        (39, [full(10), inc(10, 20), inc(20, 30)]),
        (40, [full(40)]),
        (10**9, [full(40), inc(40, 50)]),
    ],
)
def test_what_a_time_needs(time_s: int, expected: list[SetId] | None) -> None:
    chain = TWO_CHAINS.at(time_s)
    assert (chain and [s.id for s in chain.sets]) == expected


def test_the_full_is_always_part_of_a_chain_until() -> None:
    chain = TWO_CHAINS.chains[0]
    assert [s.id for s in chain.until(0).sets] == [full(10)]


def test_the_objects_of_a_set_in_the_order_of_writing() -> None:
    names = objects(full(10), volumes=12)
    (chain,) = collected(names).chains
    assert [o.name for o in chain.sets[0].objects] == names
    assert collected(names).size_bytes(chain.sets[0]) == 140


def test_of_two_names_for_one_volume_the_first_counts() -> None:
    names = objects(full(10))
    found = collected(names, [names[0] + ".tmp"])
    assert found.chains[0].sets[0].volumes[1].name == names[0]


def test_a_partial_manifest_does_not_make_a_set_whole() -> None:
    names = [n + ".part" if "manifest" in n else n for n in objects(full(10))]
    assert [s.id for s in collected(names).incomplete] == [full(10)]


def test_a_set_is_encrypted_if_its_objects_are() -> None:
    (chain,) = collected([NAMER.manifest(full(10), ".gpg")]).chains
    assert chain.sets[0].encrypted
    assert not TWO_CHAINS.chains[0].sets[0].encrypted


class TestStyles:
    """Sets of both styles in one archive."""

    def test_an_inc_builds_only_on_a_set_of_its_own_style(self) -> None:
        native = Style.TIERED
        found = collected(
            *(objects(s) for s in (full(10), inc(10, 20, native))),
            *(objects(s) for s in (full(30, native), inc(30, 40))),
        )
        assert ids(found) == [[full(10)], [full(30, native)]]
        assert [s.id for s in found.orphans] == [inc(10, 20, native), inc(30, 40)]

    def test_chains_side_by_side_do_not_touch(self) -> None:
        for_both = [(full(10, s), inc(10, 20, s), inc(20, 30, s)) for s in Style]
        found = collected(*(objects(s) for chain in for_both for s in chain))
        assert sorted(ids(found)) == sorted([list(c) for c in for_both])
        assert {c.style for c in found.chains} == set(Style)
        assert found.orphans == found.incomplete == ()

    def test_the_newest_chain_holds_a_time_whatever_its_style(self) -> None:
        sets = (full(10), inc(10, 20), full(30, Style.TIERED))
        found = collected(*(objects(s) for s in sets))
        for time_s, style in ((29, Style.DUPLICITY), (30, Style.TIERED)):
            chain = found.at(time_s)
            assert chain is not None
            assert chain.style is style

    def test_the_objects_of_a_set_in_the_order_of_writing(self) -> None:
        names = objects(full(10, Style.TIERED), volumes=12)
        (chain,) = collected(names).chains
        (only,) = chain.sets
        assert [o.name for o in only.objects] == names
        assert only.index is not None
        assert only.encrypted
        assert collected(names).size_bytes(only) == 150

    @pytest.mark.parametrize("kind", ["manifest", "index", "sigtar", "vol1"])
    def test_one_in_the_clear_does_not_stand_in_for_an_encrypted_one(
        self, kind: str
    ) -> None:
        names = objects(full(10, Style.TIERED))
        (hurt,) = (n for n in names if f".{kind}" in n)
        found = collected(names, [hurt.removesuffix(".age")])
        (chosen,) = (o for o in found.sets[0].objects if f".{kind}" in o.name)
        assert chosen.name == hurt

    def test_keys_are_of_no_set(self) -> None:
        keys = [NAMER.key("main", 1), NAMER.key_copy("main", 1), NAMER.key("b", 12)]
        found = collected(keys, objects(full(10, Style.TIERED)))
        said = {(k.way, k.generation, k.is_copy) for k in found.keys}
        assert said == {("main", 1, False), ("main", 1, True), ("b", 12, False)}
        assert {k.name for k in found.keys} == set(keys)
        assert set(keys) <= set(found.sizes)
        assert not set(keys) & {o.name for s in found.sets for o in s.objects}

    def test_without_an_index_a_set_is_whole(self) -> None:
        """The manifest commits; what is not there is damage."""
        found = collected(objects(full(10, Style.TIERED), without="index"))
        assert [s.index for s in found.sets] == [None]
