"""One object at a time: read from a copy that is right, put wherever it is not."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import BinaryIO

from tiered.engine.context import Context
from tiered.engine.copies.look import Comparison
from tiered.engine.copies.plan import Transfer
from tiered.engine.copies.proof import Prove, Verdict
from tiered.engine.copies.witness import Fingerprint, Witness, copy_and_hash
from tiered.engine.spool import open_spool, scratch_file
from tiered.errors import (
    AlreadyExists,
    Denied,
    Frozen,
    Full,
    NotFound,
    StoreError,
    StoreMissing,
    Unavailable,
)
from tiered.store import Debt, Entry, Group, Owed, PutMode

_FOR_ALL = (Full, Denied, StoreMissing, Unavailable)
"""Errors of a put that the next one would get, too."""


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What became of one transfer."""

    made: list[str] = field(default_factory=list)
    """Members that got a copy."""
    right: list[str] = field(default_factory=list)
    """Those, and others that are known to have one now."""
    left: tuple[str, ...] = ()
    """Members that should have got one, and did not."""
    size_bytes: int = 0
    error: StoreError | None = None
    is_undecided: bool = False
    is_damaged: bool = False


@dataclass(frozen=True, slots=True)
class _Spooled:
    """A `tiered.store.Source` over a file that was read and checked."""

    file: BinaryIO
    size: int
    md5: str | None

    def open(self) -> BinaryIO:
        return open_spool(self.file)


@dataclass(slots=True)
class _Search:
    """What reading the copies of one object told."""

    label: str = ""
    """Whose copy is in the file, if one is right."""
    found: Fingerprint | None = None
    wrong: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    """Nothing tells whether they are right."""
    errors: dict[str, StoreError] = field(default_factory=dict)


