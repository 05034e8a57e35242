"""Making hot objects again: what is kept, what is replaced, and what is refused."""

from pathlib import Path
from random import Random

import pytest

from tests.emergency.chain import (
    FIRST,
    FULL,
    Node,
    folder,
    write_set,
)
from tests.engine import Archive, open_archive
from tests.lost import (
    HOT,
    elsewhere,
    hot_sides,
    listed,
    lose,
    lose_all,
    rebuild,
    sets,
    unlock,
)
from tests.unit.sites import CONTINUE, MIRROR, Site, plain, tiers
from tiered.archive.style import Style
from tiered.codec.envelope import PlainEnvelope
from tiered.engine.native.hot import open_index
from tiered.engine.native.rebuild.plan import plan_rebuild
from tiered.engine.native.rebuild.run import run_rebuild
from tiered.errors import (
    Frozen,
    NoBackup,
    PassphraseError,
    Unavailable,
)
from tiered.store import Store
from tiered.testing.clocks import JumpingClock
from tiered.testing.faulty import Faulty
from tiered.testing.tree import differences, snapshot

SECRET = "secret"


def make_chain(
    work: Path,
    store: Store | None = None,
    passphrase: str = "",
    count: int = 3,
    clock: JumpingClock | None = None,
) -> Archive:
    """A full and incs, with a delta in each inc."""
    archive = open_archive(
        work, store, clock=clock, passphrase=passphrase, style=Style.TIERED
    )
    source = work / "source"
    source.mkdir()
    (source / "big").write_bytes(Random(1).randbytes(300_000))
    (source / "twin").write_bytes((source / "big").read_bytes())
    (source / "small").write_bytes(b"small")
    for version in range(count):
        archive.back_up(source)
        archive.clock.sleep_s(1000)
        with (source / "big").open("r+b") as file:
            file.seek(10_000 * version)
            file.write(b"version %d" % version)
        (source / "small").write_bytes(b"small, and %d" % version)
    return archive


def store_folder(work: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in (work / "store").iterdir()}


@pytest.fixture
def chain(tmp_path: Path) -> Archive:
    return make_chain(tmp_path, passphrase=SECRET)


@pytest.fixture
def other(chain: Archive, tmp_path: Path) -> Archive:
    """A machine that has never seen the archive."""
    return elsewhere(chain, tmp_path / "other", passphrase=SECRET)


