"""Repeating calls and reads: what is repeated, how long, and what never is."""

from pathlib import Path

import pytest

from tests.unit.broken import DATA, POLICY, Script, cutting, down, file, read, retrying
from tiered.errors import (
    AlreadyExists,
    Denied,
    Frozen,
    NotFound,
    StoreError,
    Unavailable,
)
from tiered.store import PutMode
from tiered.testing.clocks import JumpingClock
from tiered.testing.sources import BytesSource
from tiered.wrap.limit import Limited
from tiered.wrap.record import Recorded


class TestRetrying:
    def test_waits_longer_each_time_and_through_the_clock(self, tmp_path: Path) -> None:
        clock = JumpingClock()
        store = retrying(Script(file(tmp_path), "list", down(3)), clock)
        assert store.list() == ()
        for wait_s, longest_s in zip(clock.slept_s, (2.0, 4.0, 8.0), strict=True):
            assert longest_s / 2 <= wait_s <= longest_s

    def test_gives_up_after_the_attempts_and_says_so(self, tmp_path: Path) -> None:
        clock = JumpingClock()
        inner = Recorded(Script(file(tmp_path), "list", down(9)))
        with pytest.raises(Unavailable) as caught:
            retrying(inner, clock).list()
        assert inner.count("list") == POLICY.attempts
        spent_s = sum(clock.slept_s)
        assert caught.value.__notes__ == [
            f"gave up after 4 attempts in {spent_s:.0f} s"
        ]

    def test_gives_up_before_the_time_is_over(self, tmp_path: Path) -> None:
        clock = JumpingClock()
        errors: list[StoreError] = [Unavailable("busy", wait_s=70.0) for _ in range(3)]
        with pytest.raises(Unavailable):
            retrying(Script(file(tmp_path), "list", errors), clock).list()
        assert clock.slept_s == [70.0]

    def test_waits_as_long_as_the_store_asks(self, tmp_path: Path) -> None:
        clock = JumpingClock()
        errors: list[StoreError] = [Unavailable("busy", wait_s=17.0)]
        retrying(Script(file(tmp_path), "list", errors), clock).list()
        assert clock.slept_s == [17.0]

    @pytest.mark.parametrize("error", [Denied("no"), Frozen("cold"), NotFound("none")])
    def test_other_errors_are_not_repeated(
        self, error: StoreError, tmp_path: Path
    ) -> None:
        clock = JumpingClock()
        with pytest.raises(type(error)) as caught:
            retrying(Script(file(tmp_path), "list", [error]), clock).list()
        assert clock.slept_s == []
        assert not hasattr(caught.value, "__notes__")

    def test_a_create_that_took_effect_unheard_is_a_success(
        self, tmp_path: Path
    ) -> None:
        inner = Script(file(tmp_path), "put", down(1), "after")
        retrying(inner).put("o", BytesSource(b"new"), PutMode.CREATE)
        assert read(inner) == b"new"

    def test_a_create_of_a_name_that_another_has_is_refused(
        self, tmp_path: Path
    ) -> None:
        real = file(tmp_path)
        real.put("o", BytesSource(b"older"), PutMode.CREATE)
        inner = Script(real, "put", down(1))
        with pytest.raises(AlreadyExists):
            retrying(inner).put("o", BytesSource(b"new"), PutMode.CREATE)
        with pytest.raises(AlreadyExists):  # not even of the same bytes, when first
            retrying(real).put("o", BytesSource(b"older"), PutMode.CREATE)

    def test_without_stat_a_taken_name_is_never_ours(self, tmp_path: Path) -> None:
        inner = Script(cutting(tmp_path, 0, 0, "stat"), "put", down(1), "after")
        with pytest.raises(AlreadyExists):
            retrying(inner).put("n", BytesSource(b"new"), PutMode.CREATE)

    def test_a_taken_name_that_is_gone_again_is_not_ours(self, tmp_path: Path) -> None:
        inner = Script(file(tmp_path), "put", down(1), "after")
        gone = Script(inner, "stat", [NotFound("deleted since")])
        with pytest.raises(AlreadyExists):
            retrying(gone).put("n", BytesSource(b"new"), PutMode.CREATE)

    def test_a_delete_that_took_effect_unheard_is_a_success(
        self, tmp_path: Path
    ) -> None:
        inner = Script(file(tmp_path), "delete", down(1), "after")
        inner.put("o", BytesSource(b"x"), PutMode.CREATE)
        retrying(inner).delete("o")
        assert inner.list() == ()

    def test_extras_are_repeated_too(self, tmp_path: Path) -> None:
        inner = Script(file(tmp_path), "get_range", down(2))
        inner.put("o", BytesSource(b"0123"), PutMode.CREATE)
        ranges = retrying(inner).extras.ranges
        assert ranges
        assert ranges.get_range("o", 1, 2) == b"12"


