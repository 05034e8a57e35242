"""Uploads that are looked at afterwards: what is noticed, deleted, and sent again."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import TypeVar

import pytest

from tests.unit.broken import POLICY, Cheating, Digesting, Script, cutting, file, read
from tiered.errors import (
    AlreadyExists,
    Denied,
    Retry,
    Unavailable,
    UploadCorrupt,
)
from tiered.store import Entry, PutMode, Source, Store
from tiered.testing.clocks import JumpingClock
from tiered.testing.cold import ColdSettings, ColdStore
from tiered.testing.sources import BytesSource
from tiered.wrap.base import Wrapped
from tiered.wrap.record import Recorded
from tiered.wrap.retry import Retrying
from tiered.wrap.verify import Verified

T = TypeVar("T")


def repeated(inner: Store) -> Retrying:
    return Retrying(Verified(inner), POLICY, JumpingClock(), Random(7))


class CheatingOnce(Cheating):
    """The first upload is cut."""

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        if self.keep:
            super().put(name, source, mode)
            self.keep = 0
        else:
            self.inner.put(name, source, mode)


class TestVerified:
    def test_a_short_object_is_noticed_and_deleted(self, tmp_path: Path) -> None:
        store = Verified(Cheating(file(tmp_path), keep=3))
        with pytest.raises(UploadCorrupt, match="stored 3 of 10 bytes") as caught:
            store.put("o", BytesSource(b"0123456789"), PutMode.CREATE)
        assert "It was deleted." in caught.value.hint
        assert store.list() == ()

    def test_a_replaced_object_is_not_deleted(self, tmp_path: Path) -> None:
        store = Verified(Cheating(file(tmp_path), keep=3))
        with pytest.raises(UploadCorrupt, match="stored 3 of 10 bytes") as caught:
            store.put("o", BytesSource(b"0123456789"), PutMode.REPLACE)
        assert "still there" in caught.value.hint
        assert [e.size for e in store.list()] == [3]

    def test_an_object_of_another_is_not_deleted(self, tmp_path: Path) -> None:
        store = Verified(Cheating(file(tmp_path), keep=3))
        store.inner.put("o", BytesSource(b"old"), PutMode.CREATE)
        with pytest.raises(AlreadyExists):
            store.put("o", BytesSource(b"0123456789"), PutMode.CREATE)
        assert read(store) == b"old"

    def test_other_bytes_of_the_same_size_are_noticed(self, tmp_path: Path) -> None:
        store = Verified(Digesting(file(tmp_path)))
        with pytest.raises(UploadCorrupt, match="stored other bytes: MD5 0000"):
            store.put("o", BytesSource(b"x"), PutMode.CREATE)

    def test_a_lost_object_is_noticed(self, tmp_path: Path) -> None:
        class Losing(Wrapped):
            def put(self, name: str, source: Source, mode: PutMode) -> None:
                """Keep nothing."""

        with pytest.raises(UploadCorrupt, match="is not there after its upload"):
            Verified(Losing(file(tmp_path))).put("o", BytesSource(b"x"), PutMode.CREATE)

    def test_a_bad_object_that_cannot_be_deleted_is_told(self, tmp_path: Path) -> None:
        stuck = Script(file(tmp_path), "delete", [Denied("no")])
        with pytest.raises(UploadCorrupt) as caught:
            Verified(Cheating(stuck, keep=0)).put(
                "o", BytesSource(b"x"), PutMode.CREATE
            )
        assert "still there" in caught.value.hint

    def test_a_store_without_stat_is_believed(self, tmp_path: Path) -> None:
        inner = cutting(tmp_path, 0, 0, "stat")
        Verified(Cheating(inner, keep=1)).put("x", BytesSource(b"xy"), PutMode.CREATE)
        assert Entry("x", 1) in inner.list()

    def test_one_stat_a_put(self, tmp_path: Path) -> None:
        inner = Recorded(file(tmp_path))
        Verified(inner).put("o", BytesSource(b"x"), PutMode.CREATE)
        assert inner.calls == (("put", "o"), ("stat", "o"))

    def test_a_truncated_upload_is_not_taken_for_a_lost_answer(
        self, tmp_path: Path
    ) -> None:
        inner = Recorded(Cheating(file(tmp_path), keep=1))
        with pytest.raises(UploadCorrupt) as caught:
            repeated(inner).put("o", BytesSource(b"xyz"), PutMode.CREATE)
        assert "gave up after 4 attempts" in caught.value.__notes__[0]
        assert inner.count("delete") == POLICY.attempts
        assert inner.list() == ()

    @pytest.mark.parametrize("mode", PutMode)
    def test_it_is_sent_again_like_any_other(
        self, mode: PutMode, tmp_path: Path
    ) -> None:
        inner = Recorded(CheatingOnce(file(tmp_path), keep=1))
        repeated(inner).put("o", BytesSource(b"xyz"), mode)
        assert read(inner) == b"xyz"
        create = ["put", "stat", "delete", "put", "stat", "get"]
        verbs = [verb for verb, _ in inner.calls]
        assert verbs == [v for v in create if v != "delete" or mode is PutMode.CREATE]

    def test_a_check_without_an_answer_is_no_mismatch(self, tmp_path: Path) -> None:
        inner = Script(file(tmp_path), "stat", [Unavailable("down")])
        repeated(inner).put("o", BytesSource(b"xyz"), PutMode.CREATE)
        assert read(inner) == b"xyz"


class TestCold:
    """Where deleting costs as much as keeping for months."""

    @pytest.mark.parametrize("mode", PutMode)
    def test_nothing_is_deleted_or_sent_again(
        self, mode: PutMode, tmp_path: Path
    ) -> None:
        inner = self.cold(tmp_path, 3)
        with pytest.raises(UploadCorrupt, match="stored 3 of 10 bytes") as caught:
            repeated(inner).put("o", BytesSource(b"0123456789"), mode)
        assert "in cold storage, where deleting it early" in caught.value.hint
        assert caught.value.retry is Retry.NEVER
        assert UploadCorrupt.retry is Retry.SOON
        assert not hasattr(caught.value, "__notes__")
        assert [verb for verb, _ in inner.calls] == ["put", "stat", "frost"]

    def test_what_need_not_be_thawed_is_deleted(self, tmp_path: Path) -> None:
        """As a manifest beside cold volumes."""
        inner = self.cold(tmp_path, 3)
        inner.thaw_at_once = True
        with pytest.raises(UploadCorrupt, match="stored 3") as caught:
            Verified(inner).put("o", BytesSource(b"0123456789"), PutMode.CREATE)
        assert "It was deleted" in caught.value.hint
        assert inner.list() == ()

    def test_nothing_is_deleted_if_the_store_does_not_say(self, tmp_path: Path) -> None:
        inner = Script(self.cold(tmp_path, 3), "frost", [Denied("no")])
        with pytest.raises(UploadCorrupt) as caught:
            Verified(inner).put("o", BytesSource(b"0123456789"), PutMode.CREATE)
        assert caught.value.retry is Retry.NEVER
        assert [e.size for e in inner.list()] == [3]

    @staticmethod
    def cold(tmp_path: Path, keep: int) -> "Lukewarm":
        settings = ColdSettings(states=tmp_path / "states")
        clock = JumpingClock()
        cold = ColdStore(file(tmp_path / "store"), settings, clock)
        return Lukewarm(Cheating(cold, keep=keep), clock)


class Lukewarm(Recorded):
    """A cold store that keeps some objects warm."""

    def __init__(self, inner: Store, clock: JumpingClock) -> None:
        super().__init__(inner)
        self._clock, self.thaw_at_once = clock, False

    def around(self, verb: str, name: str, run: Callable[[], T]) -> T:
        if verb == "frost" and self.thaw_at_once:
            thaw = self.inner.extras.thaw
            assert thaw
            thaw.thaw([e.name for e in self.inner.list()])
            self._clock.sleep_s(100_000)
        return super().around(verb, name, run)
