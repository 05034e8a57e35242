"""The wrappers: each keeps the contract, and does the one thing it is for."""

import dataclasses
import io
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, BinaryIO, TypeVar, cast

import pytest

from tests.unit.broken import cutting, file, retrying
from tiered.errors import AlreadyExists, NotFound, Unavailable
from tiered.store import Entry, Extras, Frost, PutMode, Source, Store, Survey
from tiered.testing.clocks import JumpingClock
from tiered.testing.cold import ColdSettings, ColdStore
from tiered.testing.contract import CHECKS, Check, Rig, offered
from tiered.testing.sources import BytesSource
from tiered.wrap.base import Wrapped
from tiered.wrap.limit import Limited
from tiered.wrap.meter import Metered
from tiered.wrap.readonly import ReadOnly
from tiered.wrap.record import Recorded
from tiered.wrap.throttle import Paces, Throttled, byte_bucket, request_bucket
from tiered.wrap.usage import MoneyClass
from tiered.wrap.verify import Verified

T = TypeVar("T")


def throttled(inner: Store) -> Throttled:
    """At a million bytes and a hundred calls a second, which take no time here."""
    clock = JumpingClock()
    paces = Paces(
        upload=(byte_bucket(1e6, clock), byte_bucket(2e6, clock)),
        download=(byte_bucket(1e6, clock),),
        requests=(request_bucket(100, clock),),
    )
    return Throttled(inner, paces)


def usual(inner: Store) -> Wrapped:
    """All of them, in the order that `tiered.assemble.wrapping` has them."""
    return retrying(Limited(Verified(throttled(Metered(inner))), calls=4))


WRAPPERS: dict[str, Callable[[Store], Wrapped]] = {
    "retry": retrying,
    "limit": lambda store: Limited(store, calls=2),
    "meter": Metered,
    "record": Recorded,
    "verify": Verified,
    "throttle": throttled,
    "usual": usual,
}
for_every_wrapper = pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)


@for_every_wrapper
@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.__name__)
@pytest.mark.parametrize("cold", [False, True], ids=["file", "cold"])
def test_contract(
    check: Check, wrap: Callable[[Store], Wrapped], tmp_path: Path, cold: bool
) -> None:
    clock = JumpingClock()
    inner: Store = file(tmp_path / "store")
    if cold:
        inner = ColdStore(inner, ColdSettings(states=tmp_path / "states"), clock)
    check(Rig(store=wrap(inner), wait=clock.sleep_s))


class WrittenBeside(Wrapped):
    """A store that is read through `reader`, and changed behind its back."""

    def __init__(self, inner: Store, reader: Store) -> None:
        super().__init__(inner)
        self.reader = reader

    @property
    def extras(self) -> Extras:
        seen, real = self.reader.extras, self.inner.extras
        return dataclasses.replace(
            seen, thaw=real.thaw, create=real.create, folders=real.folders
        )

    def list(self, prefix: str = "") -> tuple[Entry, ...]:
        return self.reader.list(prefix)

    def get(self, name: str) -> BinaryIO:
        return self.reader.get(name)


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.__name__)
@pytest.mark.parametrize("cold", [False, True], ids=["file", "cold"])
def test_contract_of_what_is_read_only(
    check: Check, tmp_path: Path, cold: bool
) -> None:
    clock = JumpingClock()
    inner: Store = file(tmp_path / "store")
    if cold:
        inner = ColdStore(inner, ColdSettings(states=tmp_path / "states"), clock)
    store = WrittenBeside(inner, ReadOnly(inner, "--read-only"))
    check(Rig(store=store, wait=clock.sleep_s))


class Everything:
    """Every capability at once; every call goes to `calls`."""

    label = "everything"

    def __init__(self) -> None:
        self.calls: list[str] = []
        # Any: whatever a capability asks for, it is here, or is not called
        every: dict[str, Any] = {f.name: self for f in dataclasses.fields(Extras)}
        self.extras = Extras(**every)

    def list(self, prefix: str = "") -> tuple[Entry, ...]:
        return self._called("list", ())

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        self._called("put", None)

    def get(self, name: str) -> BinaryIO:
        return self._called("get", io.BytesIO(b"x"))

    def delete(self, name: str) -> None:
        self._called("delete", None)

    def close(self) -> None:
        self._called("close", None)

    def frost(self, names: Iterable[str]) -> Mapping[str, Frost]:
        return self._called("frost", {})

    def thaw(self, names: Iterable[str]) -> None:
        self._called("thaw", None)

    def get_range(self, name: str, start: int, size: int) -> bytes:
        return self._called("get_range", b"x")

    def stat(self, name: str) -> Entry:
        return self._called("stat", Entry(name, 1))

    def create(self) -> bool:
        return self._called("create", True)

    def remove_folder(self, folder: str) -> None:
        self._called("remove_folder", None)

    def survey(self, prefix: str = "") -> Survey:
        return self._called("survey", Survey((), {}, writable=True, listings={}))

    def copies(self, name: str) -> tuple[str, ...]:
        return self._called("copies", ("a",))

    def get_copy(self, name: str, label: str) -> BinaryIO:
        return self._called(f"get_copy {label}", io.BytesIO(b"x"))

    def _called(self, verb: str, result: T) -> T:
        self.calls.append(verb)
        return result


