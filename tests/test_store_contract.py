"""Every store keeps the contract.  A new backend is one line in STORES."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tiered.backends.file import FileSettings, FileStore
from tiered.store import Store
from tiered.testing.clocks import JumpingClock
from tiered.testing.cold import ColdSettings, ColdStore
from tiered.testing.contract import (
    CHECKS,
    Check,
    Rig,
    offered,
    r8_nothing_is_made_unasked,
)
from tiered.wrap.base import Wrapped


@dataclass(frozen=True, kw_only=True)
class Case:
    """How to open an empty store, and what it must be able to do."""

    open: Callable[[Path], Rig]
    extras: set[str]
    """Written down, so that a capability cannot disappear unnoticed."""


def at_once(store: Store) -> Rig:
    def wait(_: float) -> None:
        raise AssertionError("this store is never cold")

    return Rig(store=store, wait=wait)


def file(root: Path) -> FileStore:
    return FileStore(FileSettings(root=root, durable=False))


def cold(root: Path) -> Rig:
    clock = JumpingClock()
    settings = ColdSettings(states=root.with_name(root.name + ".states"))
    return Rig(store=ColdStore(file(root), settings, clock), wait=clock.sleep_s)


STORES = {
    "file": Case(open=lambda p: at_once(file(p)), extras={"ranges", "stat", "create"}),
    "wrapped": Case(
        open=lambda p: at_once(Wrapped(file(p))), extras={"ranges", "stat", "create"}
    ),
    "cold": Case(open=cold, extras={"thaw", "stat", "create"}),
}

for_every_store = pytest.mark.parametrize("case", STORES.values(), ids=STORES.keys())


@for_every_store
@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.__name__)
def test_contract(check: Check, case: Case, tmp_path: Path) -> None:
    root = tmp_path / "store"
    root.mkdir()
    check(case.open(root))


@for_every_store
def test_nothing_is_made_unasked(case: Case, tmp_path: Path) -> None:
    r8_nothing_is_made_unasked(case.open(tmp_path / "missing"))


@for_every_store
def test_offers_exactly_the_declared_extras(case: Case, tmp_path: Path) -> None:
    assert offered(case.open(tmp_path).store.extras) == case.extras
