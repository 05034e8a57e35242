"""When a server asks us to come back: the header Retry-After, once for all backends.

Facts:
  * it is a number of seconds, or a date  [RFC 9110, section 10.2.3]
  * an answer says with `Date` when it was made  [RFC 9110, section 6.6.1]; the
    date is compared with that, so the clock of this machine may be wrong
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from tiered.clock import Clock, SystemClock


def retry_after_s(
    headers: Mapping[str, str] | None, clock: Clock | None = None
) -> float | None:
    """Seconds from the answer on; None if it does not say, or says nonsense.

    Args:
        headers: Of the answer, in whatever case.
        clock: For an answer without `Date`; None: the system's.
    """
    found = {name.lower(): text for name, text in (headers or {}).items()}
    text = found.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    if (then := _time_of(text)) is None:
        return None
    now = _time_of(found.get("date", ""))
    now_s = now.timestamp() if now else (clock or SystemClock()).time_s()
    return max(0.0, then.timestamp() - now_s)


def _time_of(text: str) -> datetime | None:
    """An HTTP date; those without a zone are UTC as all of them are."""
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
