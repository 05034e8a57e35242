"""What PCA says about coldness, read without a server."""

import pytest

from tiered.backends.swift.pca_frost import frost_of_headers, frost_of_row
from tiered.errors import StoreError
from tiered.store import Frost, Warmth


@pytest.mark.parametrize(
    ("state", "delay", "frost"),
    [
        ("sealed", None, Frost(Warmth.COLD)),
        ("sealed", 14313, Frost(Warmth.COLD)),
        ("unsealing", 14313, Frost(Warmth.THAWING, 14313.0)),
        ("unsealing", 0, Frost(Warmth.THAWING, 0.0)),
        ("unsealing", -5, Frost(Warmth.THAWING, 0.0)),
        ("unsealing", None, Frost(Warmth.THAWING, None)),
        ("unsealed", None, Frost(Warmth.WARM)),
        ("unsealed", 7, Frost(Warmth.WARM)),
    ],
)
def test_a_row_tells(state: str, delay: int | None, frost: Frost) -> None:
    row = {"policy_retrieval_state": state, "policy_retrieval_delay": delay}
    assert frost_of_row("o", row) == frost


def test_a_row_without_a_delay_tells_no_wait() -> None:
    row = {"policy_retrieval_state": "unsealing"}
    assert frost_of_row("o", row) == Frost(Warmth.THAWING, None)


@pytest.mark.parametrize(
    ("headers", "frost"),
    [
        ({"x-ovh-retrieval-state": "sealed"}, Frost(Warmth.COLD)),
        ({"x-ovh-retrieval-state": "unsealed"}, Frost(Warmth.WARM)),
        (
            {"x-ovh-retrieval-state": "unsealing", "x-ovh-retrieval-delay": "61"},
            Frost(Warmth.THAWING, 61.0),
        ),
        ({"x-ovh-retrieval-state": "unsealing"}, Frost(Warmth.THAWING, None)),
    ],
)
def test_headers_tell(headers: dict[str, str], frost: Frost) -> None:
    assert frost_of_headers("o", headers) == frost


@pytest.mark.parametrize("state", [None, "", "thawed", "SEALED"])
def test_an_unknown_state_is_never_warm(state: str | None) -> None:
    with pytest.raises(StoreError, match="'o'"):
        frost_of_row("o", {"policy_retrieval_state": state})


def test_absent_headers_are_never_warm() -> None:
    with pytest.raises(StoreError, match="None"):
        frost_of_headers("o", {"content-length": "3"})
