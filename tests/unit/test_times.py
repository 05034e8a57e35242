"""Times that users type, and times in names."""

from datetime import timedelta, timezone

import pytest

from tiered.archive.times import format_name_time, parse_name_time, parse_time

NOW_S = 1_795_223_617.75  # 2026-11-21T01:13:37Z
DAY_S = 86400
EAST = timezone(timedelta(hours=1))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", 1_795_223_617),
        ("0", 0),
        ("1795223617", 1_795_223_617),
        ("20261121T011337Z", 1_795_223_617),
        ("2026-11-21T01:13:37Z", 1_795_223_617),
        ("2026-11-21T01:13:37+00:00", 1_795_223_617),
        ("2026-11-20T18:13:37-07:00", 1_795_223_617),
        ("2026-11-21T02:13:37", 1_795_223_617),  # in the zone given
        ("2026-11-21", 1_795_215_600),  # midnight there
        ("2026/11/21", 1_795_215_600),
        ("11-21-2026", 1_795_215_600),
        ("11/21/2026", 1_795_215_600),
        ("20261121Z", 1_795_215_600),
        ("30s", 1_795_223_587),
        ("5m", 1_795_223_617 - 300),
        ("2h", 1_795_223_617 - 7200),
        ("3D", 1_795_223_617 - 3 * DAY_S),
        ("1W", 1_795_223_617 - 7 * DAY_S),
        ("1M", 1_795_223_617 - 30 * DAY_S),
        ("1Y", 1_795_223_617 - 365 * DAY_S),
        ("1h78m", 1_795_223_617 - 3600 - 78 * 60),
        ("3D12h", 1_795_223_617 - 3 * DAY_S - 43200),
    ],
)
def test_what_users_type(text: str, expected: int) -> None:
    assert parse_time(text, NOW_S, EAST) == expected


def test_a_date_without_a_zone_is_of_this_machine() -> None:
    assert parse_time("2026-11-21", NOW_S) - parse_time("2026-11-20", NOW_S) == DAY_S


NO_TIMES = [
    *("", "yesterday", "3d", "-3D", "2026-13-01", "2026-11-21T25:00:00", "3D "),
    *("21.11.2026", "1.5h", "D", "NOW", "+1h", "2026-11", "²", "٣", "٣D"),
    *("9" * 12, "9" * 5000, "9" * 5000 + "D", "9999-12-31T23:59:59-01:00"),
]


@pytest.mark.parametrize("text", NO_TIMES, ids=lambda t: t[:20])
def test_what_is_not_a_time(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time"):
        parse_time(text, NOW_S)


@pytest.mark.parametrize(
    "text", ["100Y", "999999999999Y", "0001-01-01", "0001-01-01T00:00:00+14:00"]
)
def test_before_1970_is_0(text: str) -> None:
    assert parse_time(text, NOW_S) == 0


def test_in_names() -> None:
    assert format_name_time(1_795_223_617) == "20261121T011337Z"
    assert parse_name_time("20261121T011337Z") == 1_795_223_617
    assert format_name_time(0) == "19700101T000000Z"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2002-08-06T04:22:00-07:00", 1_028_632_920),
        ("2002-08-06T04_22_00-07_00", 1_028_632_920),
        ("2002-08-06T11:22:00Z", 1_028_632_920),
        ("2002-08-06", None),  # a date is no moment
        ("2D", None),
        ("now", None),
        ("", None),
    ],
)
def test_in_old_names(text: str, expected: int | None) -> None:
    assert parse_name_time(text) == expected
