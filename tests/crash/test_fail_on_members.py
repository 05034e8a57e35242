"""A store of a router is lost at its call 1, 2, 3 ... of a full backup: after each,
what looks whole is whole.

Either the set restores, has the copies that its route wants at least, and each copy
that is missing is a debt, which another machine reads; or nobody has a manifest.
One case is left, and cannot be told from outside: a manifest that arrived, and the
answer did not.  Then it lies on that store alone, and the set restores, too.
"""

from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Literal

import pytest

from tests.crash.world import make_source
from tests.engine import Archive, file_store, open_archive
from tiered.archive.collection import collect
from tiered.archive.debts import debts_name
from tiered.archive.filename import Namer, Prefixes
from tiered.archive.kinds import Kind, kind_of
from tiered.archive.style import Style
from tiered.engine.backup import Action
from tiered.errors import StoreError, Unavailable
from tiered.monitor import SilentMonitor
from tiered.router.ledger import LedgerSettings
from tiered.router.route import Mode, OnFail, Route
from tiered.router.router import Router
from tiered.router.rules import Member, Rules
from tiered.store import Store
from tiered.testing.clocks import JumpingClock
from tiered.testing.faulty import Faulty
from tiered.testing.tree import differences, snapshot

When = Literal["before", "after"]
LABELS = ("A", "B", "C")
VOLUME_BYTES = 80_000
LEAST_CALLS, LONGEST_RUN = 3, 40
_MEMBERS = tuple(map(Member, LABELS))


def rules(mode: Mode, onfail: OnFail, quorum: int | None = None) -> Rules:
    route = Route(labels=LABELS, mode=mode, onfail=onfail, quorum=quorum)
    return Rules(_MEMBERS, mode, onfail, routes=(route,))


RULES = {
    "mirror-continue": rules(Mode.MIRROR, OnFail.CONTINUE),
    "mirror-quorum": rules(Mode.MIRROR, OnFail.CONTINUE, 2),
    "mirror-abort": rules(Mode.MIRROR, OnFail.ABORT),
    "stripe-continue": rules(Mode.STRIPE, OnFail.CONTINUE),
    "stripe-abort": rules(Mode.STRIPE, OnFail.ABORT),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Who is lost, and when."""

    victims: tuple[str, ...]
    when: When
    at: int


class Site:
    """Three folders, and a machine that backs up to them."""

    def __init__(self, root: Path, rules: Rules) -> None:
        root.mkdir()
        self.root, self.rules = root, rules
        self.clock = JumpingClock(1_800_000_000.0)
        self._runs = count()

    def folder(self, label: str) -> Path:
        return self.root / label

    def back_up(self, source: Path, loss: Loss | None = None) -> tuple[bool, bool]:
        """Was the store lost, and was a set written?"""
        faulty = self.faulty(loss) if loss else {}
        router = self.router(faulty)
        archive = self.machine(router, "machine")
        self.clock.sleep_s(2)
        try:
            archive.back_up(source, Action.FULL, VOLUME_BYTES)
            written = True
        except Unavailable:
            written = False
        with suppress(StoreError):
            router.close()
        return any(f.fired for f in faulty.values()), written

    def faulty(self, loss: Loss) -> dict[str, Faulty]:
        stores = {label: file_store(self.folder(label)) for label in loss.victims}
        return {k: Faulty(s, loss.at, loss.when) for k, s in stores.items()}

    def router(self, other: Mapping[str, Store]) -> Router:
        name = debts_name("", int(self.clock.time_s()), f"{next(self._runs):08x}")
        stores = {label: file_store(self.folder(label)) for label in LABELS}
        ledger = LedgerSettings(name=name, clock=self.clock)
        return Router(self.rules, {**stores, **other}, SilentMonitor(), ledger=ledger)

    def machine(self, router: Router, name: str) -> Archive:
        folder = self.root / name
        folder.mkdir(exist_ok=True)
        return open_archive(folder, router, clock=self.clock, style=Style.TIERED)

    def holders(self) -> dict[str, set[str]]:
        """Name of each object -> who has it."""
        found: dict[str, set[str]] = {}
        for label in LABELS:
            for path in self.folder(label).iterdir():
                found.setdefault(path.name, set()).add(label)
        return found

    def manifests(self) -> dict[str, set[str]]:
        holders = self.holders().items()
        return {
            name: found for name, found in holders if kind_of(name) is Kind.MANIFEST
        }

    def check_whole(self, source: Path, target: Path) -> None:
        """All copies of each object are the same, and another machine restores."""
        for name, labels in self.holders().items():
            assert len({(self.folder(k) / name).read_bytes() for k in labels}) == 1
        with closing(self.router({})) as router:
            self.machine(router, "another machine").restore(target)
        assert differences(snapshot(source), snapshot(target)) == []

    def check_copies(self) -> None:
        """As many as are wanted at least; the others are debts."""
        holders = self.holders()
        with closing(self.router({})) as router:
            assert router.extras.group
            owed = {(debt.name, debt.label) for debt in router.extras.group.debts()}
            (only,) = collect(router.list(), Namer(Prefixes())).sets
        route = self.rules.route_of("")
        for name in (each.name for each in only.objects):
            assert len(holders[name]) >= route.need, name
            if route.mode is Mode.MIRROR:
                missing = {*LABELS} - holders[name]
                assert {(name, label) for label in missing} <= owed
        assert not owed or (route.mode, route.onfail) == (Mode.MIRROR, OnFail.CONTINUE)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("world") / "source"
    root.mkdir()
    make_source(root, 1)
    return root


def check(site: Site, source: Path, loss: Loss) -> tuple[bool, bool]:
    """Back up while stores are lost; were they, and was a set written?"""
    lost, written = site.back_up(source, loss)
    holders = {label for found in site.manifests().values() for label in found}
    target = site.root / "restored"
    if written:
        site.check_copies()
        site.check_whole(source, target)
    elif holders:  # it arrived, and the answer did not
        assert loss.when == "after"
        assert holders <= {*loss.victims}
        site.check_whole(source, target)
    else:
        assert site.back_up(source) == (False, True)
        site.check_copies()
    return lost, written


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("victims", ["A", "B", "BC"])
@pytest.mark.parametrize("name", RULES)
def test_full(
    name: str, victims: str, when: When, source: Path, tmp_path: Path
) -> None:
    wanted = RULES[name]
    route = wanted.route_of("")
    spare = len(LABELS) - route.need if route.mode is Mode.MIRROR else len(LABELS) - 1
    survives = route.onfail is OnFail.CONTINUE and len(victims) <= spare
    for at in range(1, LONGEST_RUN):
        loss = Loss(victims=tuple(victims), when=when, at=at)
        lost, written = check(Site(tmp_path / f"{at}", wanted), source, loss)
        # what lies on a member of a stripe is nowhere else, so nobody lists without it
        is_unlisted = route.mode is Mode.STRIPE and at == 1
        assert written or is_unlisted or not survives
        if not lost:
            assert written
            assert at > LEAST_CALLS
            return
    raise AssertionError("the run never ended")
