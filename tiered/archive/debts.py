"""The object in which a run keeps what copies are owed [docs/format/debts.md]."""

from collections.abc import Iterable

import msgspec

from tiered.archive.json_text import FORMAT, VERSION, dump_json, parse_versioned
from tiered.archive.times import format_name_time, parse_name_time
from tiered.errors import ArchiveDamaged
from tiered.store import Debt, Owed

STEM = "tiered-debts."


class _Debt(msgspec.Struct):
    name: str
    store: str
    owed: str
    since: str


class _Debts(msgspec.Struct):
    debts: list[_Debt]


def debts_name(prefix: str, time_s: int, token: str) -> str:
    """Name of the object of one run.

    Args:
        prefix: That of manifests, so that it goes where they go.
        time_s: When the run began, in seconds since 1970 UTC.
        token: Eight hexadecimal digits, so that two runs have two names.
    """
    return f"{prefix}{STEM}{format_name_time(time_s)}.{token}.json"


def pack_debts(debts: Iterable[Debt]) -> bytes:
    rows = [
        {
            "name": debt.name,
            "store": debt.label,
            "owed": debt.owed.value,
            "since": format_name_time(debt.since_s),
        }
        for debt in sorted(debts)
    ]
    return dump_json({"format": FORMAT, "version": VERSION, "debts": rows}, indent=1)


def unpack_debts(data: bytes, what: str) -> tuple[Debt, ...]:
    """What `pack_debts` was given.

    Raises:
        ConfigError: It is of another version.
        ArchiveDamaged: `what`, as messages call it, is not such an object.
    """
    document = parse_versioned(data, _Debts, what)
    try:
        # many debts have one time, and parsing it takes longest
        times = {since: _time_s(since) for since in {r.since for r in document.debts}}
        return tuple(
            Debt(row.name, row.store, Owed(row.owed), times[row.since])
            for row in document.debts
        )
    except ValueError:
        raise ArchiveDamaged(f"{what} does not parse") from None


def _time_s(text: str) -> int:
    time_s = parse_name_time(text)
    if time_s is None:
        raise ValueError(text)
    return time_s
