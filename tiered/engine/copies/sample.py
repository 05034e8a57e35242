"""Read some of the copies, and compare them with the manifest: what listings do not
show is bytes that went bad where they lie.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random

from tiered.engine.context import Context
from tiered.engine.copies.compare import is_compared
from tiered.engine.copies.witness import Fingerprint, Witness, copy_and_hash
from tiered.errors import StoreError
from tiered.monitor import Progress
from tiered.store import Debt, Entry, Group, Owed, Warmth


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy that is to be read."""

    label: str
    entry: Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleReport:
    """What reading told."""

    copies: int
    size_bytes: int
    damaged: tuple[Debt, ...]
    """They are kept as debts, too."""
    unread: Mapping[str, StoreError]
    """Names of copies that could not be read."""


def plan_sample(
    listings: Mapping[str, Sequence[Entry]], share: float, random: Random
) -> tuple[Copy, ...]:
    """Copies chosen by lot until they have `share` of all bytes.

    Every copy can be chosen, the larger no more often than the smaller.

    Args:
        listings: By label; of copies that can be read at once.
        share: From 0 to 1.
    """
    every = [
        Copy(label, entry)
        for label, entries in sorted(listings.items())
        for entry in entries
        if is_compared(entry.name)
    ]
    budget = share * sum(copy.entry.size for copy in every)
    random.shuffle(every)
    chosen, spent = [], 0.0
    for copy in every:
        if spent >= budget:
            break
        chosen.append(copy)
        spent += copy.entry.size
    return tuple(chosen)


def readable(
    group: Group, listings: Mapping[str, Sequence[Entry]]
) -> Mapping[str, Sequence[Entry]]:
    """The part that needs no thaw, by listings alone."""
    found = {}
    for label, entries in listings.items():
        thaw = group.members[label].extras.thaw
        if thaw is None:
            found[label] = entries
            continue
        names = [entry.name for entry in entries]
        frosts = thaw.frost(names)
        found[label] = [e for e in entries if frosts[e.name].warmth is Warmth.WARM]
    return found


def run_sample(
    context: Context,
    group: Group,
    witnesses: Mapping[str, Witness],
    copies: Sequence[Copy],
    threads: int,
) -> SampleReport:
    """Read the copies, and keep those that are damaged as debts.

    Cost: One get for each copy; nothing is kept on disk.
    """

    def read(copy: Copy) -> Fingerprint | StoreError:
        try:
            stream = group.members[copy.label].get(copy.entry.name)
            return copy_and_hash(stream, None)
        except StoreError as e:
            return e

    damaged: list[Debt] = []
    unread: dict[str, StoreError] = {}
    done, total = 0, sum(copy.entry.size for copy in copies)
    with ThreadPoolExecutor(max(threads, 1), "sample") as pool:
        for copy, found in zip(copies, pool.map(read, copies), strict=True):
            name, entry = copy.entry.name, copy.entry
            done += entry.size
            context.monitor.progress(Progress("read", done, total, "bytes"))
            if isinstance(found, StoreError):
                unread[f"{name} on {copy.label}"] = found
                continue
            witness = witnesses.get(name)
            same = entry.size == found.size_bytes and entry.md5 in (None, found.md5)
            if not (witness.knows(found) if witness else same):
                now_s = int(context.clock.time_s())
                damaged.append(Debt(name, copy.label, Owed.DAMAGED, now_s))
    group.owe(damaged)
    return SampleReport(
        copies=len(copies), size_bytes=done, damaged=tuple(damaged), unread=unread
    )
