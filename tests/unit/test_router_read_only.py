"""A member that is read-only: it is read, and otherwise left as it is."""

from pathlib import Path

import pytest

from tests.unit.sites import (
    ABORT,
    CONTINUE,
    MANIFEST,
    MIRROR,
    STRIPE,
    VOLUME,
    Site,
    put,
    read,
    with_read_only,
)
from tiered.errors import AlreadyExists, Denied, NotFound, Unavailable
from tiered.router.route import Mode, OnFail, Route
from tiered.router.rules import Member, Rules, Tier
from tiered.store import Debt, Homes, Owed, PutMode, Warmth
from tiered.wrap.readonly import ReadOnly


def refusing(site: Site) -> Site:
    """As it is opened for a config: R itself refuses what changes it."""
    stores = {**site.seen, "R": ReadOnly(site.seen["R"], "read_only")}
    site.router = site.routed(stores)
    return site


@pytest.fixture(params=[(m, f) for m in Mode for f in OnFail], ids=str)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    mode, onfail = request.param
    return refusing(with_read_only(tmp_path, mode, onfail))


def test_it_gets_nothing_and_owes_nothing(site: Site) -> None:
    for name in (VOLUME, MANIFEST, "other"):
        site.put(name, b"new")
        site.put(name, b"newer", PutMode.REPLACE)
        assert "R" not in site.holders(name)
    site.router.delete("other")
    assert site.router.debts == ()
    assert site.monitor.told == []
    assert not {"put", "delete", "create"} & {*site.calls()["R"]}


def test_it_is_read(site: Site) -> None:
    put(site.real["R"], "old", b"kept")
    assert [entry.name for entry in site.router.list()] == ["old"]
    assert read(site.router, "old") == b"kept"
    assert site.router.extras.copies
    assert site.router.extras.copies.copies("old") == ("R",)


def test_what_was_replaced_is_not_read_from_it(site: Site) -> None:
    """It has the old bytes for good, so it is asked last."""
    put(site.real["R"], "o", b"older")
    site.put("o", b"new", PutMode.REPLACE)
    assert read(site.router, "o") == b"new"
    other = site.routed(site.seen)
    assert [entry.size for entry in other.list()] == [3]
    assert read(other, "o") == b"new"


def test_what_is_deleted_elsewhere_stays_there_and_is_told_once(site: Site) -> None:
    for name in ("o", "p"):
        put(site.real["R"], name, b"kept")
        put(site.real["A"], name, b"kept")
        site.router.delete(name)
        assert site.holders(name) == ["R"]
    [told] = site.monitor.told
    assert told.startswith("R keeps what is deleted elsewhere, such as 'o'")
    site.router.delete("o")  # there it is, and the user knows why
    with pytest.raises(NotFound):
        site.router.delete("q")


def test_a_delete_does_not_need_it(site: Site) -> None:
    site.put("o", b"x")
    site.breaks("R")
    site.router.delete("o")
    assert site.holders("o") == []


def test_a_stripe_does_not_take_a_name_that_it_has(tmp_path: Path) -> None:
    site = refusing(with_read_only(tmp_path, STRIPE))
    put(site.real["R"], "o", b"kept")
    with pytest.raises(AlreadyExists):
        site.put("o", b"new")


@pytest.mark.parametrize("onfail", OnFail)
def test_a_mirror_with_one_other_member_needs_that_one(
    onfail: OnFail, tmp_path: Path
) -> None:
    members = Member("R", read_only=True), Member("A")
    site = refusing(Site(tmp_path, *members, mode=MIRROR, onfail=onfail))
    site.breaks("A")
    with pytest.raises(Unavailable):
        site.put("o", b"new")
    assert site.router.extras.surveys
    with pytest.raises(Unavailable):  # R has nothing new: that looked like emptiness
        site.router.extras.surveys.survey()


@pytest.mark.parametrize("mode", Mode)
def test_without_it_objects_can_be_put(mode: Mode, tmp_path: Path) -> None:
    site = with_read_only(tmp_path, MIRROR, ABORT)
    site.breaks("R")
    assert site.router.extras.surveys
    assert site.router.extras.surveys.survey().writable


@pytest.mark.parametrize("mode", Mode)
def test_if_all_are_nothing_can_be_put(mode: Mode, tmp_path: Path) -> None:
    site = Site(tmp_path, Member("R", read_only=True), mode=mode, onfail=CONTINUE)
    put(site.real["R"], "o", b"kept")
    assert read(site.router, "o") == b"kept"
    for put_mode in PutMode:
        with pytest.raises(Denied, match="'p' can be put nowhere") as caught:
            site.put("p", b"x", put_mode)
        assert "read_only" in caught.value.hint
    assert site.router.extras.surveys
    assert not site.router.extras.surveys.survey().writable


def test_a_thaw_is_asked_of_another(tmp_path: Path) -> None:
    members = Member("R", tier=Tier.COLD, read_only=True), Member("A", tier=Tier.COLD)
    site = refusing(Site(tmp_path, *members))
    for label in ("R", "A"):
        put(site.real[label], VOLUME, b"data")
    thaw = site.router.extras.thaw
    assert thaw
    thaw.thaw([VOLUME])
    assert thaw.frost([VOLUME])[VOLUME].warmth is Warmth.THAWING
    put(site.real["R"], "x" + VOLUME, b"data")
    with pytest.raises(Denied, match="cannot thaw"):
        thaw.thaw(["x" + VOLUME])


def test_no_debt_is_kept_for_it(tmp_path: Path) -> None:
    group = with_read_only(tmp_path).router.extras.group
    assert group
    assert group.read_only == {"R"}
    assert group.homes("o") == Homes(labels=("A", "B"), copies=2)
    assert group.homes("o", "A") == Homes(labels=("B",), copies=1)
    group.owe([Debt("o", "R", Owed.DAMAGED), Debt("o", "A", Owed.DAMAGED)])
    assert [debt.label for debt in group.debts()] == ["A"]


def test_routes_and_members_must_agree() -> None:
    route = Route(labels=("A", "R"), mode=MIRROR, onfail=ABORT)
    with pytest.raises(ValueError, match="writes otherwise"):
        Rules((Member("A"), Member("R", read_only=True)), routes=(route,))
