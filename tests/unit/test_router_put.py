"""Putting through a router: what a member that fails leaves behind."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import BinaryIO, Literal

import pytest

from tests.unit.sites import ABORT, CONTINUE, MIRROR, STRIPE, Site, plain, put, read
from tiered.errors import (
    AlreadyExists,
    SourceError,
    Unavailable,
)
from tiered.router.route import OnFail
from tiered.router.rules import Member
from tiered.store import Debt, PutMode
from tiered.testing.faulty import Faulty
from tiered.testing.sources import BytesSource, TornSource


class TestMirrorPut:
    def test_one_copy_is_enough_and_the_other_is_a_debt(self, tmp_path: Path) -> None:
        site = plain(tmp_path, MIRROR, CONTINUE)
        site.breaks("A")
        site.put("o", b"data")
        assert site.holders("o") == ["B"]
        assert site.router.debts == (Debt("o", "A"),)
        assert site.monitor.told == ["copy of 'o' missed on A: A is down"]
        assert read(site.router, "o") == b"data"

    def test_a_debt_ends_with_the_copy_or_the_object(self, tmp_path: Path) -> None:
        site = plain(tmp_path, MIRROR, CONTINUE)
        site.breaks("A")
        site.put("o", b"1")
        site.put("p", b"1")
        site.line["A"].error = None
        site.put("o", b"2", PutMode.REPLACE)
        assert site.router.debts == (Debt("p", "A"),)
        site.router.delete("p")
        assert not site.router.debts

    def test_no_copy_at_all_is_an_error(self, tmp_path: Path) -> None:
        site = plain(tmp_path, MIRROR, CONTINUE)
        site.breaks("A", "B")
        with pytest.raises(Unavailable) as caught:
            site.put("o", b"data")
        assert str(caught.value) == "A is down"
        assert caught.value.__notes__ == ["B failed, too: B is down"]
        assert site.router.debts == ()

    def test_abort_leaves_nothing_half_mirrored(self, tmp_path: Path) -> None:
        site = plain(tmp_path, MIRROR, ABORT)
        site.breaks("B")
        with pytest.raises(Unavailable, match="B is down"):
            site.put("o", b"data")
        assert site.holders("o") == []
        assert site.router.debts == ()

    def test_a_copy_that_cannot_be_taken_back_is_told(self, tmp_path: Path) -> None:
        site = plain(tmp_path, MIRROR, ABORT)
        site.breaks("B")
        stores = {"A": Faulty(site.real["A"], 2, "before"), "B": site.line["B"]}
        with pytest.raises(Unavailable, match="B is down"):
            put(site.routed(stores), "o", b"data")
        (told,) = site.monitor.told
        assert told.startswith("a copy of 'o' was left on A: ")

    @pytest.mark.parametrize("onfail", OnFail)
    def test_a_taken_name_is_refused_and_the_old_object_kept(
        self, onfail: OnFail, tmp_path: Path
    ) -> None:
        site = plain(tmp_path, MIRROR, onfail)
        put(site.real["B"], "o", b"older")
        with pytest.raises(AlreadyExists):
            site.put("o", b"newer")
        assert site.holders("o") == ["B"]
        assert read(site.router, "o") == b"older"

    def test_a_source_that_fails_is_not_the_fault_of_a_member(
        self, tmp_path: Path
    ) -> None:
        class FailsLater(BytesSource):
            def open(self) -> BinaryIO:
                stream = super().open()
                return stream if self.opened == 1 else TornSource(self._data).open()

        site = plain(tmp_path, MIRROR, CONTINUE)
        with pytest.raises(SourceError):
            site.router.put("o", FailsLater(b"data" * 9), PutMode.CREATE)
        assert site.holders("o") == []

    @pytest.mark.parametrize("when", ["before", "after"])
    @pytest.mark.parametrize("label", ["A", "B", "C"])
    @pytest.mark.parametrize("onfail", OnFail)
    def test_every_call_may_fail(
        self,
        onfail: OnFail,
        label: str,
        when: Literal["before", "after"],
        tmp_path: Path,
    ) -> None:
        """The member that fails may keep a copy that it did not tell about."""
        for at in range(1, 10):
            root = tmp_path / str(at)
            root.mkdir()
            members = Member("A"), Member("B"), Member("C")
            site = Site(root, *members, mode=MIRROR, onfail=onfail)
            faulty = Faulty(site.real[label], at, when)
            router = site.routed({**site.real, label: faulty})
            others = {"A", "B", "C"} - {label}
            for name in ("vol1", "vol2", "manifest"):
                try:
                    put(router, name, b"data")
                except Unavailable:
                    assert onfail is ABORT
                    assert set(site.holders(name)) <= {label}
                    break
                assert set(site.holders(name)) >= others
            owed = {debt.name for debt in router.debts}
            whole = {n for n in ("vol1", "vol2", "manifest") if n not in owed}
            if onfail is CONTINUE:
                assert all(len(site.holders(name)) == 3 for name in whole)
            if not faulty.fired:
                return
        raise AssertionError("the run never completed")

    def test_copies_of_two_threads_do_not_mix(self, tmp_path: Path) -> None:
        site = plain(tmp_path)
        values = [bytes([i]) * 1000 for i in range(16)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda v: site.put("o", v, PutMode.REPLACE), values))
        assert read(site.real["A"], "o") == read(site.real["B"], "o")


class TestStripePut:
    def test_objects_go_round(self, tmp_path: Path) -> None:
        site = plain(tmp_path, STRIPE)
        for name in "abcd":
            site.put(name, b"x")
        assert [site.holders(n) for n in "abcd"] == [["A"], ["B"], ["A"], ["B"]]

    def test_each_group_has_its_own_turn(self, tmp_path: Path) -> None:
        """With one cursor, volumes and manifests in turn would never spread."""
        members = [Member(f"{p}{i}", (f"{p}_",)) for p in "ch" for i in (1, 2)]
        site = Site(tmp_path, *members, mode=STRIPE)
        for i in range(2):
            site.put(f"c_{i}", b"x")
            site.put(f"h_{i}", b"x")
        assert [site.holders(f"c_{i}") for i in range(2)] == [["c1"], ["c2"]]
        assert [site.holders(f"h_{i}") for i in range(2)] == [["h1"], ["h2"]]

    def test_on_failure_the_next_takes_it(self, tmp_path: Path) -> None:
        site = plain(tmp_path, STRIPE, CONTINUE)
        site.breaks("A")
        site.put("o", b"x")
        assert site.holders("o") == ["B"]
        assert site.router.debts == ()
        assert site.monitor.told == ["'o' went to B: A is down"]

    def test_with_abort_there_is_no_next(self, tmp_path: Path) -> None:
        site = plain(tmp_path, STRIPE, ABORT)
        site.breaks("A")
        with pytest.raises(Unavailable):
            site.put("o", b"x")
        assert site.holders("o") == []

    def test_a_name_is_created_once_on_all_members_together(
        self, tmp_path: Path
    ) -> None:
        site = plain(tmp_path, STRIPE)
        site.put("o", b"old")
        with pytest.raises(AlreadyExists, match="A: 'o' is there already"):
            site.put("o", b"new")

    def test_a_replaced_object_stays_where_it_is(self, tmp_path: Path) -> None:
        site = plain(tmp_path, STRIPE)
        site.put("o", b"old")
        site.put("o", b"new", PutMode.REPLACE)
        assert site.holders("o") == ["A"]
        assert read(site.router, "o") == b"new"

    def test_nothing_is_replaced_behind_a_silent_member(self, tmp_path: Path) -> None:
        """Its old object would come back with it, and be read first."""
        site = plain(tmp_path, STRIPE, CONTINUE)
        site.put("o", b"old")
        site.breaks("A")
        with pytest.raises(Unavailable):
            site.put("o", b"new", PutMode.REPLACE)


def test_a_name_waits_for_its_writer_only(tmp_path: Path) -> None:
    """A long upload must not hold up the others."""
    go = Event()

    class Slow(BytesSource):
        def open(self) -> BinaryIO:
            go.wait(10)
            return super().open()

    site = plain(tmp_path)
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(site.router.put, "slow", Slow(b"1"), PutMode.CREATE)
        again = pool.submit(site.router.put, "slow", Slow(b"2"), PutMode.REPLACE)
        site.put("other", b"x")
        assert not slow.done()
        assert not again.done()
        go.set()
    assert {read(s, "slow") for s in site.real.values()} in ({b"1"}, {b"2"})
