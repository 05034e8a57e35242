"""What a store was asked to do, sorted as providers sort it for their bills.

How much money that is, is not said here: prices differ between providers, and
change.  Sources of the sorting: the price lists of AWS S3, Google, Azure and
Cloudflare have the same two classes of requests; OVHcloud and a server of one's
own bill none; Backblaze has listings apart, which `Usage.calls` tells.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from tiered.units import format_bytes


class MoneyClass(Enum):
    """A kind of request that has one price."""

    WRITE = "write"
    """Puts and listings: class A, "PUT, COPY, POST, LIST"; the dear ones."""
    READ = "read"
    """Gets, ranges and heads: class B, "GET and all other"; about a tenth."""
    FREE = "free"
    """Deletes.  An early one has a price of its own: `Usage.cold_removals`."""
    THAW = "thaw"
    """One for each name, by retrieval tier: `Usage.thaws`."""


CLASSES: Final[Mapping[str, MoneyClass]] = {
    "put": MoneyClass.WRITE,
    "create": MoneyClass.WRITE,
    "list": MoneyClass.WRITE,
    "frost": MoneyClass.WRITE,
    "survey": MoneyClass.WRITE,
    "copies": MoneyClass.WRITE,
    "get": MoneyClass.READ,
    "get_copy": MoneyClass.READ,
    "get_range": MoneyClass.READ,
    "stat": MoneyClass.READ,
    "delete": MoneyClass.FREE,
    "remove_folder": MoneyClass.FREE,
}
"""Of each verb; a thaw is counted by names instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Until some moment.  A call that fails counts like any other.

    A listing of several pages, and an upload in parts, count once, and are billed
    as several requests.
    """

    calls: Mapping[str, int]
    """By verb; extras count under the name of their method."""
    failures: Mapping[str, int]
    """By verb; a get whose stream fails later is a failure, too."""
    sent_bytes: int
    """Read from the sources of puts, failed attempts included."""
    received_bytes: int
    """Read from streams and ranges, whether or not anybody needed them: what is
    billed as egress."""
    thaws: Mapping[str, int]
    """Names in all thaw calls that succeeded, by retrieval tier; "": it has none."""
    cold_removals: int
    """Deletes and replacements on a store that thaws: at most so many objects are
    billed for the rest of their least time there."""

    @property
    def requests(self) -> Mapping[MoneyClass, int]:
        """What is billed by the request, at least; every class is there."""
        found = dict.fromkeys(MoneyClass, 0)
        for verb, count in self.calls.items():
            if verb in CLASSES:
                found[CLASSES[verb]] += count
        found[MoneyClass.THAW] = sum(self.thaws.values())
        return found


def usage_line(name: str, usage: Usage) -> str:
    """For people."""
    calls = ", ".join(f"{count} {verb}" for verb, count in sorted(usage.calls.items()))
    billed = (MoneyClass.WRITE, MoneyClass.READ, MoneyClass.THAW)
    parts = [
        calls or "no call",
        "billed as " + ", ".join(f"{usage.requests[c]} {c.value}" for c in billed),
        f"{format_bytes(usage.sent_bytes)} sent, "
        f"{format_bytes(usage.received_bytes)} received",
    ]
    if failures := sum(usage.failures.values()):
        parts.append(f"{failures} failed")
    if usage.cold_removals:
        parts.append(f"{usage.cold_removals} removed from cold storage")
    return f"{name}: {'; '.join(parts)}"


def usage_document(usage: Usage) -> dict[str, object]:
    """For programs."""
    return {
        "calls": dict(usage.calls),
        "failures": dict(usage.failures),
        "requests": {kind.value: count for kind, count in usage.requests.items()},
        "thaws": dict(usage.thaws),
        "sent_bytes": usage.sent_bytes,
        "received_bytes": usage.received_bytes,
        "cold_removals": usage.cold_removals,
    }
