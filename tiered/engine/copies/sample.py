"""Read some of the copies, and compare them with the manifest: what listings do not
show is bytes that went bad where they lie.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import BinaryIO

from tiered.archive.kinds import kind_of
from tiered.engine.context import Context
from tiered.engine.copies.compare import is_compared
from tiered.engine.copies.crew import work_through
from tiered.engine.copies.proof import PROVEN, Prove, Verdict, unknown
from tiered.engine.copies.witness import Witness, copy_and_hash
from tiered.engine.spool import scratch_file
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
    prove: Prove = unknown,
) -> SampleReport:
    """Read the copies, and keep those that are damaged as debts.

    Cost: One get for each copy.  On disk, for as long as it is looked at, lies only
    what no manifest knows and `prove` may.
    """
    judge = _Judge(context, group, witnesses, prove)
    damaged: list[Debt] = []
    unread: dict[str, StoreError] = {}
    done_bytes, total_bytes = 0, sum(copy.entry.size for copy in copies)

    def note(copy: Copy) -> None:
        nonlocal done_bytes
        done_bytes += copy.entry.size
        context.monitor.progress(Progress("read", done_bytes, total_bytes, "bytes"))
        told = judge.told.pop(copy)
        if isinstance(told, StoreError):
            unread[f"{copy.entry.name} on {copy.label}"] = told
        elif not told:
            now_s = int(context.clock.time_s())
            damaged.append(Debt(copy.entry.name, copy.label, Owed.DAMAGED, now_s))

    try:
        work_through(copies, judge.look, threads, note)
    finally:  # what was found is worth keeping, whatever ended it
        group.owe(damaged)
    return SampleReport(
        copies=len(copies) - len(unread),
        size_bytes=done_bytes,
        damaged=tuple(sorted(damaged)),
        unread=unread,
    )


class _Judge:
    """Reads copies in threads."""

    def __init__(
        self,
        context: Context,
        group: Group,
        witnesses: Mapping[str, Witness],
        prove: Prove,
    ) -> None:
        self._context, self._group = context, group
        self._witnesses, self._prove = witnesses, prove
        self.told: dict[Copy, bool | StoreError] = {}
        """Is it right?  Or why it could not be read."""

    def look(self, copy: Copy) -> None:
        try:
            self.told[copy] = self._is_right(copy)
        except StoreError as e:
            self.told[copy] = e

    def _is_right(self, copy: Copy) -> bool:
        name, entry = copy.entry.name, copy.entry
        witness = self._witnesses.get(name)
        if witness is None and kind_of(name) in PROVEN:
            with scratch_file(self._context.scratch) as file:
                found = copy_and_hash(self._get(copy), file)
                if self._prove(name, file) is Verdict.WRONG:
                    return False
        else:
            found = copy_and_hash(self._get(copy), None)
        if witness:
            return witness.knows(found)
        return entry.size == found.size_bytes and entry.md5 in (None, found.md5)

    def _get(self, copy: Copy) -> BinaryIO:
        return self._group.members[copy.label].get(copy.entry.name)
