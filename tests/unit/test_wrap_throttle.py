"""Bytes and requests per second, on a clock that takes no time."""

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.unit.broken import file, read
from tests.unit.stepping import SteppingClock
from tiered.clock import Clock
from tiered.errors import Denied, NotFound
from tiered.store import PutMode, Source, Store
from tiered.testing.clocks import JumpingClock
from tiered.testing.cold import ColdSettings, ColdStore
from tiered.testing.sources import BytesSource
from tiered.wrap.base import Wrapped
from tiered.wrap.readonly import ReadOnly
from tiered.wrap.record import Recorded
from tiered.wrap.throttle import Paces, Throttled, byte_bucket, request_bucket
from tiered.wrap.tokens import TokenBucket

RATE = 1 << 20
BURST = RATE // 8
DATA = bytes(i % 251 for i in range(5_000_000))
WAIT_S = (len(DATA) - BURST) / RATE


def filled(root: Path) -> Store:
    store = file(root)
    store.put("o", BytesSource(DATA), PutMode.CREATE)
    return store


def down(inner: Store, clock: Clock) -> Throttled:
    return Throttled(inner, Paces(download=(byte_bucket(RATE, clock),)))


def up(inner: Store, clock: Clock) -> Throttled:
    return Throttled(inner, Paces(upload=(byte_bucket(RATE, clock),)))