def damage(place: Path) -> None:
    data = bytearray(place.read_bytes())
    data[len(data) // 2] ^= 1
    place.write_bytes(data)


def name_of(archive: Archive, number: int, what: str) -> str:
    found = getattr(sets(archive)[number], what)
    return str(found.name)


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("what", HOT)
def test_one_lost_object_costs_no_other(
    what: str, number: int, chain: Archive, other: Archive, tmp_path: Path
) -> None:
    before, objects = hot_sides(chain), store_folder(tmp_path)
    name, manifest = (name_of(chain, number, w) for w in (what, "manifest"))
    lose(chain, [(sets(chain)[number], what)])
    report = rebuild(other)
    assert set(report.created) == {name, manifest}
    assert report.deleted == ([] if what == "manifest" else [manifest])
    after = store_folder(tmp_path)
    assert after.keys() == objects.keys()
    assert {n for n in after if after[n] != objects[n]} == {name, manifest}
    assert {k: v.rows for k, v in hot_sides(other).items()} == {
        k: v.rows for k, v in before.items()
    }


@pytest.mark.parametrize("what", HOT)
def test_a_damaged_object_is_deleted_and_made_again(
    what: str, chain: Archive, other: Archive, tmp_path: Path
) -> None:
    name, manifest = (name_of(chain, 1, w) for w in (what, "manifest"))
    damage(tmp_path / "store" / name)
    before = hot_sides(chain)
    report = rebuild(other)
    assert report.deleted == list(dict.fromkeys((manifest, name)))
    assert set(report.created) == {name, manifest}
    assert hot_sides(other)[sets(other)[1].id].rows == before[sets(other)[1].id].rows
    assert f"deleting {name}, which cannot be used any more" in other.said.notes
    assert rebuild(other).made == []


def test_an_index_without_manifest_that_says_the_same_stays(
    chain: Archive, other: Archive, tmp_path: Path
) -> None:
    """It knows the ctimes, which the volumes do not."""
    index = name_of(chain, 2, "index")
    lose(chain, [(sets(chain)[2], "manifest")])
    kept = (tmp_path / "store" / index).read_bytes()
    rebuild(other)
    assert (tmp_path / "store" / index).read_bytes() == kept
    with open_index(other.context, listed(other), sets(other)[2]) as reader:
        assert all(row.ctime_ns for row in reader if row.type)


def test_ctimes_are_unknown_in_an_index_that_was_made_again(
    chain: Archive, other: Archive
) -> None:
    lose_all(chain)
    rebuild(other)
    with open_index(other.context, listed(other), sets(other)[0]) as reader:
        assert [row.ctime_ns for row in reader] == [0] * reader.rows


@pytest.mark.parametrize("what", ["index", "signatures"])
def test_an_object_of_another_set_makes_room(
    what: str, chain: Archive, other: Archive, tmp_path: Path
) -> None:
    """It opens, and nobody says that it is wrong: but it is not what volumes tell."""
    name, strange = name_of(chain, 1, what), name_of(chain, 2, what)
    before = hot_sides(chain)
    lose(chain, [(sets(chain)[1], "manifest")])
    data = (tmp_path / "store" / strange).read_bytes()
    (tmp_path / "store" / name).write_bytes(data)
    report = rebuild(other)
    assert report.deleted == [name]
    set_id = sets(other)[1].id
    assert hot_sides(other)[set_id].rows == before[set_id].rows
    assert hot_sides(other)[set_id].signatures == before[set_id].signatures


def test_nothing_is_read_or_written_if_nothing_is_lost(
    chain: Archive, other: Archive, tmp_path: Path
) -> None:
    objects = store_folder(tmp_path)
    plan = plan_rebuild(other.context, lambda _: unlock(other))
    assert (plan.lost, plan.names, len(plan.left)) == ((), (), 3)
    assert rebuild(other).created == []
    assert store_folder(tmp_path) == objects


def test_a_plan_changes_nothing(chain: Archive, other: Archive, tmp_path: Path) -> None:
    lose_all(chain)
    objects = store_folder(tmp_path)
    plan = plan_rebuild(other.context, lambda _: pytest.fail("there is no manifest"))
    assert [each.lost for each in plan.lost] == [HOT] * 3
    sizes = {n: len(data) for n, data in objects.items() if ".vol" in n}
    assert (set(plan.names), plan.size_bytes) == (set(sizes), sum(sizes.values()))
    assert store_folder(tmp_path) == objects


def test_the_next_backup_builds_on_it(
    chain: Archive, other: Archive, tmp_path: Path
) -> None:
    lose_all(chain)
    rebuild(other)
    source = tmp_path / "source"
    with (source / "big").open("r+b") as file:
        file.write(b"after that")
    report = other.back_up(source)
    assert not report.set_id.is_full
    assert report.stored_bytes < 50_000  # a delta, made with the signatures
    other.restore(tmp_path / "out")
    assert differences(snapshot(source), snapshot(tmp_path / "out")) == []


def test_a_set_that_was_interrupted_is_not_invented(
    chain: Archive, other: Archive, tmp_path: Path
) -> None:
    """Its last volume, which would say so, was never written."""
    newest = sets(chain)[2]
    lose(chain, [(newest, what) for what in HOT])
    (volume,) = newest.volumes.values()
    full = next(iter(sets(chain)[0].volumes.values()))
    namer = chain.context.namer
    (tmp_path / "store" / volume.name).unlink()
    sealed = chain.context.envelope_for(".age")
    write_set(tmp_path / "store", newest.id, {b"": folder()}, sealed, cuts=1)
    (tmp_path / "store" / namer.volume(newest.id, 2, ".age")).unlink()
    report = rebuild(other)
    assert (report.made, list(report.failed)) == ([], [newest.id])
    assert "the last volume" in report.failed[newest.id]
    assert full.name in {e.name for e in chain.context.store.list()}
    assert namer.manifest(newest.id, ".age") not in store_folder(tmp_path)


def test_without_its_parent_a_set_is_refused(
    chain: Archive, other: Archive, tmp_path: Path
) -> None:
    first, second, third = (s.id for s in sets(chain))
    volume = next(iter(sets(chain)[1].volumes.values()))
    lose_all(chain)
    (tmp_path / "store" / volume.name).unlink()
    plan = plan_rebuild(other.context, lambda _: unlock(other))
    assert [each.id for each in plan.lost] == [first]
    assert list(plan.refused) == [third]  # of the second nothing is left at all
    assert plan.refused[third] == "the set it builds on is not there"
    assert rebuild(other).made == [first]
    assert second not in hot_sides(other)


def test_a_set_that_lacks_a_volume_is_refused_with_all_that_build_on_it(
    tmp_path: Path,
) -> None:
    archive = open_archive(tmp_path, style=Style.TIERED)
    store = tmp_path / "store"
    some = {b"": folder(), **{b"%d" % n: Node(content=b"x") for n in range(4)}}
    write_set(store, FULL, some, PlainEnvelope(), cuts=2)
    write_set(store, FIRST, {b"new": Node(content=b"y")}, PlainEnvelope())
    (store / archive.context.namer.volume(FULL, 2, "")).unlink()
    plan = plan_rebuild(archive.context, lambda _: None)
    assert (plan.lost, dict(plan.refused)) == (
        (),
        {FULL: "volume 2 is not there", FIRST: f"it builds on the {FULL}"},
    )


def test_a_set_in_the_journal_is_left_to_cleanup(chain: Archive) -> None:
    newest = sets(chain)[2]
    lose(chain, [(newest, "manifest")])
    chain.context.cache.journal_add([str(newest.id)])
    plan = plan_rebuild(chain.context, lambda _: unlock(chain))
    assert "cleanup" in plan.refused[newest.id]
    assert plan.lost == ()


def test_a_damaged_volume_costs_its_set_and_those_behind(
    chain: Archive, other: Archive, tmp_path: Path
) -> None:
    first, second, third = sets(chain)
    lose_all(chain)
    (volume,) = second.volumes.values()
    damage(tmp_path / "store" / volume.name)
    report = rebuild(other)
    assert (report.made, list(report.failed)) == ([first.id], [second.id, third.id])
    assert volume.name in report.failed[second.id]
    assert sets(other)[0].is_whole
    assert len(sets(other)) == 1


def test_a_wrong_passphrase_changes_nothing(chain: Archive, tmp_path: Path) -> None:
    lose(chain, [(sets(chain)[1], "index")])
    stranger = elsewhere(chain, tmp_path / "other", passphrase="wrong")
    objects = store_folder(tmp_path)
    with pytest.raises(PassphraseError):
        rebuild(stranger)
    assert store_folder(tmp_path) == objects


def test_an_empty_store_is_no_archive(tmp_path: Path) -> None:
    with pytest.raises(NoBackup):
        rebuild(open_archive(tmp_path, style=Style.TIERED))


def test_a_run_that_is_stopped_anywhere_is_ended_by_the_next(tmp_path: Path) -> None:
    chain = make_chain(tmp_path, count=2)
    before = hot_sides(chain)
    stopped = 0
    for at in range(1, 40):
        lose(chain, [(s, "index") for s in sets(chain)])
        faulty = Faulty(chain.context.store, at, "after")
        with_fault = elsewhere(chain, tmp_path / f"fault-{at}", faulty)
        try:
            rebuild(with_fault)
        except Unavailable:
            stopped += 1
        next_run = elsewhere(chain, tmp_path / f"next-{at}")
        rebuild(next_run)
        after = hot_sides(next_run)
        assert {k: v.rows for k, v in after.items()} == {
            k: v.rows for k, v in before.items()
        }
        if not faulty.fired:
            break
    assert stopped > 5
    assert not faulty.fired


def test_cold_volumes_are_asked_for_once_and_together(tmp_path: Path) -> None:
    site = tiers(tmp_path)
    chain = make_chain(tmp_path, site.router, clock=site.clock)
    hot = tmp_path / "hot"
    for each in hot.iterdir():
        each.unlink()
    other = elsewhere(chain, tmp_path / "other")
    plan = plan_rebuild(other.context, lambda _: None)
    assert plan.thaw is not None
    assert (plan.thaw.ask, plan.thaw.warm) == (tuple(sorted(plan.names)), ())
    with pytest.raises(Frozen):
        other.context.store.get(plan.names[0])
    begun_s = site.clock.time_s()
    run_rebuild(other.context, plan)
    assert 4 * 3600 <= site.clock.time_s() - begun_s < 8 * 3600
    asked = [n for n in other.said.notes if "asking the cold store" in n]
    assert asked == ["asking the cold store to thaw 3 volumes"]
    assert len(list(hot.iterdir())) == 9


def test_earlier_volumes_are_thawed_for_the_deltas_of_one_set(tmp_path: Path) -> None:
    site = tiers(tmp_path)
    chain = make_chain(tmp_path, site.router, clock=site.clock)
    before = hot_sides(chain)
    lose(chain, [(sets(chain)[2], "index")])
    plan = plan_rebuild(chain.context, lambda _: None)
    newest = {n.name for n in sets(chain)[2].volumes.values()}
    assert plan.thaw is not None
    assert set(plan.thaw.ask) == newest
    run_rebuild(chain.context, plan)
    assert hot_sides(chain)[sets(chain)[2].id].rows == before[sets(chain)[2].id].rows
    asked = [n for n in chain.said.notes if "asking the cold store" in n]
    assert asked == [
        "asking the cold store to thaw 1 volume",
        "asking the cold store to thaw 2 volumes",
    ]


@pytest.mark.parametrize("label", ["A", "B"])
def test_a_volume_is_read_from_the_copy_that_is_right(
    label: str, tmp_path: Path
) -> None:
    site: Site = plain(tmp_path, MIRROR, CONTINUE)
    chain = make_chain(tmp_path, site.router)
    before = hot_sides(chain)
    for each in sets(chain):
        for volume in each.volumes.values():
            damage(tmp_path / label / volume.name)
    lose_all(chain)
    other = elsewhere(chain, tmp_path / "other")
    assert rebuild(other).failed == {}
    assert {k: v.rows for k, v in hot_sides(other).items()} == {
        k: v.rows for k, v in before.items()
    }


def test_a_mirror_that_is_away_is_no_loss(tmp_path: Path) -> None:
    site = plain(tmp_path, MIRROR, CONTINUE)
    chain = make_chain(tmp_path, site.router)
    site.breaks("A")
    with pytest.raises(Unavailable):
        rebuild(chain)
