"""Retry-After as servers write it."""

import pytest

from tiered.retry_after import retry_after_s
from tiered.testing.clocks import JumpingClock

DATE = "Sat, 21 Nov 2026 20:00:00 GMT"
LATER = "Sat, 21 Nov 2026 20:01:30 GMT"


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": " 120 "}, 120.0),
        ({"RETRY-AFTER": "0"}, 0.0),
        ({"Retry-After": LATER, "Date": DATE}, 90.0),
        ({"retry-after": "Saturday, 21-Nov-26 20:01:30 GMT", "date": DATE}, 90.0),
        ({"Retry-After": "Sat Nov 21 20:01:30 2026", "Date": DATE}, 90.0),
        ({"Retry-After": DATE, "Date": LATER}, 0.0),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "\u0663"}, None),
        ({"Retry-After": "soon", "Date": DATE}, None),
        ({"Retry-After": "Sat, 99 Nov 2026 20:01:30 GMT"}, None),
        ({"Date": DATE}, None),
        ({}, None),
        (None, None),
    ],
)
def test_every_form(headers: dict[str, str] | None, wait_s: float | None) -> None:
    assert retry_after_s(headers) == wait_s


def test_without_a_date_the_clock_counts() -> None:
    clock = JumpingClock(time_s=1_795_291_200.0)  # 2026-11-21 20:00:00 UTC
    assert retry_after_s({"Retry-After": LATER}, clock) == 90.0
    assert retry_after_s({"Retry-After": LATER, "Date": "?"}, clock) == 90.0
