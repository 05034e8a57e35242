"""Which sets would be deleted, and in which order."""

from pathlib import Path

import pytest

from tests.engine import open_archive
from tests.unit.test_collection import NAMER, collected, full, inc, objects
from tests.unit.test_trust import headless, whole
from tiered.archive.filename import SetId
from tiered.archive.style import Style
from tiered.engine.prune import (
    FOREIGN_AGE_S,
    PrunePlan,
    plan_cleanup,
    plan_remove_older_than,
    run_prune,
)
from tiered.errors import ListingDoubtful, Unavailable
from tiered.store import PutMode
from tiered.testing.faulty import Faulty
from tiered.testing.sources import BytesSource

LONG_AGO = full(10), inc(10, 20)
LATER = full(1000), inc(1000, 2000)
NOW_S = 2000 + FOREIGN_AGE_S


def ids(plan: PrunePlan) -> list[SetId]:
    return [s.id for s in plan.sets]


class TestCleanup:
    def test_nothing_to_do(self) -> None:
        plan = plan_cleanup(collected(whole(*LONG_AGO, *LATER)), [], NOW_S)
        assert (ids(plan), plan.kept, plan.names) == ([], (), ())

    def test_an_orphan_is_deleted_with_all_its_objects(self) -> None:
        found = collected(whole(full(10), inc(20, 30)))
        plan = plan_cleanup(found, [], NOW_S)
        assert ids(plan) == [inc(20, 30)]
        assert sorted(plan.names) == sorted(objects(inc(20, 30)))

    def test_what_was_begun_here_is_deleted_at_any_age(self) -> None:
        found = collected(whole(full(10)), headless(inc(10, 2000)))
        plan = plan_cleanup(found, [str(inc(10, 2000))], 2001)
        assert ids(plan) == [inc(10, 2000)]

    @pytest.mark.parametrize(("age_s", "old"), [(0, False), (1, True)])
    def test_what_another_machine_may_be_writing_is_kept(
        self, age_s: int, old: bool
    ) -> None:
        found = collected(whole(full(10)), headless(inc(10, 2000)))
        plan = plan_cleanup(found, ["full 1970"], NOW_S + age_s)
        assert ids(plan) == ([inc(10, 2000)] if old else [])
        assert [s.id for s in plan.kept] == ([] if old else [inc(10, 2000)])

    def test_no_set_of_a_chain_is_ever_deleted(self) -> None:
        found = collected(whole(*LONG_AGO), headless(inc(20, 30)))
        plan = plan_cleanup(found, [str(s) for s in (*LONG_AGO, inc(20, 30))], NOW_S)
        assert ids(plan) == [inc(20, 30)]


class TestRemoveOlderThan:
    @pytest.mark.parametrize("time_s", [20, 10])
    def test_a_chain_counts_by_its_end(self, time_s: int) -> None:
        found = collected(whole(*LONG_AGO, *LATER))
        assert ids(plan_remove_older_than(found, time_s)) == []

    def test_old_chains_go_the_newest_set_first(self) -> None:
        found = collected(whole(*LONG_AGO, full(30), inc(30, 40), *LATER))
        plan = plan_remove_older_than(found, 41)
        assert ids(plan) == [inc(30, 40), full(30), inc(10, 20), full(10)]

    @pytest.mark.parametrize("sets", [LONG_AGO, (*LONG_AGO, *LATER)])
    def test_the_newest_chain_is_never_deleted(self, sets: tuple[SetId, ...]) -> None:
        plan = plan_remove_older_than(collected(whole(*sets)), 10**10)
        assert sets[-1] not in ids(plan)
        assert sets[-2] not in ids(plan)

    def test_nothing_in_nothing(self) -> None:
        assert ids(plan_remove_older_than(collected(), 10**10)) == []

    def test_incomplete_sets_are_left_to_cleanup(self) -> None:
        found = collected(headless(full(5)), whole(*LONG_AGO, *LATER))
        assert full(5) not in ids(plan_remove_older_than(found, 10**10))


