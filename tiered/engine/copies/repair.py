"""Make copies that are missing or wrong: each object is read once, checked, and put.

It may be killed at any moment and started again: what was copied is listed.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from threading import Lock
from typing import BinaryIO

from tiered.archive.filename import SetId
from tiered.archive.kinds import Kind, kind_of
from tiered.engine.context import Context
from tiered.engine.copies.look import Comparison
from tiered.engine.copies.plan import RepairPlan, Transfer
from tiered.engine.copies.witness import (
    Fingerprint,
    Witness,
    copy_and_hash,
)
from tiered.engine.spool import open_spool, scratch_file
from tiered.errors import AlreadyExists, Frozen, NotFound, StoreError
from tiered.monitor import Progress
from tiered.store import Debt, Entry, Group, Owed, PutMode

_SETTLE_AFTER = 500
"""Copies between two times that debts are forgotten."""


@dataclass(slots=True, kw_only=True)
class RepairReport:
    """What was done."""

    copies: Counter[str] = field(default_factory=Counter)
    """Made, by label."""
    size_bytes: int = 0
    """Written."""
    failed: dict[str, StoreError] = field(default_factory=dict)
    """Names that could not be copied everywhere, with the reason."""
    undecided: list[str] = field(default_factory=list)
    """Names whose copies differ, and nothing tells which is right."""

    @property
    def unfinished(self) -> tuple[str, ...]:
        return (*self.failed, *self.undecided)


@dataclass(frozen=True, slots=True)
class _Spooled:
    """A `tiered.store.Source` over a file that was read and checked."""

    file: BinaryIO
    size: int
    md5: str | None

    def open(self) -> BinaryIO:
        return open_spool(self.file)


@dataclass(frozen=True, slots=True)
class _Found:
    """What reading one copy told."""

    label: str
    fingerprint: Fingerprint


def run_repair(
    context: Context,
    group: Group,
    plan: RepairPlan,
    transfers: Sequence[Transfer],
    comparison: Comparison,
    witnesses: Mapping[str, Witness],
    threads: int,
) -> RepairReport:
    """Carry out transfers of a plan; those of sealed copies must have thawed.

    A manifest is copied behind everything else, and not at all if something of
    its set could not be: a set must not look whole where it is not.

    Args:
        plan: Whose debts are forgotten, as they are paid.
        witnesses: What is known of names besides listings.

    Raises:
        ScratchError: There is no room for `threads` of the objects.
        StoreError: What is owed could not be read.

    A store that fails costs its own copies: what it misses stays owed.
    """
    group.settle(plan.paid)
    repair = _Repair(context, group, comparison, witnesses)
    manifests = [t for t in transfers if kind_of(t.name) is Kind.MANIFEST]
    others = [t for t in transfers if kind_of(t.name) is not Kind.MANIFEST]
    run = _Run(repair, context, threads, sum(t.size_bytes for t in transfers))
    try:
        run.pay(others)
        broken = {_set_of(context, n) for n in repair.report.unfinished}
        run.pay([t for t in manifests if _set_of(context, t.name) not in broken])
    finally:
        repair.settle(least=1)
    return repair.report


def _set_of(context: Context, name: str) -> SetId | None:
    parsed = context.namer.parse(name)
    return parsed.set_id if parsed else None


@dataclass(slots=True)
class _Run:
    """Several transfers at a time."""

    repair: "_Repair"
    context: Context
    threads: int
    total_bytes: int
    done_bytes: int = 0

    def pay(self, transfers: Sequence[Transfer]) -> None:
        with ThreadPoolExecutor(max(self.threads, 1), "repair") as pool:
            begun = {pool.submit(self.repair.pay, t): t for t in transfers}
            try:
                for future in as_completed(begun):
                    future.result()
                    self.done_bytes += begun[future].size_bytes
                    self.context.monitor.progress(
                        Progress("copy", self.done_bytes, self.total_bytes, "bytes")
                    )
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise


class _Repair:
    """The transfers of one run; threads share it."""

    def __init__(
        self,
        context: Context,
        group: Group,
        comparison: Comparison,
        witnesses: Mapping[str, Witness],
    ) -> None:
        self._context, self._group = context, group
        self._witnesses = witnesses
        self._entries = {
            label: {entry.name: entry for entry in entries}
            for label, entries in comparison.listings.items()
        }
        self._lock = Lock()
        self._paid: list[Debt] = []
        self.report = RepairReport()

    def pay(self, transfer: Transfer) -> None:
        """Read from the first source that is right, put on every target."""
        with scratch_file(self._context.scratch) as file:
            found = self._fetch(transfer, file)
            if found is None:
                return
            source = _Spooled(file, found.fingerprint.size_bytes, found.fingerprint.md5)
            for label in transfer.targets:
                if label != found.label:
                    self._put(transfer, source, label)
            if found.label in transfer.targets:
                self._note_paid(transfer.name, found.label)

    def settle(self, *, least: int = _SETTLE_AFTER) -> None:
        """Forget debts that were paid, if there are enough of them."""
        with self._lock:
            if len(self._paid) < least:
                return
            paid, self._paid = self._paid, []
        self._group.settle(paid)

    def _fetch(self, transfer: Transfer, file: BinaryIO) -> _Found | None:
        """Spool a copy that is right; None if there is none, which is reported."""
        failed: dict[str, StoreError] = {}
        witness = self._witnesses.get(transfer.name)
        contradicted = any(label in transfer.replaced for label in transfer.sources)
        if contradicted and witness is None:
            with self._lock:
                self.report.undecided.append(transfer.name)
            return None
        for label in transfer.sources:
            file.seek(0)
            file.truncate()
            try:
                stream = self._group.members[label].get(transfer.name)
                fingerprint = copy_and_hash(stream, file)
            except StoreError as e:
                failed[label] = e
                continue
            if self._is_right(transfer.name, label, fingerprint):
                return _Found(label, fingerprint)
            self._group.owe([self._debt(transfer.name, label)])
        with self._lock:
            self.report.failed[transfer.name] = _worst(transfer.name, failed)
        return None

    def _is_right(self, name: str, label: str, found: Fingerprint) -> bool:
        if witness := self._witnesses.get(name):
            return witness.knows(found)
        entry: Entry | None = self._entries[label].get(name)
        if entry is None:
            return True
        return entry.size == found.size_bytes and entry.md5 in (None, found.md5)

    def _put(self, transfer: Transfer, source: _Spooled, label: str) -> None:
        replaces = label in transfer.replaced
        store = self._group.members[label]
        try:
            try:
                mode = PutMode.REPLACE if replaces else PutMode.CREATE
                store.put(transfer.name, source, mode)
            except AlreadyExists:
                # a listing may be minutes old (R2); the next scrub compares it
                pass
        except StoreError as e:
            with self._lock:
                self.report.failed[transfer.name] = e
            return
        with self._lock:
            self.report.copies[label] += 1
            self.report.size_bytes += source.size
        self._note_paid(transfer.name, label)
        self.settle()

    def _note_paid(self, name: str, label: str) -> None:
        with self._lock:
            self._paid.append(Debt(name, label))

    def _debt(self, name: str, label: str) -> Debt:
        return Debt(name, label, Owed.DAMAGED, int(self._context.clock.time_s()))


def _worst(name: str, failed: Mapping[str, StoreError]) -> StoreError:
    """Why no source was right."""
    sealed = [e for e in failed.values() if isinstance(e, Frozen)]
    others = [e for e in failed.values() if not isinstance(e, NotFound)]
    for error in (*sealed, *others):
        return error
    return StoreError(
        f"no copy of {name} is right",
        hint="Paths and times that do not need it can still be restored.",
    )
