"""Thawing: asked for once, waited for by listing, over restarts."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.engine import Archive, Listening, file_store, open_archive
from tiered.catalogue.cache import Cache
from tiered.clock import Clock
from tiered.cold.plan import GRACE_S
from tiered.cold.run import LONGEST_POLL_S, POLL_S, look, thaw_and_wait
from tiered.engine.restore import plan_restore
from tiered.errors import Frozen, NotFound, StoreError, Unavailable
from tiered.store import Frost, PutMode, Warmth
from tiered.testing.clocks import JumpingClock
from tiered.testing.cold import ColdSettings, ColdStore
from tiered.testing.sources import BytesSource
from tiered.testing.tree import build, differences, file, snapshot

HOUR_S = 3600.0


class Counted(ColdStore):
    """Counts what it is asked for, and what was read."""

    def __init__(self, root: Path, clock: Clock) -> None:
        settings = ColdSettings(
            states=root.with_name(root.name + ".states"), delay_s=4 * HOUR_S
        )
        super().__init__(file_store(root), settings, clock)
        self.asked: Counter[str] = Counter()
        self.got: Counter[str] = Counter()

    def thaw(self, names: Iterable[str]) -> None:
        wanted = tuple(names)
        self.asked.update(wanted)
        super().thaw(wanted)

    def get(self, name: str) -> BinaryIO:
        stream = super().get(name)
        self.got[name] += 1
        return stream


@dataclass
class World:
    """A cold store with three objects, and who asks it."""

    store: Counted
    clock: JumpingClock
    cache: Cache
    said: Listening

    def wait(self, *names: str, clock: Clock | None = None) -> None:
        clock = clock or self.clock
        thaw_and_wait(self.store, names, self.cache, clock, self.said)


@pytest.fixture
def world(tmp_path: Path) -> World:
    clock = JumpingClock()
    store = Counted(tmp_path / "cold", clock)
    for name in "abc":
        store.put(name, BytesSource(b"data"), PutMode.CREATE)
    cache = Cache(tmp_path / "cache")
    with cache.locked():
        pass  # makes the folder
    return World(store, clock, cache, Listening())


class Killed(Exception):
    """The process ends here."""


class Deadly(JumpingClock):
    """Kills at the n-th sleep."""

    def __init__(self, clock: JumpingClock, at: int) -> None:
        super().__init__(clock.time_s())
        self._clock, self._left = clock, at

    def sleep_s(self, seconds: float) -> None:
        self._left -= 1
        if self._left == 0:
            raise Killed
        super().sleep_s(seconds)
        self._clock.sleep_s(seconds)


def test_each_object_is_asked_for_once_and_then_is_readable(world: World) -> None:
    world.wait("a", "b")
    assert world.store.asked == {"a": 1, "b": 1}
    for name in "ab":
        with world.store.get(name) as stream:
            assert stream.read() == b"data"
    with pytest.raises(Frozen):
        world.store.get("c")
    waited_s = sum(world.clock.slept_s)
    assert 4 * HOUR_S <= waited_s <= 4 * HOUR_S + LONGEST_POLL_S
    assert max(world.clock.slept_s) <= LONGEST_POLL_S


def test_what_is_warm_is_not_asked_for(world: World) -> None:
    world.wait("a")
    slept = len(world.clock.slept_s)
    world.wait("a")
    assert world.store.asked == {"a": 1}
    assert len(world.clock.slept_s) == slept


def test_nothing_is_asked_for_nothing(world: World) -> None:
    world.wait()
    assert world.store.asked == {}
    assert world.clock.slept_s == []


def test_a_look_asks_for_nothing(world: World) -> None:
    assert look(world.store, ["a", "b"], world.cache, world.clock).ask == ("a", "b")
    assert world.store.asked == {}


@pytest.mark.parametrize("at", [1, 2, 20, 40])
def test_a_run_that_was_killed_goes_on_without_asking_twice(
    at: int, world: World
) -> None:
    with pytest.raises(Killed):
        world.wait("a", "b", clock=Deadly(world.clock, at))
    world.wait("a", "b", "c")
    assert world.store.asked == {"a": 1, "b": 1, "c": 1}


def test_a_cache_that_was_lost_does_not_make_it_ask_twice(
    world: World, tmp_path: Path
) -> None:
    with pytest.raises(Killed):
        world.wait("a", clock=Deadly(world.clock, 2))
    world.cache = Cache(tmp_path / "another")
    world.wait("a")
    assert world.store.asked == {"a": 1}


def test_what_was_sealed_again_is_asked_for_again(world: World) -> None:
    world.wait("a")
    world.clock.sleep_s(25 * HOUR_S)
    world.wait("a", "b")
    assert world.store.asked == {"a": 2, "b": 1}


class Late:
    """A thaw whose listing shows a request only after a while, like Swift's."""

    def __init__(self, clock: Clock, late_s: float) -> None:
        self._clock, self._late_s = clock, late_s
        self.asked: list[tuple[str, float]] = []

    def frost(self, names: Iterable[str]) -> Mapping[str, Frost]:
        return {name: self._frost(name) for name in names}

    def thaw(self, names: Iterable[str]) -> None:
        self.asked += [(name, self._clock.time_s()) for name in names]

    def _frost(self, name: str) -> Frost:
        first_s = min((t for n, t in self.asked if n == name), default=float("inf"))
        age_s = self._clock.time_s() - first_s
        if age_s < self._late_s:
            return Frost(Warmth.COLD)
        return Frost(Warmth.THAWING if age_s < 2 * HOUR_S else Warmth.WARM)