def test_the_manifest_goes_first_and_the_volumes_last() -> None:
    names = objects(inc(20, 30), volumes=3)
    plan = plan_cleanup(collected(whole(full(10)), names), [], NOW_S)
    assert list(plan.names) == names[::-1]


@pytest.mark.parametrize("at", range(1, 5))
def test_a_run_that_stops_leaves_nothing_that_looks_whole(
    at: int, tmp_path: Path
) -> None:
    archive = open_archive(tmp_path)
    store = archive.context.store
    names = objects(inc(20, 30), volumes=2)
    for name in names:
        store.put(name, BytesSource(b"x"), PutMode.CREATE)
    plan = plan_cleanup(collected(names), [], NOW_S)
    faulty = open_archive(tmp_path, store=Faulty(store, at, "before")).context
    with faulty.cache.locked(), pytest.raises(Unavailable):
        run_prune(faulty, plan)
    left = {e.name for e in store.list()}
    assert len(left) == len(names) - (at - 1)
    assert (names[-1] in left) is (at == 1)
    with archive.context.cache.locked():
        run_prune(archive.context, plan)  # what is gone already does no harm
    assert store.list() == ()


def test_a_deleted_set_is_forgotten(tmp_path: Path) -> None:
    archive = open_archive(tmp_path)
    context = archive.context
    names = objects(inc(20, 30))
    plan = plan_cleanup(collected(names), [], NOW_S)
    with context.cache.locked():
        context.cache.journal_add([str(inc(20, 30)), str(full(10))])
        with context.cache.writing(names[-1]) as file:
            file.write(b"manifest")
        with context.cache.writing_opened(names[-2], 5) as file:
            file.write(b"signatures")
        with context.cache.writing_state(str(inc(20, 30)), 9) as file:
            file.write(b"state")
        run_prune(context, plan)
    assert context.cache.names() == ()
    assert context.cache.state(str(inc(20, 30)), 9) is None
    assert context.cache.journal() == (str(full(10)),)


class TestStyleTiered:
    """What differs: an index, another suffix, and keys."""

    def test_the_manifest_goes_first_then_the_index_and_the_volumes_last(self) -> None:
        names = objects(inc(20, 30, Style.TIERED), volumes=3)
        plan = plan_cleanup(collected(whole(full(10)), names), [], NOW_S)
        assert list(plan.names) == names[::-1]
        assert [".manifest" in n for n in plan.names][:2] == [True, False]
        assert ".index" in plan.names[1]

    def test_a_chain_is_kept_whatever_stands_beside_it(self) -> None:
        found = collected(whole(*LONG_AGO, full(10, Style.TIERED)))
        assert ids(plan_cleanup(found, [], NOW_S)) == []
        assert ids(plan_remove_older_than(found, 10**10)) == [*reversed(LONG_AGO)]

    def test_no_key_is_ever_deleted(self) -> None:
        keys = [NAMER.key("main", 1), NAMER.key_copy("main", 1), NAMER.key("old", 7)]
        old = full(10, Style.TIERED), inc(10, 20, Style.TIERED)
        found = collected(keys, whole(*old, full(30, Style.TIERED)), headless(full(5)))
        for plan in (
            plan_cleanup(found, [], NOW_S + 10**9),
            plan_remove_older_than(found, 10**10),
        ):
            assert plan.sets
            assert not set(plan.names) & set(keys)

    @pytest.mark.parametrize("suffix", ["", ".age"])
    def test_a_manifest_that_is_not_listed_yet_is_asked_for(
        self, suffix: str, tmp_path: Path
    ) -> None:
        context = open_archive(tmp_path).context
        lost = inc(20, 30, Style.TIERED)
        for name in (*headless(lost), NAMER.manifest(lost, suffix)):
            context.store.put(name, BytesSource(b"x"), PutMode.CREATE)
        plan = plan_cleanup(collected(headless(lost)), [], NOW_S)
        before = context.store.list()
        with context.cache.locked(), pytest.raises(ListingDoubtful, match="not listed"):
            run_prune(context, plan)
        assert context.store.list() == before
