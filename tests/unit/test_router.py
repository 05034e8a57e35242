"""The router: it keeps the contract, and loses nothing when a member fails."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from tests.unit.sites import (
    CONTINUE,
    MANIFEST,
    SITES,
    STRIPE,
    VOLUME,
    Site,
    Without,
    for_every_site,
    plain,
    put,
    read,
    tiers,
)
from tiered.errors import (
    Denied,
    Frozen,
    NotFound,
    StoreError,
    StoreMissing,
    Unavailable,
)
from tiered.router.route import Mode
from tiered.router.rules import Member, Rules, Tier
from tiered.store import Entry, Store, Warmth
from tiered.testing.contract import (
    CHECKS,
    Check,
    Rig,
    cold_objects_are_read_through_a_thaw_only,
    offered,
    r8_nothing_is_made_unasked,
)
from tiered.wrap.base import Wrapped

T = TypeVar("T")


CASES = [
    pytest.param(site, check, id=f"{key}-{check.__name__}")
    for key, site in SITES.items()
    for check in CHECKS
    # the names of that check are hot under tiers: two-cold is what it is run on
    if not (site is tiers and check is cold_objects_are_read_through_a_thaw_only)
]


@pytest.mark.parametrize(("site", "check"), CASES)
def test_contract(site: Callable[[Path], Site], check: Check, tmp_path: Path) -> None:
    made = site(tmp_path)
    check(Rig(store=made.router, wait=made.clock.sleep_s))


@for_every_site
def test_nothing_is_made_unasked(site: Callable[[Path], Site], tmp_path: Path) -> None:
    made = site(tmp_path)
    for label in made.real.keys() - made.rules.read_only:  # which nobody makes
        (tmp_path / label).rmdir()
    r8_nothing_is_made_unasked(
        Rig(store=made.router, wait=made.clock.sleep_s),
    )


def test_offers_what_all_or_any_members_can(tmp_path: Path) -> None:
    always = {"surveys", "copies", "group", "create", "stat"}
    assert offered(plain(tmp_path).router.extras) == always | {"ranges"}
    site = tiers(tmp_path)
    assert offered(site.router.extras) == always | {"thaw"}
    stores: dict[str, Store] = dict(site.seen)
    stores["hot"] = Without(stores["hot"], "stat", "create")
    assert offered(site.routed(stores).extras) == (always | {"thaw"}) - {"stat"}


def test_rules_and_stores_must_agree(tmp_path: Path) -> None:
    site = plain(tmp_path)
    with pytest.raises(ValueError, match="rules for"):
        site.routed({"A": site.seen["A"]})
    with pytest.raises(ValueError, match="not unique"):
        Rules((Member("A"), Member("A")))
    with pytest.raises(ValueError, match="needs a member"):
        Rules(())


def test_two_routers_know_nothing_of_each_other(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    one, two = plain(tmp_path / "1", STRIPE), plain(tmp_path / "2", STRIPE)
    one.put("x", b"1")
    two.put("y", b"2")
    assert (one.holders("x"), two.holders("y")) == (["A"], ["A"])
    assert [e.name for e in one.router.list()] == ["x"]
    one.breaks("B")
    two.put("z", b"3")
    assert two.holders("z") == ["B"]


class TestListing:
    """duplicity deletes the newest volumes when the hot listing fails once."""

    @pytest.mark.parametrize("mode", Mode)
    @pytest.mark.parametrize("label", ["cold", "hot"])
    def test_a_member_that_fails_is_never_left_out(
        self, label: str, mode: Mode, tmp_path: Path
    ) -> None:
        site = tiers(tmp_path, mode, CONTINUE)
        site.put(VOLUME, b"data")
        site.put(MANIFEST, b"what")
        assert site.holders(VOLUME) == ["cold"]
        assert site.holders(MANIFEST) == ["hot"]
        site.breaks(label)
        with pytest.raises(Unavailable, match=f"{label} is down"):
            site.router.list()

    def test_a_member_that_is_gone_is_never_left_out(self, tmp_path: Path) -> None:
        site = tiers(tmp_path)
        site.put(VOLUME, b"data")
        (tmp_path / "hot").rmdir()
        with pytest.raises(StoreMissing):
            site.router.list()

    def test_a_mirror_lists_each_name_once(self, tmp_path: Path) -> None:
        site = plain(tmp_path)
        site.put("o", b"x")
        assert site.router.list() == (Entry("o", 1),)
        assert site.monitor.told == []

    def test_copies_that_differ_are_told_once(self, tmp_path: Path) -> None:
        site = Site(tmp_path, Member("A", ("a_",)), Member("B", ("b_",)))
        put(site.real["A"], "b_o", b"short")
        put(site.real["B"], "b_o", b"the right one")
        assert site.router.list() == (Entry("b_o", 13),)  # what a get would read
        assert site.router.list("b_") == (Entry("b_o", 13),)
        assert site.monitor.told == ["'b_o' differs: 5 bytes on A, 13 bytes on B"]


class TestSurvey:
    def test_a_mirror_can_be_seen_with_one_member(self, tmp_path: Path) -> None:
        site = plain(tmp_path)
        site.put("o", b"x")
        site.breaks("A")
        assert site.router.extras.surveys
        survey = site.router.extras.surveys.survey()
        assert survey.entries == (Entry("o", 1),)
        assert list(survey.silent) == ["A"]
        site.breaks("B")
        with pytest.raises(Unavailable):
            site.router.extras.surveys.survey()

    def test_a_stripe_cannot(self, tmp_path: Path) -> None:
        site = plain(tmp_path, STRIPE)
        site.breaks("A")
        assert site.router.extras.surveys
        with pytest.raises(Unavailable, match="A is down"):
            site.router.extras.surveys.survey()

    @pytest.mark.parametrize("by", ["tier", "prefix"])
    def test_no_kind_may_look_empty(self, by: str, tmp_path: Path) -> None:
        site = tiers(tmp_path)
        if by == "prefix":
            site = Site(tmp_path, Member("cold", ("c_",)), Member("hot", ("h_",)))
        site.breaks("hot")
        assert site.router.extras.surveys
        with pytest.raises(Unavailable, match="hot is down"):
            site.router.extras.surveys.survey()


class TestGet:
    def test_a_good_copy_costs_one_call(self, tmp_path: Path) -> None:
        site = plain(tmp_path)
        site.put("o", b"x")
        site.calls()
        assert read(site.router, "o") == b"x"
        assert site.calls() == {"A": ["get"], "B": []}

    @pytest.mark.parametrize(
        "error", [Unavailable("down"), Denied("no"), StoreMissing("gone")]
    )
    def test_a_failed_copy_is_passed_over_and_told(
        self, error: StoreError, tmp_path: Path
    ) -> None:
        site = plain(tmp_path)
        site.put("o", b"x")
        site.line["A"].error = error
        assert read(site.router, "o") == b"x"
        assert site.monitor.told == [f"'o' was read from B, as A failed: {error}"]

    def test_a_file_outside_its_place_is_found_in_silence(self, tmp_path: Path) -> None:
        """duplicity looks among the stores with the prefix only."""
        site = Site(tmp_path, Member("A", ("a_",)), Member("B", ("b_",)))
        put(site.real["B"], "a_o", b"x")
        assert read(site.router, "a_o") == b"x"
        assert site.monitor.told == []

    def test_what_a_silent_member_may_have_is_not_missing(self, tmp_path: Path) -> None:
        site = plain(tmp_path)
        site.breaks("B")
        assert site.router.extras.stat
        assert site.router.extras.ranges
        for call in (
            partial(site.router.get, "o"),
            partial(site.router.delete, "o"),
            partial(site.router.extras.stat.stat, "o"),
            partial(site.router.extras.ranges.get_range, "o", 0, 1),
        ):
            with pytest.raises(Unavailable, match="B is down"):
                call()

    def test_a_warm_copy_is_read_before_a_sealed_one(self, tmp_path: Path) -> None:
        members = Member("cold", tier=Tier.COLD), Member("warm")
        site = Site(tmp_path, *members)
        site.put(VOLUME, b"x")
        assert site.holders(VOLUME) == ["cold", "warm"]
        assert read(site.router, VOLUME) == b"x"
        assert site.monitor.told == []
        site.breaks("warm")
        with pytest.raises(Frozen) as caught:
            site.router.get(VOLUME)
        assert caught.value.__notes__ == ["warm failed, too: warm is down"]


class TestCopies:
    def test_a_damaged_copy_can_be_passed_over(self, tmp_path: Path) -> None:
        site = plain(tmp_path)
        site.put("o", b"right")
        (tmp_path / "A" / "o").write_bytes(b"wrong")
        copies = site.router.extras.copies
        assert copies
        assert copies.copies("o") == ("A", "B")
        read_copies = []
        for label in copies.copies("o"):
            with copies.get_copy("o", label) as stream:
                read_copies.append(stream.read())
        assert read_copies == [b"wrong", b"right"]

    def test_warm_ones_come_first(self, tmp_path: Path) -> None:
        cold = [Member(f"c{i}", tier=Tier.COLD) for i in range(3)]
        site = Site(tmp_path, *cold, Member("warm"))
        site.put(VOLUME, b"x")
        assert site.router.extras.copies
        thaw = site.real["c1"].extras.thaw
        assert thaw
        thaw.thaw([VOLUME])
        copies = site.router.extras.copies.copies
        assert copies(VOLUME) == ("warm", "c1", "c0", "c2")
        site.clock.sleep_s(5 * 3600)
        assert copies(VOLUME) == ("c1", "warm", "c0", "c2")

    def test_a_copy_of_which_nothing_is_known_comes_last(self, tmp_path: Path) -> None:
        class NoFrost(Wrapped):
            def around(self, verb: str, name: str, run: Callable[[], T]) -> T:
                if verb == "frost":
                    raise Unavailable("no answer")
                return run()

        cold = [Member(f"c{i}", tier=Tier.COLD) for i in range(2)]
        site = Site(tmp_path, *cold)
        site.put(VOLUME, b"x")
        thaw = site.real["c1"].extras.thaw
        assert thaw
        thaw.thaw([VOLUME])
        router = site.routed({**site.real, "c0": NoFrost(site.real["c0"])})
        assert router.extras.copies
        assert router.extras.copies.copies(VOLUME) == ("c1", "c0")

    def test_without_stat_the_listing_tells(self, tmp_path: Path) -> None:
        site = plain(tmp_path)
        site.put("o", b"x")
        put(site.real["A"], "o2", b"x")
        stores = {k: Without(s, "stat") for k, s in site.real.items()}
        copies = site.routed(stores).extras.copies
        assert copies
        assert copies.copies("o") == ("A", "B")
        assert copies.copies("o2") == ("A",)

    def test_absent_only_if_everybody_says_so(self, tmp_path: Path) -> None:
        site = plain(tmp_path)
        assert site.router.extras.copies
        with pytest.raises(NotFound):
            site.router.extras.copies.copies("o")
        site.breaks("A")
        with pytest.raises(Unavailable):
            site.router.extras.copies.copies("o")
        put(site.real["B"], "o", b"x")
        assert site.router.extras.copies.copies("o") == ("B",)


class TestDelete:
    def test_every_copy_goes_wherever_it_is(self, tmp_path: Path) -> None:
        members = [Member(k, (f"{k}_",)) for k in "ABC"]
        site = Site(tmp_path, *members)
        put(site.real["B"], "A_o", b"x")
        put(site.real["C"], "A_o", b"x")
        site.router.delete("A_o")
        assert site.holders("A_o") == []

    def test_a_member_that_fails_is_an_error_after_the_others(
        self, tmp_path: Path
    ) -> None:
        site = plain(tmp_path)
        site.put("o", b"x")
        site.breaks("A")
        with pytest.raises(Unavailable, match="A is down"):
            site.router.delete("o")
        assert site.holders("o") == ["A"]


class TestThaw:
    def test_one_copy_is_asked(self, tmp_path: Path) -> None:
        site = SITES["two-cold"](tmp_path)
        site.put("o", b"x")
        thaw = site.router.extras.thaw
        assert thaw
        thaw.thaw(["o", "o"])
        thaw.thaw(["o"])
        assert [s.count("thaw") for s in site.seen.values()] == [1, 0]
        assert thaw.frost(["o"])["o"].warmth is Warmth.THAWING

    def test_a_copy_that_thaws_elsewhere_counts(self, tmp_path: Path) -> None:
        site = SITES["two-cold"](tmp_path)
        site.put("o", b"x")
        other = site.real["B"].extras.thaw
        assert other
        other.thaw(["o"])
        assert site.router.extras.thaw
        site.router.extras.thaw.thaw(["o"])
        assert site.seen["A"].count("thaw") == 0
        site.clock.sleep_s(5 * 3600)
        assert read(site.router, "o") == b"x"

    def test_a_warm_copy_elsewhere_is_warm(self, tmp_path: Path) -> None:
        site = Site(tmp_path, Member("cold", tier=Tier.COLD), Member("warm"))
        site.put(VOLUME, b"x")
        thaw = site.router.extras.thaw
        assert thaw
        site.calls()
        assert thaw.frost([VOLUME])[VOLUME].warmth is Warmth.WARM
        thaw.thaw([VOLUME])
        assert site.calls() == {"cold": [], "warm": ["list", "list"]}

    def test_names_are_split_by_where_they_are(self, tmp_path: Path) -> None:
        site = SITES["cold-stripe"](tmp_path)
        for name in "abc":
            site.put(name, b"x")
        thaw = site.router.extras.thaw
        assert thaw
        thaw.thaw(["a", "b"])
        states = {n: f.warmth for n, f in thaw.frost(["a", "b", "c"]).items()}
        assert states == {
            "a": Warmth.THAWING,
            "b": Warmth.THAWING,
            "c": Warmth.COLD,
        }
        assert thaw.frost([]) == {}
        thaw.thaw([])

    def test_a_name_is_absent_only_if_everybody_says_so(self, tmp_path: Path) -> None:
        site = tiers(tmp_path)
        site.put(VOLUME, b"x")
        thaw = site.router.extras.thaw
        assert thaw
        with pytest.raises(NotFound, match="'none'"):
            thaw.frost([VOLUME, "none"])
        site.breaks("hot")
        with pytest.raises(Unavailable, match="hot is down"):
            thaw.frost([VOLUME, "none"])
        assert thaw.frost([VOLUME])[VOLUME].warmth is Warmth.COLD
        assert site.monitor.told == [
            "how cold objects are on hot is not known: hot is down"
        ]

    def test_a_failed_request_does_not_stop_the_others(self, tmp_path: Path) -> None:
        class NoThaw(Wrapped):
            def around(self, verb: str, name: str, run: Callable[[], T]) -> T:
                if verb == "thaw":
                    raise Unavailable("no thaw today")
                return run()

        site = SITES["cold-stripe"](tmp_path)
        site.put("a", b"x")
        site.put("b", b"x")
        router = site.routed({**site.real, "A": NoThaw(site.real["A"])})
        assert router.extras.thaw
        with pytest.raises(Unavailable, match="no thaw today"):
            router.extras.thaw.thaw(["a", "b"])
        assert router.extras.thaw.frost(["b"])["b"].warmth is Warmth.THAWING


def test_it_tells_where_an_object_is_read_from(tmp_path: Path) -> None:
    site = plain(tmp_path, STRIPE)
    for name in "abc":
        site.put(name, b"x")
    site.router = site.routed(site.seen)  # in a run of its own
    site.router.list()
    site.calls()
    assert site.router.extras.group
    told = {name: site.router.extras.group.reads_from(name) for name in "abc"}
    assert told == {name: site.holders(name)[0] for name in "abc"}
    assert len(set(told.values())) == 2
    assert site.calls() == {"A": [], "B": []}


def test_containers_are_made_on_every_member_that_can(tmp_path: Path) -> None:
    site = plain(tmp_path)
    (tmp_path / "B").rmdir()
    assert site.router.extras.create
    assert site.router.extras.create.create()
    assert (tmp_path / "B").is_dir()
    assert not site.router.extras.create.create()
    (tmp_path / "B").rmdir()
    site.breaks("A")
    with pytest.raises(Unavailable):
        site.router.extras.create.create()
    assert (tmp_path / "B").is_dir()


def test_close_closes_all(tmp_path: Path) -> None:
    class Closing(Wrapped):
        closed = False

        def close(self) -> None:
            self.closed = True
            raise Unavailable("the line is cut")

    site = plain(tmp_path)
    stores = {label: Closing(store) for label, store in site.real.items()}
    with pytest.raises(Unavailable):
        site.routed(stores).close()
    assert all(store.closed for store in stores.values())


def test_a_bad_store_is_not_told_object_by_object(tmp_path: Path) -> None:
    site = plain(tmp_path)
    for i in range(20):
        put(site.real["A"], f"o{i}", b"1")
        put(site.real["B"], f"o{i}", b"22")
    site.router.list()
    site.router.list()
    assert len(site.monitor.told) == 6
    assert site.monitor.told[-1] == "more objects differ between stores"