@pytest.mark.parametrize("late_s", [1.0, POLL_S + 1, GRACE_S - POLL_S])
def test_a_listing_that_lags_does_not_make_it_ask_twice(
    late_s: float, world: World
) -> None:
    late = Late(world.clock, late_s)
    with pytest.raises(Killed):
        thaw_and_wait(late, "ab", world.cache, Deadly(world.clock, 1), world.said)
    thaw_and_wait(late, "ab", world.cache, world.clock, world.said)
    assert [name for name, _ in late.asked] == ["a", "b"]


def test_a_request_that_was_lost_is_made_again(world: World) -> None:
    late = Late(world.clock, late_s=float("inf"))
    with pytest.raises(Killed):
        thaw_and_wait(late, "a", world.cache, Deadly(world.clock, 30), world.said)
    assert len(late.asked) == 2
    (_, first_s), (_, second_s) = late.asked
    assert second_s - first_s >= GRACE_S


def test_an_unknown_wait_is_polled_at_the_usual_pace(world: World) -> None:
    late = Late(world.clock, late_s=0)
    thaw_and_wait(late, "a", world.cache, world.clock, world.said)
    assert set(world.clock.slept_s) == {POLL_S}


def test_requests_are_kept_batch_by_batch(world: World) -> None:
    """When the store fails in the middle, what it took is known."""

    class Failing(Late):
        def thaw(self, names: Iterable[str]) -> None:
            if self.asked:
                raise Unavailable("gone")
            super().thaw(names)

    names = [f"n{i:03}" for i in range(150)]
    failing = Failing(world.clock, late_s=600)
    with pytest.raises(Unavailable):
        thaw_and_wait(failing, names, world.cache, world.clock, world.said)
    assert len(world.cache.thaws()) == len(failing.asked) > 0
    plan = look(failing, names, world.cache, world.clock)
    assert sorted(plan.ask) == sorted(set(names) - {n for n, _ in failing.asked})


def test_a_missing_object_is_an_error_before_anything_is_asked(world: World) -> None:
    with pytest.raises(NotFound):
        world.wait("a", "gone")
    assert world.store.asked == {}


class TestRestore:
    """The same through a whole restore."""

    @pytest.fixture
    def archive(self, tmp_path: Path) -> Archive:
        """A full and an inc in a store where all is cold, their hot half cached."""
        clock = JumpingClock()
        store = Counted(tmp_path / "cold", clock)
        archive = open_archive(tmp_path, store=store, clock=clock)
        source = tmp_path / "source"
        build(source, {b"a": file(b"A" * 70_000), b"b": file(b"B")})
        archive.back_up(source)
        archive.clock.sleep_s(HOUR_S)
        build(source, {b"a": file(b"A" * 70_000 + b"x", mtime_s=1), b"b": file(b"B")})
        archive.back_up(source)
        return archive

    @staticmethod
    def store(archive: Archive) -> Counted:
        assert isinstance(archive.context.store, Counted)
        return archive.context.store

    def test_a_plan_asks_and_reads_nothing(self, archive: Archive) -> None:
        plan = plan_restore(archive.context, (), int(archive.clock.time_s()))
        assert plan.thaw is not None
        assert plan.thaw.ask == tuple(sorted(plan.names))
        assert self.store(archive).asked == self.store(archive).got == {}

    def test_a_restore_thaws_what_it_reads_and_reads_it_once(
        self, archive: Archive, tmp_path: Path
    ) -> None:
        archive.restore(tmp_path / "out")
        store = self.store(archive)
        assert set(store.asked.values()) == set(store.got.values()) == {1}
        assert set(store.asked) == set(store.got)
        assert all("difftar" in name for name in store.got)
        assert (
            differences(snapshot(tmp_path / "source"), snapshot(tmp_path / "out")) == []
        )

    def test_what_is_sealed_during_a_restore_is_thawed_again(
        self, archive: Archive, tmp_path: Path
    ) -> None:
        store = self.store(archive)
        first = True
        real_get = store.get

        def get(name: str) -> BinaryIO:
            nonlocal first
            if first:
                first = False
                archive.clock.sleep_s(25 * HOUR_S)
            return real_get(name)

        store.get = get  # type: ignore[method-assign] # sealed between look and read
        archive.restore(tmp_path / "out")
        assert set(store.got.values()) == {1}
        assert set(store.asked.values()) == {2}
        assert any("sealed again" in w for w in archive.said.warnings)
        assert (
            differences(snapshot(tmp_path / "source"), snapshot(tmp_path / "out")) == []
        )

    def test_the_store_answers_again_and_nothing_is_asked_twice(
        self, archive: Archive, tmp_path: Path
    ) -> None:
        store = self.store(archive)
        real = store.frost
        left = 3

        def frost(names: Iterable[str]) -> Mapping[str, Frost]:
            nonlocal left
            left -= 1
            if left == 0:
                raise Unavailable("gone for a moment")
            return real(names)

        store.frost = frost  # type: ignore[method-assign] # fails on the third look
        with pytest.raises(StoreError):
            archive.restore(tmp_path / "out")
        archive.restore(tmp_path / "out")
        assert set(store.asked.values()) == {1}
