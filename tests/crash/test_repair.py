"""repair, add-store and copy that are killed, interrupted, or run out of disk.

The points come from what has appeared on the target, not from the time.
"""

import random
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.crash.machine import PASSPHRASE, Machine
from tests.crash.test_disk_full import tiny_disk
from tests.crash.test_kill import kill_when, wait_for
from tests.mirrors import (
    back_up,
    check_mended,
    copies,
    debts,
    mirror,
)
from tiered.names import RESERVED_END

SLOWLY = ("--limit-upload", "6M", "--concurrency", "1")
"""So that there is a midst."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A full of 6 MB in seven volumes or so, on three folders."""
    machine = mirror(tmp_path_factory.mktemp("made") / "machine")
    noise = random.Random(9).randbytes(6_000_000)
    (machine.source / "noise").write_bytes(noise)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PASSPHRASE", PASSPHRASE)
        back_up(machine, 0)
    return machine


@pytest.fixture
def machine(made: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """All of its copies on `three` are lost."""
    monkeypatch.setenv("PASSPHRASE", PASSPHRASE)
    machine = made.fork(tmp_path / "machine")
    for path in (machine.root / "three").iterdir():
        path.unlink()
    return machine


def listed(folder: Path) -> set[str]:
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    return {name for name in names if not name.endswith(RESERVED_END)}


def there(folder: str, count: int) -> Callable[[Machine], bool]:
    return lambda machine: len(listed(machine.root / folder)) >= count


WORKS = {
    "repair": (("repair", "URL"), "three"),
    "add-store": (("add-store", "three", "URL"), "three"),
    "copy": (("copy", "URL", "file://{}/four"), "four"),
}
for_each_work = pytest.mark.parametrize("work", WORKS)


def words_of(machine: Machine, work: str) -> tuple[list[str], str]:
    words, target = WORKS[work]
    return [word.format(machine.root) for word in words], target


@for_each_work
def test_killed_and_run_again(machine: Machine, work: str) -> None:
    words, target = words_of(machine, work)
    whole = copies(machine, "one")["one"]
    for count in (1, 4):
        kill_when(machine, there(target, count), *words, *SLOWLY)
        half = copies(machine, target)[target]
        assert count <= len(half) < len(whole)
        assert half.items() <= whole.items()  # no part of an object
        assert not any("manifest" in name for name in half)
    assert list(machine.tmp.iterdir()) == []
    result = machine.run(*words).succeeded()
    assert f"made {len(whole) - len(half)} copies on " in result.out
    assert copies(machine, target)[target] == whole
    if work != "copy":
        check_mended(machine)


@pytest.mark.parametrize("work", ["repair", "copy"])
def test_interrupted_by_hand(machine: Machine, work: str) -> None:
    words, target = words_of(machine, work)
    process = machine.start(*words, *SLOWLY)
    wait_for(machine, there(target, 2), process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=100)
    assert process.returncode == 130, err
    assert "tiered: error: interrupted\n" in err
    assert "Traceback" not in err
    assert list(machine.tmp.iterdir()) == []
    half = copies(machine, target)[target]
    assert len(half) < len(copies(machine, "one")["one"])
    machine.run(*words).succeeded()
    assert copies(machine, target)[target] == copies(machine, "one")["one"]


def test_a_store_that_is_full(machine: Machine) -> None:
    """What fits is copied, and the rest asked for once, not object by object."""
    with tiny_disk(machine.root / "three", 3 << 20):
        result = machine.run("repair", "URL", "--concurrency", "1")
        assert (result.status, result.code) == (22, "store-full")
        half = copies(machine, "three")["three"]
        whole = copies(machine, "one")["one"]
        assert half
        assert half.items() <= whole.items()
        assert not any("manifest" in name for name in half)
        assert "objects were not copied for this or a like reason" in result.err
    machine.run("repair", "URL").succeeded()
    check_mended(machine)


def test_a_full_store_does_not_hold_up_another(machine: Machine) -> None:
    lost = [p for p in (machine.root / "two").iterdir() if "vol" in p.name]
    for path in lost:
        path.unlink()
    with tiny_disk(machine.root / "three", 2 << 20):
        result = machine.run("repair", "URL")
        assert (result.status, result.code) == (22, "store-full")
        assert f"made {len(lost)} copies on two\n" in result.out
    assert copies(machine, "two")["two"] == copies(machine, "one")["one"]


def test_no_room_in_the_temporary_folder(machine: Machine) -> None:
    with tiny_disk(machine.tmp, 1 << 19):
        result = machine.run("repair", "URL")
        assert list(machine.tmp.iterdir()) == []
    assert (result.status, result.code) == (6, "scratch-unusable")
    assert not any("manifest" in name for name in copies(machine, "three")["three"])
    machine.run("repair", "URL").succeeded()
    check_mended(machine)


def test_debts_that_were_paid_before_a_kill_end(machine: Machine) -> None:
    """They are taken out at the end; a run that was killed has left them."""
    (machine.root / "three").rename(machine.root / "away")
    (machine.source / "more").write_bytes(random.Random(2).randbytes(3_000_000))
    back_up(machine, 1)
    (machine.root / "away").rename(machine.root / "three")
    owed = len(debts(machine))
    assert owed >= 4
    kill_when(machine, there("three", 2), "repair", "URL", *SLOWLY)
    assert len(debts(machine)) == owed
    result = machine.run("repair", "URL").succeeded()
    assert "made " in result.out
    check_mended(machine)


def test_two_repairs_at_once(machine: Machine) -> None:
    """On one machine the second is refused; between machines both end well."""
    first = machine.start("repair", "URL", *SLOWLY)
    wait_for(machine, there("three", 1), first)
    result = machine.run("repair", "URL")
    assert (result.status, result.code) == (5, "archive-locked")
    elsewhere = ("--archive-dir", str(machine.root / "another"))
    other = replace(machine, options=(*machine.options, *elsewhere))
    second = other.run("repair", "URL")
    _, err = first.communicate(timeout=100)
    assert first.returncode == 0, err
    second.succeeded()
    check_mended(machine)