@for_every_wrapper
def test_no_capability_is_forgotten(wrap: Callable[[Store], Wrapped]) -> None:
    every = {f.name for f in dataclasses.fields(Extras)}
    assert offered(wrap(Everything()).extras) == every
    assert offered(Wrapped(Everything()).extras) == every


@for_every_wrapper
def test_every_capability_reaches_the_store(wrap: Callable[[Store], Wrapped]) -> None:
    inner = Everything()
    extras = wrap(inner).extras
    assert extras.thaw
    assert extras.ranges
    assert extras.create
    assert extras.folders
    assert extras.surveys
    assert extras.copies
    extras.thaw.frost(["n"])
    extras.thaw.thaw(["n"])
    extras.ranges.get_range("n", 0, 1)
    extras.create.create()
    extras.folders.remove_folder("n")
    extras.surveys.survey()
    extras.copies.copies("n")
    extras.copies.get_copy("n", "a").close()
    called = [verb for verb in inner.calls if verb != "stat"]
    assert called == [
        *("frost", "thaw", "get_range", "create", "remove_folder"),
        *("survey", "copies", "get_copy a"),
    ]


class TestLimited:
    def test_no_more_calls_at_once_than_slots(self, tmp_path: Path) -> None:
        running, most = 0, 0

        class Counting(Wrapped):
            def around(self, verb: str, name: str, run: Callable[[], T]) -> T:
                nonlocal running, most
                running += 1
                most = max(most, running)
                try:
                    Event().wait(0.002)
                    return run()
                finally:
                    running -= 1

        store = Limited(Counting(file(tmp_path)), calls=3)
        with ThreadPoolExecutor(12) as pool:
            list(pool.map(lambda _: store.list(), range(36)))
        assert most == 3

    def test_a_stream_holds_its_slot_until_it_is_closed(self, tmp_path: Path) -> None:
        store = Limited(file(tmp_path), calls=1)
        store.put("o", BytesSource(b"x"), PutMode.CREATE)
        stream = store.get("o")
        with ThreadPoolExecutor(1) as pool:
            listing = pool.submit(store.list)
            Event().wait(0.05)
            assert not listing.done()
            stream.close()
            stream.close()  # a second close must not free a second slot
            assert listing.result(timeout=5)
            held = store.get("o")
            listing = pool.submit(store.list)
            Event().wait(0.05)
            assert not listing.done()
            del held  # forgotten streams do not block for ever
            assert listing.result(timeout=5)

    def test_a_failed_get_gives_its_slot_back(self, tmp_path: Path) -> None:
        store = Limited(file(tmp_path), calls=1)
        for _ in range(3):
            with pytest.raises(NotFound):
                store.get("none")

    def test_a_limit_of_nothing_is_a_bug(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="0 calls"):
            Limited(file(tmp_path), calls=0)