class Payer:
    """The transfers of one run; threads share it.

    Args:
        witnesses: What manifests say of names.
        prove: Asked where they say nothing.
    """

    def __init__(
        self,
        context: Context,
        group: Group,
        comparison: Comparison,
        witnesses: Mapping[str, Witness],
        prove: Prove,
    ) -> None:
        self._context, self._group = context, group
        self._witnesses, self._prove = witnesses, prove
        self._entries = {
            label: {entry.name: entry for entry in entries}
            for label, entries in comparison.listings.items()
        }
        self._lock = Lock()
        self._dead: dict[str, StoreError] = {}

    def pay(self, transfer: Transfer) -> Outcome:
        """Read until a copy is right, and put it wherever it is not.

        Raises:
            ScratchError: There is no room for the object.
        """
        if error := self._unwritable(transfer):
            return Outcome(left=transfer.targets, error=error)
        with scratch_file(self._context.scratch) as file:
            search = self._search(transfer, file)
            if search.found is None:
                outcome = _unpaid(transfer, search)
            else:
                source = _Spooled(file, search.found.size_bytes, search.found.md5)
                outcome = self._put_all(transfer, source, search)
        if bad := [label for label in search.wrong if label not in outcome.right]:
            now_s = int(self._context.clock.time_s())
            name = transfer.name
            self._group.owe(Debt(name, k, Owed.DAMAGED, now_s) for k in bad)
        return outcome

    def _search(self, transfer: Transfer, file: BinaryIO) -> _Search:
        if transfer.contested and transfer.name not in self._witnesses:
            return self._search_all(transfer, file)
        search = _Search()
        for label in transfer.sources:
            if found := self._read(transfer, label, file, search):
                search.label, search.found = label, found
                break
        return search

    def _search_all(self, transfer: Transfer, file: BinaryIO) -> _Search:
        """Nobody knows the bytes: of two contents that look right, none is taken."""
        search = _Search()
        right: dict[bytes, str] = {}
        for label in transfer.sources:
            if found := self._read(transfer, label, file, search):
                right[found.blake3] = label
        if len(right) == 1:
            [search.label] = right.values()
            search.found = self._read(transfer, search.label, file, search)
        else:
            search.unknown += right.values()
        return search

    def _read(
        self, transfer: Transfer, label: str, file: BinaryIO, search: _Search
    ) -> Fingerprint | None:
        """Spool one copy; its hashes if it is right."""
        file.seek(0)
        file.truncate()
        try:
            stream = self._group.members[label].get(transfer.name)
            found = copy_and_hash(stream, file)
        except StoreError as e:
            search.errors[label] = e
            return None
        verdict = self._judge(transfer, label, file, found)
        if verdict is Verdict.RIGHT:
            return found
        (search.wrong if verdict is Verdict.WRONG else search.unknown).append(label)
        return None

    def _judge(
        self, transfer: Transfer, label: str, file: BinaryIO, found: Fingerprint
    ) -> Verdict:
        if witness := self._witnesses.get(transfer.name):
            return Verdict.RIGHT if witness.knows(found) else Verdict.WRONG
        verdict = self._prove(transfer.name, file)
        if verdict is not Verdict.UNKNOWN:
            return verdict
        if transfer.contested or label not in transfer.good:
            return Verdict.UNKNOWN
        is_as_listed = not self._contradicts(transfer.name, label, found)
        return Verdict.RIGHT if is_as_listed else Verdict.WRONG

    def _contradicts(self, name: str, label: str, found: Fingerprint) -> bool:
        """Does the listing of a member speak of other bytes?"""
        entry: Entry | None = self._entries.get(label, {}).get(name)
        if entry is None:
            return False
        return entry.size != found.size_bytes or entry.md5 not in (None, found.md5)

    def _put_all(
        self, transfer: Transfer, source: _Spooled, search: _Search
    ) -> Outcome:
        outcome = Outcome(size_bytes=source.size, right=[search.label])
        left = []
        for label in self._targets(transfer, search):
            try:
                self._put(transfer, source, label, outcome)
            except StoreError as e:
                outcome.error = e
                left.append(label)
            else:
                outcome.right.append(label)
        outcome.left = tuple(left)
        return outcome

    def _targets(self, transfer: Transfer, search: _Search) -> list[str]:
        """Members without a copy, and those whose copy is not like the right one."""
        found = search.found
        assert found is not None
        wrong = {*search.wrong, *transfer.damaged} - {search.label}
        missing = [k for k in transfer.targets if k not in transfer.sources]
        replaced = [
            label
            for label in transfer.sources
            if transfer.may_write(label)
            and (label in wrong or self._contradicts(transfer.name, label, found))
        ]
        return missing + replaced

    def _put(
        self, transfer: Transfer, source: _Spooled, label: str, outcome: Outcome
    ) -> None:
        if error := self._dead.get(label):
            raise error
        replaces = label in transfer.sources
        mode = PutMode.REPLACE if replaces else PutMode.CREATE
        try:
            self._group.members[label].put(transfer.name, source, mode)
        except AlreadyExists:
            return  # a listing may be minutes old (R2); the next scrub compares it
        except _FOR_ALL as e:
            with self._lock:
                self._dead.setdefault(label, e)
            raise
        outcome.made.append(label)

    def _unwritable(self, transfer: Transfer) -> StoreError | None:
        """Why nothing need be read: no target takes anything any more."""
        errors = [self._dead.get(label) for label in transfer.targets]
        return errors[0] if all(errors) else None


def _unpaid(transfer: Transfer, search: _Search) -> Outcome:
    """Why no copy was right; of one that is gone everywhere, nothing is left."""
    told = [e for e in search.errors.values() if not isinstance(e, NotFound)]
    if not told and not search.wrong and not search.unknown:
        return Outcome()
    sealed = [e for e in told if isinstance(e, Frozen)]
    return Outcome(
        left=transfer.targets,
        error=next(iter(sealed or told), None),
        is_undecided=not told and bool(search.unknown),
        is_damaged=not told and not search.unknown,
    )
