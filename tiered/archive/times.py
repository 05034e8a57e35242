"""Times in names and on the command line: text <-> seconds since 1970 UTC.

Forms [docs/format/duplicity.md, "Times"]: `now`; epoch seconds;
`20261121T011337Z`; `2026-11-21T01:13:37[+01:00|Z]`; intervals such as `3D12h`
before now; dates `2026-11-21`, `2026/11/21`, `11-21-2026`, `11/21/2026`,
`20261121Z`, meaning local midnight.
"""

import re
from datetime import UTC, datetime, tzinfo

LAST_TIME_S = 253_402_300_799
"""The last second of the year 9999: what a calendar, and so a name, can hold."""

_UNITS_S = {
    "s": 1,
    "m": 60,
    "h": 3600,
    "D": 86400,
    "W": 7 * 86400,
    "M": 30 * 86400,
    "Y": 365 * 86400,
}
_NUMBER = re.compile(r"[0-9]{1,12}")
_INTERVAL = re.compile(r"(?:[0-9]{1,12}[smhDWMY])+")
_DATES = ("%Y-%m-%d", "%Y/%m/%d", "%m-%d-%Y", "%m/%d/%Y", "%Y%m%dZ")


def format_name_time(time_s: int) -> str:
    """As it stands in object names: `20261121T011337Z`."""
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y%m%dT%H%M%SZ")


def parse_name_time(text: str) -> int | None:
    """The time in an object name, also as old versions wrote it; None if it is none."""
    try:
        return int(datetime.strptime(text, "%Y%m%dT%H%M%S%z").timestamp())
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text.replace("_", ":"))
    except ValueError:
        return None
    return int(moment.timestamp()) if "T" in text else None


def parse_time(text: str, now_s: float, zone: tzinfo | None = None) -> int:
    """What a user typed; a time before 1970 counts as 0.

    Args:
        text: One of the forms above.
        now_s: The moment that `now` and intervals refer to.
        zone: For forms without a zone; None is the zone of this machine.

    Raises:
        ValueError: It is none of the forms, or after the year 9999.
    """
    time_s = _typed(text, now_s, zone)
    if time_s is None or time_s > LAST_TIME_S:
        raise ValueError(f"{text!r} is not a time")
    return max(0, time_s)


def _typed(text: str, now_s: float, zone: tzinfo | None) -> int | None:
    if text == "now":
        return int(now_s)
    if _NUMBER.fullmatch(text):
        return int(text)
    if _INTERVAL.fullmatch(text):
        counts = re.findall(r"([0-9]+)([smhDWMY])", text)
        return int(now_s) - sum(int(n) * _UNITS_S[unit] for n, unit in counts)
    for form in _DATES:
        try:
            moment = datetime.strptime(text, form)  # noqa: DTZ007 - zone added below
        except ValueError:
            continue
        return _seconds(moment, zone)
    if "T" in text:
        try:
            return _seconds(datetime.fromisoformat(text), zone)
        except ValueError:
            pass
    return None


def _seconds(moment: datetime, zone: tzinfo | None) -> int:
    if moment.year < 1970:
        return 0  # some of these have no timestamp
    if moment.tzinfo is None and zone is not None:
        moment = moment.replace(tzinfo=zone)
    return int(moment.timestamp())