class TestMetered:
    def test_counts_calls_failures_and_bytes(self, tmp_path: Path) -> None:
        store = Metered(file(tmp_path))
        assert store.extras.ranges
        store.put("o", BytesSource(b"0123456789"), PutMode.CREATE)
        with pytest.raises(AlreadyExists):
            store.put("o", BytesSource(b"abc"), PutMode.CREATE)
        with store.get("o") as stream:
            assert stream.read(4) == b"0123"
        assert store.extras.ranges.get_range("o", 2, 3) == b"234"
        with pytest.raises(NotFound):
            store.get("none")
        usage = store.usage
        assert usage.calls == {"put": 2, "get": 2, "get_range": 1}
        assert usage.failures == {"put": 1, "get": 1}
        assert (usage.sent_bytes, usage.received_bytes) == (13, 7)

    def test_a_stream_that_fails_is_a_failed_get(self, tmp_path: Path) -> None:
        store = Metered(cutting(tmp_path, 10, 1))
        with store.get("o") as stream:
            stream.read(10)
            with pytest.raises(Unavailable):
                stream.read(10)
        assert store.usage.failures == {"get": 1}
        assert store.usage.received_bytes == 10

    def test_counts_the_names_of_thaws(self, tmp_path: Path) -> None:
        settings = ColdSettings(states=tmp_path / "states")
        store = Metered(ColdStore(file(tmp_path / "s"), settings, JumpingClock()))
        for name in "abc":
            store.put(name, BytesSource(b"x"), PutMode.CREATE)
        assert store.extras.thaw
        store.extras.thaw.thaw(iter(["a", "b"]))
        store.extras.thaw.thaw(["c"])
        assert store.usage.thaws == {"": 3}
        assert store.usage.calls["thaw"] == 2
        assert store.usage.requests[MoneyClass.THAW] == 3

    def test_thaws_are_told_apart_by_what_they_cost(self, tmp_path: Path) -> None:
        class Bulk(Everything):
            tier = "Bulk"

        store = Metered(Bulk())
        assert store.extras.thaw
        store.extras.thaw.thaw(["a", "b"])
        assert store.usage.thaws == {"Bulk": 2}

    def test_sorts_requests_as_they_are_billed(self, tmp_path: Path) -> None:
        store = Metered(file(tmp_path))
        assert store.extras.stat
        store.put("o", BytesSource(b"x"), PutMode.CREATE)
        store.list()
        store.extras.stat.stat("o")
        store.get("o").close()
        store.delete("o")
        assert store.usage.requests == {
            MoneyClass.WRITE: 2,
            MoneyClass.READ: 2,
            MoneyClass.FREE: 1,
            MoneyClass.THAW: 0,
        }

    def test_every_verb_has_its_money_class(self, tmp_path: Path) -> None:
        """A new capability must not be forgotten on the bill."""
        store = Metered(Everything())
        extras = store.extras
        assert extras.thaw
        assert extras.ranges
        assert extras.stat
        assert extras.create
        assert extras.surveys
        assert extras.copies
        calls: list[Callable[[], object]] = [
            store.list,
            lambda: store.put("n", BytesSource(b""), PutMode.CREATE),
            lambda: store.get("n"),
            lambda: store.delete("n"),
            lambda: extras.thaw and extras.thaw.frost(["n"]),
            partial(extras.thaw.thaw, ["n"]),
            lambda: extras.ranges and extras.ranges.get_range("n", 0, 1),
            lambda: extras.stat and extras.stat.stat("n"),
            extras.create.create,
            extras.surveys.survey,
            lambda: extras.copies and extras.copies.copies("n"),
            lambda: extras.copies and extras.copies.get_copy("n", "a"),
        ]
        for call in calls:
            call()
        assert sum(store.usage.requests.values()) == len(calls)

    def test_removals_where_they_may_be_billed(self, tmp_path: Path) -> None:
        settings = ColdSettings(states=tmp_path / "states")
        cold = ColdStore(file(tmp_path / "s"), settings, JumpingClock())
        for store, expected in (
            (Metered(cold), 2),
            (Metered(file(tmp_path / "hot")), 0),
        ):
            store.put("a", BytesSource(b"x"), PutMode.CREATE)
            store.put("a", BytesSource(b"xy"), PutMode.REPLACE)
            store.delete("a")
            with pytest.raises(NotFound):
                store.delete("a")
            assert store.usage.cold_removals == expected

    def test_a_value_taken_before_does_not_change(self, tmp_path: Path) -> None:
        store = Metered(file(tmp_path))
        before = store.usage
        store.list()
        assert before.calls == {}
        assert store.usage.calls == {"list": 1}

    def test_threads_lose_no_count(self, tmp_path: Path) -> None:
        store = Metered(file(tmp_path))
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: store.list(), range(400)))
        assert store.usage.calls == {"list": 400}


def test_recorded_writes_every_call_down(tmp_path: Path) -> None:
    store = Recorded(file(tmp_path))
    assert store.extras.stat
    store.put("o", BytesSource(b"x"), PutMode.CREATE)
    store.list("pre")
    store.extras.stat.stat("o")
    assert store.calls == (("put", "o"), ("list", "pre"), ("stat", "o"))
    assert store.count("list") == 1
    store.forget()
    assert not store.calls


@pytest.mark.parametrize("key", ["retry", "limit", "meter", "throttle", "usual"])
def test_a_wrapped_stream_is_read_like_any_other(key: str, tmp_path: Path) -> None:
    store = WRAPPERS[key](file(tmp_path))
    store.put("o", BytesSource(b"one\ntwo\nthree"), PutMode.CREATE)
    with store.get("o") as stream:
        assert stream.readable()
        assert stream.readline() == b"one\n"
        assert list(stream) == [b"two\n", b"three"]
        assert stream.read(5) == b""
    with store.get("o") as stream, io.BufferedReader(cast(io.RawIOBase, stream)) as b:
        assert b.peek()[:3] == b"one"
        assert b.read() == b"one\ntwo\nthree"
    assert stream.closed


def test_a_counted_upload_can_be_wound_back(tmp_path: Path) -> None:
    """SDKs do so before they send a part again; both times are sent bytes."""

    class Rewinding(Wrapped):
        def put(self, name: str, source: Source, mode: PutMode) -> None:
            assert source.size == 10
            assert source.md5 == BytesSource(b"0123456789").md5
            with source.open() as stream:
                assert stream.read(4) == b"0123"
                assert stream.seekable()
                assert stream.tell() == 4
                assert stream.seek(0) == 0
                assert stream.readall() == b"0123456789"  # type: ignore[attr-defined]

    store = Metered(Rewinding(file(tmp_path)))
    store.put("o", BytesSource(b"0123456789"), PutMode.CREATE)
    assert store.usage.sent_bytes == 14