class TestResuming:
    @pytest.mark.parametrize("without", ["", "ranges"])
    @pytest.mark.parametrize("good", [0, 1, 1_500_000])
    @pytest.mark.parametrize("size", [-1, 700_001, 5_000_000])
    def test_a_cut_stream_goes_on(
        self, size: int, good: int, without: str, tmp_path: Path
    ) -> None:
        inner = Recorded(cutting(tmp_path, good, 2, without))
        pieces = []
        with retrying(inner).get("o") as stream:
            while piece := stream.read(size):
                pieces.append(piece)
        assert b"".join(pieces) == DATA
        by_range = good > 0 and without == ""
        assert inner.count("get_range") == (1 if by_range else 0)
        assert inner.count("get") == (1 if by_range else 3)

    def test_it_ends_when_the_policy_does(self, tmp_path: Path) -> None:
        clock = JumpingClock()
        store = retrying(cutting(tmp_path, 10, 99, "ranges"), clock)
        with store.get("o") as stream:
            assert stream.read(10) == DATA[:10]
            with pytest.raises(Unavailable, match="cut") as caught:
                stream.read(10)
        assert "gave up after 4 attempts" in caught.value.__notes__[0]
        assert len(clock.slept_s) == POLICY.attempts - 1

    @pytest.mark.parametrize("without", ["", "ranges"])
    def test_two_objects_are_never_joined(self, without: str, tmp_path: Path) -> None:
        inner = cutting(tmp_path, 10, 1, without)
        with retrying(inner).get("o") as stream:
            assert stream.read(10) == DATA[:10]
            inner.put("o", BytesSource(DATA + b"!"), PutMode.REPLACE)
            with pytest.raises(StoreError, match="was replaced while it was read"):
                stream.read(10)

    def test_without_stat_only_a_read_from_the_start_is_repeated(
        self, tmp_path: Path
    ) -> None:
        inner = cutting(tmp_path, 0, 1, "stat")
        with retrying(inner).get("o") as stream:
            assert stream.read() == DATA
        inner.good, inner.cuts = 10, 1
        with retrying(inner).get("o") as stream:
            assert stream.read(10) == DATA[:10]
            with pytest.raises(Unavailable, match="cut"):
                stream.read(10)

    def test_a_reopened_object_that_ends_too_early_is_an_error(
        self, tmp_path: Path
    ) -> None:
        """A store that gives fewer bytes than it tells must not go unnoticed."""
        inner = cutting(tmp_path, 10, 1, "ranges")
        with retrying(inner).get("o") as stream:
            assert stream.read(10) == DATA[:10]
            inner.data = DATA[:7]
            with pytest.raises(StoreError, match="ended at byte 7, and was read to 10"):
                stream.read(10)

    def test_a_waiting_stream_holds_no_slot(self, tmp_path: Path) -> None:
        inner = Limited(cutting(tmp_path, 10, 2), calls=1)
        with retrying(inner).get("o") as stream:
            assert stream.read() == DATA
        assert inner.list()
