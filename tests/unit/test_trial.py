"""A trial stays in its corner of a store, waits for late listings, and cleans up."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

import pytest

from tests.unit.broken import file
from tiered.archive.kinds import Kind, kind_of
from tiered.errors import Corrupt, Denied, Unavailable
from tiered.settings.check_options import byte_size
from tiered.store import Entry, PutMode, Source, Store
from tiered.testing.clocks import JumpingClock
from tiered.testing.cold import ColdSettings, ColdStore
from tiered.testing.contract import Finding, Outcome
from tiered.testing.sandbox import Sandbox, sweep
from tiered.testing.sources import BlockSource, BytesSource
from tiered.testing.speed import measure_transfer
from tiered.testing.trial import FOLDER, Trial
from tiered.wrap.base import Wrapped
from tiered.wrap.record import Recorded

T = TypeVar("T")


def trial(store: Store, *, seals: bool = False) -> Trial:
    clock = JumpingClock()
    return Trial(
        store=store, bare=store, seals=seals, clock=clock, token="0123456789ab"
    )


def findings(trial: Trial) -> dict[str, Finding]:
    try:
        return {check.__name__: finding for check, finding in trial.run()}
    finally:
        assert trial.end().error is None


class Late(Wrapped):
    """The first listings after a put lack the newest object."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self._late: set[str] = set()

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        super().put(name, source, mode)
        self._late.add(name)

    def list(self, prefix: str = "") -> tuple[Entry, ...]:
        found = super().list(prefix)
        seen = tuple(e for e in found if e.name not in self._late)
        self._late.clear()
        return seen


class Resolving(Wrapped):
    """A store that does what `..` says, and tells which names it was asked for."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.asked: list[str] = []

    def around(self, verb: str, name: str, run: Callable[[], T]) -> T:
        parts: list[str] = []
        for part in name.split("/"):
            parts = parts[:-1] if part == ".." else [*parts, part]
        self.asked.append("/".join(parts))
        return run()


def test_a_late_listing_is_waited_for_and_told(tmp_path: Path) -> None:
    found = findings(trial(Late(file(tmp_path / "store"))))
    listing = found["r3_list_is_complete_and_sorted"]
    assert listing == Finding(Outcome.HOLDS, "the listing was late")
    assert Outcome.BROKEN not in {finding.outcome for finding in found.values()}


def test_no_name_leaves_the_folder(tmp_path: Path) -> None:
    store = Resolving(file(tmp_path / "store"))
    findings(trial(store))
    names = {name for name in store.asked if name}
    root = f"{FOLDER}0123456789ab"
    assert {n for n in names if not f"{n}/".startswith(f"{root}/")} == {FOLDER}


def test_a_store_whose_volumes_are_not_cold_is_read(tmp_path: Path) -> None:
    inner = file(tmp_path / "store")
    store = ColdStore(inner, ColdSettings(states=tmp_path / "states"), JumpingClock())
    found = findings(trial(store))["cold_objects_are_read_through_a_thaw_only"]
    assert found.outcome is Outcome.NOT_TRIED


def test_what_is_put_as_a_volume_is_one_to_every_store(tmp_path: Path) -> None:
    inner = Recorded(file(tmp_path / "store"))
    store = ColdStore(inner, ColdSettings(states=tmp_path / "states"), JumpingClock())
    tried = trial(store, seals=True)
    findings(tried)
    tried.transfer(1000)
    put = {name for verb, name in inner.calls if verb == "put"}
    volumes = {name for name in put if kind_of(name) is Kind.ARCHIVE}
    assert {name.rpartition(".")[2] for name in volumes} == {"o", "p", "large"}


class TestSweep:
    def test_only_what_is_ours_is_deleted(self, tmp_path: Path) -> None:
        store = file(tmp_path / "store")
        for name in ("ours/1", "ours/2", "oursnot", "other/1"):
            store.put(name, BytesSource(b"x"), PutMode.CREATE)
        assert sweep(store, "ours", ["ours/1", "other/1", "ours/3"]).error is None
        assert [e.name for e in store.list()] == ["other/1", "oursnot"]

    def test_what_cannot_be_deleted_is_named(self, tmp_path: Path) -> None:
        class Keeps(Wrapped):
            def delete(self, name: str) -> None:
                raise Denied("no")

        store = Keeps(file(tmp_path / "store"))
        for name in ("ours/1", "ours/2"):
            store.put(name, BytesSource(b"x"), PutMode.CREATE)
        left = sweep(store, "ours", ())
        assert left.names == ("ours/1", "ours/2")
        assert isinstance(left.error, Denied)

    def test_a_dead_store_is_not_asked_for_each_object(self, tmp_path: Path) -> None:
        asked: list[str] = []

        class Dead(Wrapped):
            def around(self, verb: str, name: str, run: Callable[[], T]) -> T:
                asked.append(verb)
                raise Unavailable("nobody there")

        names = [f"ours/{number}" for number in range(100)]
        left = sweep(Dead(file(tmp_path / "store")), "ours", names)
        assert len(left.names) == 100
        assert len(asked) <= 5  # a listing, and what was begun at once


def test_a_store_that_cannot_be_listed_is_asked_once(tmp_path: Path) -> None:
    class Dead(Wrapped):
        asked = 0

        def list(self, prefix: str = "") -> tuple[Entry, ...]:
            self.asked += 1
            raise Unavailable("nobody there")

    store = Dead(file(tmp_path / "store"))
    with pytest.raises(Unavailable):
        findings(trial(store))
    assert store.asked == 1


def test_a_bad_name_stays_bad_in_a_sandbox(tmp_path: Path) -> None:
    box = Sandbox(file(tmp_path / "store"), "ours/1", "start.")
    for name in ("", "..", "../x", "/x", "a//b"):
        with pytest.raises(ValueError, match="segment"):
            box.put(name, BytesSource(b"x"), PutMode.CREATE)


class TestLargeObject:
    def test_its_bytes_are_the_same_each_time(self) -> None:
        source = BlockSource((1 << 20) + 1000)
        with source.open() as one, source.open() as two:
            data = one.read()
            pieces = iter(lambda: two.read(777), b"")
            assert b"".join(pieces) == data
        assert len(data) == source.size
        assert len(set(data)) == 256

    @pytest.mark.parametrize("cut", [lambda d: d[:-1], lambda d: d[:-1] + b"?"])
    def test_other_bytes_are_noticed(
        self, cut: Callable[[bytes], bytes], tmp_path: Path
    ) -> None:
        class Changing(Wrapped):
            def get(self, name: str) -> BinaryIO:
                with super().get(name) as stream:
                    return io.BytesIO(cut(stream.read()))

        store, clock = file(tmp_path / "store"), JumpingClock()
        measure_transfer(store, clock, 1000)
        store.delete("large")
        with pytest.raises(Corrupt, match="came back changed"):
            measure_transfer(Changing(store), clock, 1000)


def test_sizes() -> None:
    assert [byte_size(t) for t in ("500K", "1.5M", "2G")] == [512000, 3 << 19, 2 << 30]
    for text in ("", "16", "M", "0M", "-1M", "16 M", "²M", "0.0001K"):
        with pytest.raises(ValueError, match=r"is no|is less"):
            byte_size(text)
