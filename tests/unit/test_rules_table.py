"""The page that tells which store keeps which rule covers all there is."""

import pytest

from tests.rules_table import (
    HOLDS,
    NOT_OFFERED,
    PAGE,
    STALE,
    Recorder,
    read_page,
    render,
)
from tests.store_cases import STORES
from tiered.testing.contract import ALL


def test_the_page_knows_every_store_and_every_check() -> None:
    cells = read_page()
    assert {store for store, _ in cells} == set(STORES), STALE
    assert {check for _, check in cells} == {c.__name__ for c in ALL}, STALE
    assert PAGE.read_text() == render(STORES, cells), STALE


def test_the_page_says_what_the_suite_declares() -> None:
    """That it is so is shown by the suite itself."""
    for (store, check), cell in read_page().items():
        reason = STORES[store].exceptions.get(check)
        assert cell in ({reason} if reason else {HOLDS, NOT_OFFERED}), STALE


def test_a_check_that_was_not_run_is_no_empty_cell() -> None:
    with pytest.raises(KeyError):
        render(STORES, {})


def test_a_run_that_sees_something_else_fails(request: pytest.FixtureRequest) -> None:
    check = ALL[0]
    recorder = Recorder(request.node, {("file", check.__name__): HOLDS})
    recorder.record("file", check, HOLDS)
    recorder.record("a store that the page does not know yet", check, NOT_OFFERED)
    with pytest.raises(AssertionError, match="make rules"):
        recorder.record("file", check, NOT_OFFERED)
    request.node.user_properties.clear()  # so that nobody takes this for a run
