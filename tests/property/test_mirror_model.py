"""A mirror of three stores that fail in every way: acknowledged objects stay readable.

The model: an object that a put acknowledged has a copy wherever that store has not
lost or damaged it since.  As long as one good copy is left on a store that answers,
the object is read.  When all stores answer again, a scrub finds what is wrong without
reading an object, and a repair makes all copies equal and leaves no debt.
"""

import hashlib
import io
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import BinaryIO, TypeVar

from blake3 import blake3
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tiered.archive.debts import debts_name
from tiered.archive.filename import Namer, Prefixes
from tiered.archive.kinds import Kind, kind_of
from tiered.catalogue.cache import Cache
from tiered.codec.envelope import Envelope
from tiered.codec.plain import Plain
from tiered.engine.context import Context
from tiered.engine.copies.look import compare_copies, read_frosts
from tiered.engine.copies.plan import plan_repair
from tiered.engine.copies.repair import run_repair
from tiered.engine.copies.sample import plan_sample, run_sample
from tiered.engine.copies.witness import Witness
from tiered.engine.fetch import Expected, download
from tiered.engine.spool import scratch_file
from tiered.errors import AlreadyExists, NotFound, StoreError, Unavailable
from tiered.monitor import SilentMonitor
from tiered.router.ledger import LedgerSettings
from tiered.router.route import Mode, OnFail, Route
from tiered.router.router import Router
from tiered.router.rules import Member, Rules
from tiered.store import Entry, Extras, Group, PutMode, Source
from tiered.testing.clocks import JumpingClock
from tiered.testing.sources import BytesSource
from tiered.wrap.record import Recorded
from tiered.wrap.verify import Verified

T = TypeVar("T")
LABELS = ("A", "B", "C")


class Shaky:
    """A store in memory that fails when it is told to.

    It tells the MD5 of what it was given: bytes that go bad later do not show.
    """

    extras: Extras

    def __init__(self, label: str) -> None:
        self.label = label
        self.objects: dict[str, tuple[bytes, str]] = {}
        self.extras = Extras(stat=self)
        self.down = self.no_listing = False
        self.put_fails = ""
        self.hidden: set[str] = set()
        """Names that a listing does not show yet."""

    def list(self, prefix: str = "") -> tuple[Entry, ...]:
        self._answer()
        if self.no_listing:
            raise Unavailable(f"{self.label}: the listing ended early")
        names = sorted(n for n in self.objects if n.startswith(prefix))
        return tuple(self.stat(n) for n in names if n not in self.hidden)

    def stat(self, name: str) -> Entry:
        self._answer()
        if name not in self.objects:
            raise NotFound(f"{self.label}: no {name!r}", name=name)
        data, md5 = self.objects[name]
        return Entry(name, len(data), md5)

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        self._answer()
        fails, self.put_fails = self.put_fails, ""
        if fails == "before":
            raise Unavailable(f"{self.label}: put failed")
        if mode is PutMode.CREATE and name in self.objects:
            raise AlreadyExists(f"{self.label}: {name!r} is there already", name=name)
        with source.open() as stream:
            data = stream.read()
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        if fails == "short":
            data = data[:-1]
            md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        self.objects[name] = data, md5
        if fails == "after":
            raise Unavailable(f"{self.label}: the answer was lost")

    def get(self, name: str) -> BinaryIO:
        self.stat(name)
        return io.BytesIO(self.objects[name][0])

    def delete(self, name: str) -> None:
        self.stat(name)
        del self.objects[name]
        self.hidden.discard(name)

    def close(self) -> None:
        pass

    def _answer(self) -> None:
        if self.down:
            raise Unavailable(f"{self.label} is down")


