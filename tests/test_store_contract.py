"""Every store keeps the contract: `tests.store_cases` lists them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.rules_table import HOLDS, NOT_OFFERED, Recorder
from tests.store_cases import STORES
from tests.store_openers import Site
from tiered.testing.contract import ABSENT, ALL, Check, Outcome, Rig, offered

for_every_store = pytest.mark.parametrize("store", STORES)


@contextmanager
def opened(store: str, site: Site) -> Iterator[Rig]:
    rig = STORES[store].open(site)
    try:
        yield rig
    finally:
        rig.store.close()


def cell(store: str, check: Check, rig: Rig) -> str:
    """Run a check: what the table of stores says of it; fails if that may not be."""
    finding = check(rig)
    if reason := STORES[store].exceptions.get(check.__name__):
        assert check.is_optional, "a rule has no exceptions"
        return reason
    if finding.outcome is Outcome.HOLDS:
        return HOLDS
    assert finding.outcome is Outcome.NOT_OFFERED, finding.remark
    assert not check.is_optional, finding.remark
    return NOT_OFFERED


@for_every_store
@pytest.mark.parametrize("check", ALL, ids=lambda c: c.__name__)
def test_contract(
    check: Check,
    store: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    rules: Recorder,
) -> None:
    site = Site(tmp_path / "store", request, exists=check is not ABSENT)
    with opened(store, site) as rig:
        rules.record(store, check, cell(store, check, rig))


@for_every_store
def test_offers_exactly_the_declared_extras(
    store: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with opened(store, Site(tmp_path / "store", request, exists=True)) as rig:
        assert offered(rig.store.extras) == STORES[store].extras
