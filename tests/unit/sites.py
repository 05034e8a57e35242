"""Routers over folders, whose members can be watched and broken."""

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from tiered.archive.kinds import SAMPLES, Kind
from tiered.backends.file import FileSettings, FileStore
from tiered.errors import (
    StoreError,
    Unavailable,
)
from tiered.monitor import SilentMonitor
from tiered.router.route import Mode, OnFail
from tiered.router.router import Router
from tiered.router.rules import Member, Rules, Tier
from tiered.store import Extras, PutMode, Store
from tiered.testing.clocks import JumpingClock
from tiered.testing.cold import ColdSettings, ColdStore
from tiered.testing.sources import BytesSource
from tiered.wrap.base import Wrapped
from tiered.wrap.record import Recorded

T = TypeVar("T")

VOLUME = SAMPLES[Kind.ARCHIVE]
MANIFEST = SAMPLES[Kind.MANIFEST]
CONTINUE, ABORT = OnFail.CONTINUE, OnFail.ABORT
MIRROR, STRIPE = Mode.MIRROR, Mode.STRIPE


class Warnings(SilentMonitor):
    """Keeps what the user would be told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def warn(self, message: str, hint: str = "") -> None:
        self.told.append(message)


class Down(Wrapped):
    """A store that does not answer while `error` is set."""

    error: StoreError | None = None

    def around(self, verb: str, name: str, run: Callable[[], T]) -> T:
        if self.error:
            raise self.error
        return run()


class Without(Wrapped):
    """A store that lacks some capabilities."""

    def __init__(self, inner: Store, *lacking: str) -> None:
        super().__init__(inner)
        self.lacking = lacking

    @property
    def extras(self) -> Extras:
        return dataclasses.replace(super().extras, **dict.fromkeys(self.lacking))


class Site:
    """A router over members A, B, ... each of which can be watched and broken."""

    def __init__(
        self,
        root: Path,
        *members: Member,
        mode: Mode = MIRROR,
        onfail: OnFail = CONTINUE,
    ) -> None:
        self.root, self.clock, self.monitor = root, JumpingClock(), Warnings()
        self.real = {m.label: self._real(m) for m in members}
        self.line = {label: Down(store) for label, store in self.real.items()}
        self.seen = {label: Recorded(line) for label, line in self.line.items()}
        self.rules = Rules(members, mode, onfail)
        self.router = self.routed(self.seen)

    def routed(self, stores: Mapping[str, Store]) -> Router:
        return Router(self.rules, stores, self.monitor)

    def put(self, name: str, data: bytes, mode: PutMode = PutMode.CREATE) -> None:
        self.router.put(name, BytesSource(data), mode)

    def breaks(self, *labels: str) -> None:
        for label in labels:
            self.line[label].error = Unavailable(f"{label} is down")

    def holders(self, name: str) -> list[str]:
        """Where the object really is."""
        stores = self.real.items()
        return [k for k, s in stores if name in {e.name for e in s.list()}]

    def calls(self) -> dict[str, list[str]]:
        """Verbs that each member got since the last time."""
        calls = {k: [verb for verb, _ in s.calls] for k, s in self.seen.items()}
        for store in self.seen.values():
            store.forget()
        return calls

    def _real(self, member: Member) -> Store:
        root = self.root / member.label
        root.mkdir(exist_ok=True)
        store = FileStore(FileSettings(root=root, durable=False))
        if member.tier is not Tier.COLD:
            return store
        settings = ColdSettings(states=self.root / f"{member.label}.states")
        return ColdStore(store, settings, self.clock)


def plain(root: Path, mode: Mode = MIRROR, onfail: OnFail = CONTINUE) -> Site:
    return Site(root, Member("A"), Member("B"), mode=mode, onfail=onfail)


def tiers(root: Path, mode: Mode = MIRROR, onfail: OnFail = ABORT) -> Site:
    """The set-up this product is made for."""
    members = Member("cold", tier=Tier.COLD), Member("hot", tier=Tier.HOT)
    return Site(root, *members, mode=mode, onfail=onfail)


def with_read_only(root: Path, mode: Mode = MIRROR, onfail: OnFail = ABORT) -> Site:
    """R comes first, and would be asked first for everything."""
    members = Member("R", read_only=True), Member("A"), Member("B")
    return Site(root, *members, mode=mode, onfail=onfail)


def read(store: Store, name: str) -> bytes:
    with store.get(name) as stream:
        return stream.read()


def put(store: Store, name: str, data: bytes) -> None:
    store.put(name, BytesSource(data), PutMode.CREATE)


SITES: dict[str, Callable[[Path], Site]] = {
    **{
        f"{mode.value}-{onfail.value}": partial(plain, mode=mode, onfail=onfail)
        for mode in Mode
        for onfail in OnFail
    },
    "tiers": tiers,
    "one": lambda root: Site(root, Member("A"), mode=STRIPE),
    **{f"read-only-{mode.value}": partial(with_read_only, mode=mode) for mode in Mode},
    "two-cold": lambda root: Site(
        root, Member("A", tier=Tier.COLD), Member("B", tier=Tier.COLD)
    ),
    "cold-stripe": lambda root: Site(
        root, Member("A", tier=Tier.COLD), Member("B", tier=Tier.COLD), mode=STRIPE
    ),
}
for_every_site = pytest.mark.parametrize("site", SITES.values(), ids=SITES)