class Mirror(RuleBasedStateMachine):
    """Three stores, a router over them, and what it acknowledged."""

    names = Bundle("names")

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.stores = {label: Shaky(label) for label in LABELS}
        self.recorded = {
            label: Recorded(Verified(store)) for label, store in self.stores.items()
        }
        self.clock = JumpingClock()
        self.router = self.machine(1)
        self.known: dict[str, bytes] = {}
        """What was acknowledged."""
        self.written = 0
        self.machines = 1
        self.quorum: int | None = None

    def machine(self, number: int, quorum: int | None = None) -> Router:
        """A router of its own: it shares the stores with others, and nothing else."""
        members = tuple(Member(label) for label in LABELS)
        route = Route(
            name="all",
            labels=LABELS,
            mode=Mode.MIRROR,
            onfail=OnFail.CONTINUE,
            quorum=quorum,
        )
        name = debts_name("", 0, f"{number:08x}")
        return Router(
            Rules(members, routes=(route,)),
            self.recorded,
            SilentMonitor(),
            ledger=LedgerSettings(name=name, clock=self.clock),
        )

    @property
    def context(self) -> Context:
        folder = Path(self.folder.name)
        return Context(
            store=self.router,
            namer=Namer(Prefixes()),
            codec_for=lambda _: Plain(),
            envelope_for=_no_envelope,
            cache=Cache(folder / "cache"),
            scratch=folder,
            clock=self.clock,
            monitor=SilentMonitor(),
        )

    @property
    def group(self) -> Group:
        assert self.router.extras.group
        return self.router.extras.group

    @property
    def witnesses(self) -> Mapping[str, Witness]:
        """As manifests tell."""
        return {
            name: Witness(size_bytes=len(data), blake3=blake3(data).digest())
            for name, data in self.known.items()
        }

    @rule(
        target=names,
        size=st.integers(1, 40),
        fails=st.dictionaries(
            st.sampled_from(LABELS), st.sampled_from(["before", "after", "short"])
        ),
    )
    def put(self, size: int, fails: dict[str, str]) -> str:
        self.written += 1
        name = f"tiered-full.20261121T000000Z.vol{self.written}.difftar.zst"
        data = self.written.to_bytes(4) * size
        for label, how in fails.items():
            self.stores[label].put_fails = how
        try:
            self.router.put(name, BytesSource(data), PutMode.CREATE)
        except StoreError:
            pass  # not acknowledged: nothing is promised
        else:
            self.known[name] = data
            assert len(self._good(name)) >= (self.quorum or 1)
        return name

    @rule(name=names)
    def delete(self, name: str) -> None:
        try:
            self.router.delete(name)
        except NotFound:
            pass
        except StoreError:
            return  # some copy may be left
        self.known.pop(name, None)

    @rule(label=st.sampled_from(LABELS), name=names)
    def lose(self, label: str, name: str) -> None:
        self.stores[label].objects.pop(name, None)

    @rule(label=st.sampled_from(LABELS), name=names, shown=st.booleans())
    def flip(self, label: str, name: str, shown: bool) -> None:
        """Bytes go bad; some stores notice, and tell another checksum."""
        if stored := self.stores[label].objects.get(name):
            data, md5 = stored
            bad = bytes([(data[0] + 1) % 256]) + data[1:] if data else b"?"
            told = hashlib.md5(bad, usedforsecurity=False).hexdigest() if shown else md5
            self.stores[label].objects[name] = bad, told

    @rule(label=st.sampled_from(LABELS), name=names)
    def cut(self, label: str, name: str) -> None:
        if stored := self.stores[label].objects.get(name):
            self.stores[label].objects[name] = stored[0][:-1], stored[1]

    @rule(label=st.sampled_from(LABELS), down=st.booleans())
    def go_down_or_come_back(self, label: str, down: bool) -> None:
        self.stores[label].down = down

    @rule(label=st.sampled_from(LABELS), fails=st.booleans())
    def listing_fails(self, label: str, fails: bool) -> None:
        self.stores[label].no_listing = fails

    @rule(label=st.sampled_from(LABELS))
    def listing_lags(self, label: str) -> None:
        store = self.stores[label]
        store.hidden |= set(list(store.objects)[-1:])

    @rule(seconds=st.integers(1, 100))
    def time_passes(self, seconds: int) -> None:
        self.clock.sleep_s(seconds)

    @rule(quorum=st.sampled_from([None, 2]))
    def another_machine(self, quorum: int | None) -> None:
        """The one before ends; what it did not keep at its end was kept before."""
        with suppress(StoreError):
            self.router.close()
        self.machines, self.quorum = self.machines + 1, quorum
        self.router = self.machine(self.machines, quorum)

    @rule()
    def repair_with_what_answers(self) -> None:
        """It must not make anything worse."""
        with suppress(StoreError):
            self._repair()

    @rule()
    def scrub_and_repair_with_all(self) -> None:
        for store in self.stores.values():
            store.down = store.no_listing = False
            store.put_fails = ""
            store.hidden.clear()
        self._check_scrub()
        self._sample()
        self._repair()
        good = {n for n in self.known if self._good(n)}
        for name in good:
            copies = {store.objects[name] for store in self.stores.values()}
            assert {data for data, _ in copies} == {self.known[name]}
        owed = {debt.name for debt in self.group.debts()}
        assert not owed & good, "debts are left that could be paid"
        # what no put acknowledged may be left, with no copy that is right
        there = {name for store in self.stores.values() for name in store.objects}
        assert not owed - there, "debts of what was deleted are left"
        self._sample()
        comparison = compare_copies(self.group, SilentMonitor(), self.group.debts())
        assert not {f.name for f in comparison.findings} & good

    @invariant()
    def what_was_acknowledged_is_readable(self) -> None:
        for name, data in self.known.items():
            if any(not self.stores[k].down for k in self._good(name)):
                assert self._read(name) == data

    def teardown(self) -> None:
        """Every history ends well: another machine repairs, and all is as it was."""
        with self.folder:
            self.another_machine(None)
            self.scrub_and_repair_with_all()
            self.router.close()

    def _good(self, name: str) -> list[str]:
        """Stores that have the right bytes."""
        return [
            label
            for label, store in self.stores.items()
            if store.objects.get(name, (None, ""))[0] == self.known[name]
        ]

    def _read(self, name: str) -> bytes:
        """As a restore does, that knows the hash from the manifest."""
        data = self.known[name]
        sha1 = hashlib.sha1(data, usedforsecurity=False).hexdigest()
        with scratch_file(Path(self.folder.name)) as file:
            download(self.context, name, file, Expected(size=len(data), sha1=sha1))
            file.seek(0)
            return file.read()

    def _check_scrub(self) -> None:
        """All that listings can show is found, and no object is read."""
        for store in self.recorded.values():
            store.forget()
        found = {
            (f.name, label)
            for f in compare_copies(self.group, SilentMonitor()).findings
            for label in (*f.missing, *f.different, *(f.good if f.unclear else ()))
        }
        calls = [call for store in self.recorded.values() for call, _ in store.calls]
        assert set(calls) == {"list"}
        every = {n for store in self.stores.values() for n in store.objects}
        for name in every:
            if kind_of(name) is Kind.DEBTS:
                continue
            told = {
                label: (len(stored[0]), stored[1])
                for label, store in self.stores.items()
                if (stored := store.objects.get(name))
            }
            for label in LABELS:
                if label not in told:
                    assert (name, label) in found
            if len(set(told.values())) > 1:
                assert any((name, label) in found for label in told)

    def _sample(self) -> None:
        """Read every copy."""
        listings = {label: store.list() for label, store in self.stores.items()}
        copies = plan_sample(listings, 1.0, Random(0))
        run_sample(self.context, self.group, self.witnesses, copies, 1)

    def _repair(self) -> None:
        group, monitor = self.group, SilentMonitor()
        debts = group.debts()
        comparison = compare_copies(group, monitor, debts)
        plan = plan_repair(
            comparison.findings,
            debts,
            read_frosts(group, comparison.findings),
            frozenset(comparison.listings),
        )
        run_repair(
            self.context, group, plan, plan.transfers, comparison, self.witnesses, 1
        )


def _no_envelope(suffix: str) -> Envelope:
    raise AssertionError(suffix)


def test_no_acknowledged_object_is_ever_unreadable() -> None:
    run_state_machine_as_test(
        Mirror,
        settings=settings(
            max_examples=120,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
