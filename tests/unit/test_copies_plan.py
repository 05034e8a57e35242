"""What copies are judged to be, and what a repair plans: values in, values out."""

from typing import Any

import pytest

from tiered.engine.copies.compare import Finding, compare
from tiered.engine.copies.plan import Frosts, RepairPlan, plan_repair
from tiered.store import Debt, Entry, Frost, Homes, Owed, Warmth

NAME = "tiered-full.20261121T000000Z.vol1.difftar.zst"
OTHER = NAME.replace("vol1", "vol2")
COLD, WARM = Frost(Warmth.COLD), Frost(Warmth.WARM)


def find(
    *suspects: str, labels: str = "ABC", copies: int = 3, **sizes: int | tuple[int, str]
) -> Finding | None:
    """Of one object; per member the size, or size and MD5, of its copy."""
    listings: dict[str, tuple[Entry, ...]] = dict.fromkeys(labels, ())
    for label, what in sizes.items():
        size, md5 = what if isinstance(what, tuple) else (what, None)
        listings[label] = (Entry(NAME, size, md5),)
    homes = Homes(labels=tuple(labels), copies=copies)
    bad = {NAME: frozenset(suspects)} if suspects else {}
    found = list(compare(listings, lambda _: homes, bad))
    return found[0] if found else None


def one(finding: Finding | None) -> Finding:
    assert finding
    return finding


class TestCompare:
    def test_copies_that_agree(self) -> None:
        assert find(A=5, B=5, C=5) is None
        assert find(A=(5, "x"), B=5, C=(5, "x")) is None
        assert find(A=5, B=5, copies=2) is None  # two are enough

    def test_a_missing_one(self) -> None:
        assert one(find(A=5, B=5)).missing == ("C",)

    def test_most_decide(self) -> None:
        finding = one(find(A=5, B=4, C=5))
        assert (finding.good, finding.different) == (("A", "C"), ("B",))
        assert not finding.unclear
        finding = one(find(A=(5, "x"), B=(5, "x"), C=(5, "y")))
        assert (finding.different, finding.unclear) == (("C",), False)

    @pytest.mark.parametrize(
        "sizes", [{"A": 5, "B": 4}, {"A": 4, "B": 4, "C": 5}, {"A": 1, "B": 2, "C": 3}]
    )
    def test_but_not_for_less_bytes_and_not_alone(self, sizes: dict[str, int]) -> None:
        finding = one(find(**dict[str, Any](sizes)))
        assert finding.unclear
        assert finding.size_bytes == max(sizes.values())

    def test_who_is_damaged_has_no_voice(self) -> None:
        finding = one(find("A", "B", A=4, B=4, C=5))
        assert (finding.good, finding.damaged) == (("C",), ("A", "B"))
        assert not finding.unclear
        assert one(find("A", "B", "C", A=5, B=5, C=5)).lost

    def test_what_is_of_no_archive_is_not_looked_at(self) -> None:
        listings = {"A": (Entry("notes.txt", 1),), "B": ()}
        homes = Homes(labels=("A", "B"), copies=2)
        assert list(compare(listings, lambda _: homes, {})) == []


def plan(
    *findings: Finding,
    debts: tuple[Debt, ...] = (),
    frosts: Frosts | None = None,
    only: str | None = None,
    members: str = "ABC",
    answered: str = "ABC",
    kept: frozenset[str] = frozenset(),
) -> RepairPlan:
    return plan_repair(
        findings,
        debts,
        frosts or {},
        frozenset(answered),
        members=frozenset(members),
        kept=kept,
        only=only,
    )


class TestPlan:
    def test_the_copy_that_can_be_read_comes_first(self) -> None:
        frosts = {"A": {NAME: COLD}}
        [transfer] = plan(one(find(A=5, B=5)), frosts=frosts).transfers
        assert (transfer.sources, transfer.targets) == (("B", "A"), ("C",))

    def test_sealed_ones_are_asked_for_once(self) -> None:
        frosts = {"A": {NAME: COLD}, "B": {NAME: COLD}}
        found = plan(one(find(A=5, B=5)), frosts=frosts)
        assert found.transfers == ()
        assert found.thaws == {"A": (NAME,)}

    def test_one_that_thaws_already_is_waited_for(self) -> None:
        frosts = {"A": {NAME: COLD}, "B": {NAME: Frost(Warmth.THAWING, 9.0)}}
        assert plan(one(find(A=5, B=5)), frosts=frosts).thaws == {"B": (NAME,)}

    def test_a_wrong_warm_copy_is_no_source_instead_of_a_sealed_one(self) -> None:
        frosts = {"A": {NAME: COLD}, "B": {NAME: COLD}, "C": {NAME: WARM}}
        assert plan(one(find(A=5, B=5, C=4)), frosts=frosts).thaws == {"A": (NAME,)}

    def test_contested_copies_count_one_less(self) -> None:
        found = plan(one(find(labels="AB", copies=2, A=5, B=4)))
        [transfer] = found.transfers
        assert (transfer.contested, transfer.copies) == (True, 1)
        assert found.size_bytes == 5

    def test_one_member_alone(self) -> None:
        [transfer] = plan(one(find(A=5)), only="C").transfers
        assert transfer.targets == ("C",)
        assert not transfer.may_write("B")
        assert plan(one(find(A=5, B=5)), only="A").transfers == ()

    def test_what_is_damaged_everywhere_is_read_again_and_thawed_never(self) -> None:
        finding = one(find("A", "B", "C", A=5, B=5, C=5))
        found = plan(finding)
        assert found.lost == (finding,)
        assert len(found.transfers) == 1
        frosts = {label: {NAME: COLD} for label in "ABC"}
        found = plan(finding, frosts=frosts)
        assert found.transfers == found.sealed == ()

    def test_the_emptiest_member_gets_what_one_must_have(self) -> None:
        """Of a stripe; what it gets now counts, too."""
        homes = Homes(labels=("B", "C"), copies=1)
        listings = {"A": (Entry(NAME, 5), Entry(OTHER, 5)), "B": (), "C": ()}
        findings = list(compare(listings, lambda _: homes, {}))
        found = plan_repair(findings, (), {}, frozenset("ABC"), loads={"B": 3, "C": 0})
        assert [t.targets for t in found.transfers] == [("C",), ("B",)]

    def test_debts(self) -> None:
        lacking = one(find(A=5, B=5))
        needed, gone = Debt(NAME, "C"), Debt(OTHER, "C", Owed.DAMAGED)
        away, former = Debt(OTHER, "B"), Debt(OTHER, "Z")
        unsure = Debt(NAME, "Z")
        every = (needed, gone, away, former, unsure)
        found = plan(lacking, debts=every, answered="AC")
        assert found.paid == (gone, former)
        found = plan(lacking, debts=every, answered="AC", kept=frozenset([OTHER]))
        assert found.paid == ()