class TestBytes:
    def test_an_upload_takes_its_time(self, tmp_path: Path) -> None:
        clock = JumpingClock()
        store = up(file(tmp_path), clock)
        store.put("o", BytesSource(DATA), PutMode.CREATE)
        assert sum(clock.slept_s) == pytest.approx(WAIT_S)
        assert max(clock.slept_s) <= 0.2
        assert read(store) == DATA
        assert sum(clock.slept_s) == pytest.approx(WAIT_S)

    @pytest.mark.parametrize("size", [-1, 10, 65_536, 8 << 20])
    def test_a_download_takes_its_time(self, size: int, tmp_path: Path) -> None:
        clock = JumpingClock()
        data = DATA[:300_000]
        store = file(tmp_path)
        store.put("o", BytesSource(data), PutMode.CREATE)
        pieces = []
        with down(store, clock).get("o") as stream:
            while piece := stream.read(size):
                pieces.append(piece)
        assert b"".join(pieces) == data
        assert sum(clock.slept_s) == pytest.approx((len(data) - BURST) / RATE)

    def test_a_large_read_is_whole(self, tmp_path: Path) -> None:
        """As a library that sends parts expects of a file."""
        seen = []

        class Parts(Wrapped):
            def put(self, name: str, source: Source, mode: PutMode) -> None:
                with source.open() as stream:
                    seen.extend([len(stream.read(3_000_000)), len(stream.read(-1))])
                    assert stream.seek(0) == 0
                    seen.append(len(stream.read(10)))
                    seen.append(len(stream.read(0)))

        up(Parts(file(tmp_path)), JumpingClock()).put(
            "o", BytesSource(DATA), PutMode.CREATE
        )
        assert seen == [3_000_000, 2_000_000, 10, 0]

    def test_a_short_read_is_not_waited_for(self, tmp_path: Path) -> None:
        class Drops(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                return super().read(3)

        class Slow(Wrapped):
            def get(self, name: str) -> BinaryIO:
                return Drops(b"0123456789")

        with down(Slow(file(tmp_path)), JumpingClock()).get("o") as stream:
            assert stream.read(100) == b"012"
            assert stream.read() == b"3456789"

    def test_a_range_is_paid_before_it_comes(self, tmp_path: Path) -> None:
        clock = JumpingClock()
        when: list[float] = []

        class Looking(Recorded):
            def around(self, verb, name, run):  # type: ignore[no-untyped-def]
                when.append(clock.now_s())
                return super().around(verb, name, run)

        start_s = clock.now_s()
        ranges = down(Looking(filled(tmp_path)), clock).extras.ranges
        assert ranges
        assert ranges.get_range("o", 1, 4_000_000) == DATA[1:4_000_001]
        assert when == [pytest.approx(start_s + (4_000_000 - BURST) / RATE)]

    def test_threads_share_what_there_is(self, tmp_path: Path) -> None:
        clock = SteppingClock()
        store = down(filled(tmp_path), clock)
        clock.run([lambda: read(store)] * 4)
        assert clock.now_s() == pytest.approx((4 * len(DATA) - BURST) / RATE)

    def test_stores_share_a_line_and_keep_their_own(self, tmp_path: Path) -> None:
        clock = SteppingClock()
        line = byte_bucket(RATE, clock)
        slow = byte_bucket(RATE / 4, clock)
        one = Throttled(file(tmp_path / "1"), Paces(upload=(line,)))
        two = Throttled(file(tmp_path / "2"), Paces(upload=(line, slow)))
        done_s: dict[str, float] = {}

        def put(name: str, store: Store) -> None:
            store.put("o", BytesSource(DATA), PutMode.CREATE)
            done_s[name] = clock.now_s()

        clock.run([lambda: put("one", one), lambda: put("two", two)])
        assert done_s["two"] == pytest.approx(4 * len(DATA) / RATE, rel=0.06)
        assert done_s["one"] == pytest.approx(len(DATA) / RATE / 0.75, rel=0.1)

    def test_slow_lines_wait_often_and_shortly(self, tmp_path: Path) -> None:
        """A server must not take a client that waits for a dead one."""
        clock = JumpingClock()
        bucket = byte_bucket(1000, clock)
        store = Throttled(file(tmp_path), Paces(upload=(bucket,)))
        store.put("o", BytesSource(bytes(20_000)), PutMode.CREATE)
        assert max(clock.slept_s) <= 1.0
        assert sum(clock.slept_s) == pytest.approx(19.0)


class TestRequests:
    def test_every_call_counts(self, tmp_path: Path) -> None:
        clock = JumpingClock()
        store = Throttled(
            filled(tmp_path), Paces(requests=(request_bucket(10, clock),))
        )
        assert store.extras.stat
        for call in (store.list, lambda: store.extras.stat, lambda: read(store)):
            call()
        store.extras.stat.stat("o")
        with pytest.raises(NotFound):
            store.delete("none")
        assert sum(clock.slept_s) == pytest.approx(0.3)  # the first one is free

    def test_names_of_a_thaw_count_and_go_in_runs(self, tmp_path: Path) -> None:
        clock = JumpingClock()
        settings = ColdSettings(states=tmp_path / "states")
        inner = Recorded(ColdStore(file(tmp_path / "s"), settings, clock))
        names = [f"o{n}" for n in range(25)]
        for name in names:
            inner.put(name, BytesSource(b"x"), PutMode.CREATE)
        inner.forget()
        start_s = clock.now_s()
        thaw = Throttled(
            inner, Paces(requests=(request_bucket(10, clock),))
        ).extras.thaw
        assert thaw
        thaw.thaw(iter(names))
        assert inner.count("thaw") == 3
        assert clock.now_s() - start_s == pytest.approx((25 + 3 - 1) / 10)
        assert len(thaw.frost(names)) == 25

    def test_a_rate_of_nothing_is_a_bug(self) -> None:
        for rate, burst in ((0.0, 1.0), (1.0, 0.0)):
            with pytest.raises(ValueError, match="nothing would run"):
                TokenBucket(rate, burst, JumpingClock())


class TestReadOnly:
    @pytest.mark.parametrize("verb", ["put", "delete", "thaw", "create"])
    def test_changes_are_refused_before_anything_is_asked(
        self, verb: str, tmp_path: Path
    ) -> None:
        settings = ColdSettings(states=tmp_path / "states")
        inner = Recorded(ColdStore(file(tmp_path / "s"), settings, JumpingClock()))
        store = ReadOnly(inner, "read_only in its options")
        extras = store.extras
        assert extras.thaw
        assert extras.create
        calls: dict[str, Callable[[], object]] = {
            "put": lambda: store.put("o", BytesSource(b""), PutMode.REPLACE),
            "delete": lambda: store.delete("o"),
            "thaw": partial(extras.thaw.thaw, ["o"]),
            "create": extras.create.create,
        }
        with pytest.raises(Denied, match="the store is read-only") as caught:
            calls[verb]()
        assert "read_only in its options" in caught.value.hint
        assert inner.calls == ()
