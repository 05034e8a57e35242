"""The contract, run on somebody's own store, and nothing left behind.

All that is written lies below one folder with a random name.  No thaw is ever
asked for, and what is sealed is never read: on a store that is paid for, that
would cost money and hours.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from tiered.clock import Clock
from tiered.errors import Denied, Full, StoreError, StoreMissing, Unavailable
from tiered.store import PutMode, Store
from tiered.testing.contract import (
    ABSENT,
    CHECKS,
    Broken,
    Check,
    Finding,
    Outcome,
    Rig,
)
from tiered.testing.sandbox import Leftovers, Sandbox, sweep
from tiered.testing.sources import BytesSource
from tiered.testing.speed import Latency, Transfer, measure_latency, measure_transfer

FOLDER: Final = "tiered-check-"
"""What the name of each folder of a trial begins with."""
_VOLUME: Final = "duplicity-full.20000101T000000Z.vol1.difftar."
"""Begins the name of what a store of several classes keeps as it keeps volumes."""
_PAUSES_S: Final = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""How long a listing may be late: Swift says minutes, and means seconds."""


@dataclass(kw_only=True)
class Trial:
    """One run on one store.

    Args:
        store: As commands use it, wrappers included.
        bare: The same without what waits, repeats or looks twice: to be timed.
        seals: Are volumes sealed as soon as they are put?
        token: Random; nobody else has the same.
        may_create: Make the container or folder if it is missing.
    """

    store: Store
    bare: Store
    seals: bool
    clock: Clock
    token: str
    may_create: bool = False
    strangers: tuple[str, ...] = ()
    """Objects of other trials: killed, or running now.  They are left alone."""
    has_made: bool = False
    """Is the container or folder ours?  It stays."""
    _boxes: list[Sandbox] = field(default_factory=list)

    @property
    def root(self) -> str:
        return FOLDER + self.token

    def begin(self) -> Finding:
        """Find out whether the store can be used at all.

        Returns:
            What was seen of the rule that nothing is made unasked.

        Raises:
            StoreMissing: There is no such container or folder, and it may not be made.
            Denied: The credentials are wrong, or not good for what the checks do.
            StoreError: The store did not answer, is full, or failed otherwise.
        """
        found = Finding(Outcome.NOT_TRIED, "the container or folder is there")
        try:
            listed = self.store.list(FOLDER)
        except StoreMissing as e:
            found = self._create(e)
            listed = self.store.list(FOLDER)
        self.strangers = tuple(
            e.name for e in listed if not e.name.startswith(f"{self.root}/")
        )
        self._try_access()
        return found

    def check(self, check: Check) -> Finding:
        """Run one check in an empty place.

        Raises:
            Unavailable: The store did not answer any more.
            Full: There is no space left.
        """
        if check.on_volumes and self.store.extras.thaw and not self.seals:
            return Finding(Outcome.NOT_TRIED, "no volume is put into a cold class")
        box = self._box(_VOLUME if check.on_volumes and self.seals else "")
        rig = Rig(
            store=box, wait=self.clock.sleep_s, may_thaw=False, pauses_s=_PAUSES_S
        )
        try:
            found = _judge(check, rig)
        finally:
            left = self._sweep(box)
        if left.error and found.outcome is Outcome.HOLDS:
            return Finding(Outcome.BROKEN, f"cannot be deleted again: {left.error}")
        return found

    def run(self) -> Iterator[tuple[Check, Finding]]:
        """Begin, and run each check.

        Raises:
            StoreError: As `begin` and `check`.
        """
        yield ABSENT, self.begin()
        for check in CHECKS:
            yield check, self.check(check)

    def latency(self) -> dict[str, Latency]:
        """How long each verb takes on small objects; get only if it can be read."""
        box = self._box(store=self.bare)
        return measure_latency(box, self.clock)

    def transfer(self, size_bytes: int) -> Transfer:
        """How fast one larger object goes there and back."""
        box = self._box(_VOLUME if self.seals else "", store=self.bare)
        return measure_transfer(box, self.clock, size_bytes)

    def end(self) -> Leftovers:
        """Take away all that was put, and is not yet gone."""
        if not self._boxes:  # a store that cannot be listed is not asked again
            return Leftovers()
        touched = {name for box in self._boxes for name in box.touched}
        left = sweep(self.store, self.root, touched)
        if left.error or not (folders := self.store.extras.folders):
            return left
        try:
            folders.remove_folder(self.root)
        except StoreError as e:
            return Leftovers(names=(f"{self.root}/",), error=e)
        return left

    def _box(self, start: str = "", store: Store | None = None) -> Sandbox:
        folder = f"{self.root}/{len(self._boxes):02}"
        box = Sandbox(store or self.store, folder, start)
        self._boxes.append(box)
        return box

    def _sweep(self, box: Sandbox) -> Leftovers:
        left = sweep(self.store, self.root, box.touched)
        box.touched.intersection_update(left.names)
        return left

    def _create(self, missing: StoreMissing) -> Finding:
        if self.store.extras.create is None:
            raise missing
        if not self.may_create:
            raise StoreMissing(
                str(missing), hint=f"{missing.hint} Or say --create, to have it made."
            )
        box = self._box()
        found = _judge(ABSENT, Rig(store=box, wait=self.clock.sleep_s, may_thaw=False))
        self.has_made = True
        return found

    def _try_access(self) -> None:
        """Do once each what the checks do often, so that they fail for one reason."""
        label = self.store.label
        box = self._box()
        rig = Rig(
            store=box, wait=self.clock.sleep_s, may_thaw=False, pauses_s=_PAUSES_S
        )
        with _explained(f"{label} can be listed, but nothing can be put there"):
            box.put("o", BytesSource(b"x"), PutMode.CREATE)
        with _explained(f"{label} can be written to, but not read"):
            if stat := box.extras.stat:
                stat.stat("o")
            if rig.is_readable("o"):
                rig.read("o")
        with _explained(f"{label} can be written to, but nothing can be deleted there"):
            box.delete("o")


def _judge(check: Check, rig: Rig) -> Finding:
    """The check, and what its failure says about the store."""
    try:
        return check(rig)
    except (Unavailable, Full):
        raise  # of the day, not of the store
    except (Broken, StoreError) as e:
        outcome = Outcome.NOT_OFFERED if check.is_optional else Outcome.BROKEN
        return Finding(outcome, str(e))


@contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except Denied as e:
        raise Denied(f"{what}: {e}", hint=e.hint) from e
