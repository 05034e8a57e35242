"""The C library behind tiered.rsync: used by many threads, missing, old, another."""

import ctypes
import ctypes.util
import os
import random
import sys
import threading
from collections.abc import Iterator

import pytest

from tiered.errors import MissingDependency
from tiered.rsync import (
    Kind,
    Signature,
    SignatureMaker,
    delta_of,
    load_library,
    patch_bytes,
    signature_header,
    signature_of,
)

OLD = random.Random(1).randbytes(100_000)
NEW = OLD[:30_000] + b"inserted" + OLD[60_000:]


def delta(block_len: int) -> bytes:
    with Signature(signature_of(OLD, block_len)) as signature:
        return delta_of(signature, NEW)


@pytest.fixture
def no_forced_switching() -> Iterator[None]:
    """A thread gets the GIL only when another one gives it up by itself."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("no_forced_switching")
def test_other_threads_run_while_librsync_works() -> None:
    count = 0
    stop = threading.Event()

    def work() -> None:
        nonlocal count
        while not stop.is_set():
            count += 1
            os.sched_yield()  # gives up the GIL

    thread = threading.Thread(target=work)
    thread.start()
    try:
        before = count
        sum(range(200_000))
        assert count == before, "the measurement itself gives up the GIL"
        maker = SignatureMaker(512)
        for _ in range(1000):  # once is enough, unless the machine is very busy
            maker.feed(bytes(1 << 20))
            if count > before:
                break
        assert count > before
    finally:
        stop.set()
        thread.join()


def test_separate_jobs_in_threads() -> None:
    wrong: list[int] = []

    def work(number: int) -> None:
        for _ in range(20):
            if patch_bytes(OLD, delta(512 + number)) != NEW:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_one_maker_in_two_threads_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    maker = SignatureMaker(512)
    real = maker._job._iterate
    inside, go_on = threading.Event(), threading.Event()

    def slow(job: int, buffers: int) -> int:
        inside.set()
        go_on.wait(30)
        return real(job, buffers)

    monkeypatch.setattr(maker._job, "_iterate", slow)
    thread = threading.Thread(target=maker.feed, args=(OLD,))
    thread.start()
    inside.wait(30)
    threading.Timer(0.05, go_on.set).start()  # closing waits for the step to end
    with pytest.raises(RuntimeError, match="two threads"):
        maker.feed(b"x")
    thread.join()
    with pytest.raises(ValueError, match="closed"):
        maker.finish()


@pytest.fixture
def forgotten_library() -> Iterator[None]:
    load_library.cache_clear()
    yield
    load_library.cache_clear()


@pytest.mark.usefixtures("forgotten_library")
def test_missing_library_is_one_clear_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> ctypes.CDLL:
        raise OSError(f"{name}: cannot open shared object file")

    with monkeypatch.context() as patched:
        patched.setattr(ctypes, "CDLL", missing)
        for found in (None, "librsync.so.9"):
            patched.setattr(ctypes.util, "find_library", lambda _, found=found: found)
            with pytest.raises(MissingDependency, match="librsync is not inst") as e:
                signature_of(b"", 512)
            assert "librsync2" in e.value.hint
        assert len(signature_header(bytes.fromhex("727301360000020000000008"))) == 3
    assert len(signature_of(b"", 512)) == 12  # installed meanwhile: found


@pytest.mark.usefixtures("forgotten_library")
@pytest.mark.parametrize("version", [(1, 0), (0, 9)])
def test_old_library_is_refused(
    monkeypatch: pytest.MonkeyPatch, version: tuple[int, int]
) -> None:
    monkeypatch.setattr("tiered.rsync.library._version", lambda _: version)
    with pytest.raises(MissingDependency, match="too old"):
        load_library()


@pytest.mark.usefixtures("forgotten_library")
def test_rabin_karp_needs_librsync_2_2(monkeypatch: pytest.MonkeyPatch) -> None:
    data = signature_of(OLD, 512, Kind.RK_MD4)
    load_library.cache_clear()
    monkeypatch.setattr("tiered.rsync.library._version", lambda _: (2, 1))
    with pytest.raises(MissingDependency, match="RK_MD4"):
        SignatureMaker(512, Kind.RK_MD4)
    with pytest.raises(MissingDependency, match="RK_MD4"):
        Signature(data)


@pytest.mark.usefixtures("forgotten_library")
def test_a_foreign_library_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiered.rsync.library._open", lambda: ctypes.CDLL(None))
    with pytest.raises(MissingDependency, match="cannot be used"):
        load_library()
