"""`tiered rebuild` of an archive whose key objects are lost."""

import json
import shutil
from pathlib import Path

import pytest

from tests.crash.machine import Machine, Result
from tests.lost import make_cold_machine
from tiered.testing.tree import differences, snapshot

SECRET = "open sesame"
KEY = "hot_tiered-key.main.1.age"
COMMAND = "`tiered key init URL --identity FILE`"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setenv("PASSPHRASE", SECRET)
    return make_cold_machine(tmp_path)


@pytest.fixture
def sheet(machine: Machine, tmp_path: Path) -> Path:
    """The recovery sheet."""
    file = tmp_path / "sheet"
    file.write_text(machine.run("key", "export", "URL").succeeded().out)
    file.chmod(0o600)
    return file


def lose(machine: Machine, *patterns: str) -> None:
    """Objects; and this machine has never seen the archive."""
    for pattern in patterns:
        lost = list(machine.root.glob(pattern))
        assert lost
        for file in lost:
            file.unlink()
    shutil.rmtree(machine.cache)


def lose_hot_side_and_copies(machine: Machine) -> None:
    lose(machine, "hot/*", "cold/*tiered-keycopy*")


def check_works(machine: Machine, tmp_path: Path) -> None:
    """From a machine that knows nothing but the passphrase."""
    shutil.rmtree(machine.cache)
    machine.run("restore", "URL", tmp_path / "restored").succeeded()
    restored = snapshot(tmp_path / "restored")
    assert differences(snapshot(machine.source), restored) == []
    (machine.source / "file").write_text("three")
    machine.run("inc", "SOURCE", "URL").succeeded()
    assert machine.run("rebuild", "URL").succeeded().out == "nothing is lost: 3 sets\n"


def hot(machine: Machine) -> set[str]:
    return {file.name for file in (machine.root / "hot").iterdir()}


def with_sheet(machine: Machine, sheet: Path, *words: str) -> Result:
    return machine.run("rebuild", "URL", "--identity", sheet, *words)


def test_from_copies(machine: Machine, tmp_path: Path) -> None:
    """They are thawed for it, although no set needs them."""
    lose(machine, f"hot/{KEY}")
    found = json.loads(machine.run("rebuild", "URL", "--json").succeeded().out)
    assert found["lost"] == []
    assert found["lost_keys"] == ["main"]
    assert found["created"] == [KEY]
    check_works(machine, tmp_path)


def test_of_two_ways_in_one(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEW_PASSPHRASE", "another")
    machine.run("key", "add", "URL", "--way", "other").succeeded()
    lose(machine, "hot/*tiered-key.other*")
    result = machine.run("rebuild", "URL").succeeded()
    assert result.out == "made the key object hot_tiered-key.other.1.age again\n"
    monkeypatch.setenv("PASSPHRASE", "another")
    check_works(machine, tmp_path)


def test_from_the_sheet_for_a_passphrase_that_is_given(
    machine: Machine, sheet: Path, tmp_path: Path
) -> None:
    lose_hot_side_and_copies(machine)
    result = with_sheet(machine, sheet).succeeded()
    assert result.out == (
        f"made 6 objects of 2 sets again\nmade the key object {KEY} again\n"
    )
    assert SECRET not in result.err
    check_works(machine, tmp_path)


def test_only_keys_are_lost(machine: Machine, sheet: Path, tmp_path: Path) -> None:
    lose(machine, f"hot/{KEY}", "cold/*tiered-keycopy*")
    result = with_sheet(machine, sheet).succeeded()
    assert result.out == f"made the key object {KEY} again\n"
    check_works(machine, tmp_path)


def test_from_the_sheet_without_a_passphrase(
    machine: Machine, sheet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sets are made, and it is said which command makes the key object."""
    lose_hot_side_and_copies(machine)
    monkeypatch.delenv("PASSPHRASE")
    result = with_sheet(machine, sheet).succeeded()
    assert result.out == "made 6 objects of 2 sets again\n"
    assert "warning: no key object is left" in result.err
    assert COMMAND in result.err
    again = with_sheet(machine, sheet).succeeded()
    assert COMMAND in again.err
    monkeypatch.setenv("PASSPHRASE", SECRET)
    machine.run("key", "init", "URL", "--identity", sheet).succeeded()
    check_works(machine, tmp_path)


def test_a_dry_run_says_it(machine: Machine, sheet: Path) -> None:
    lose_hot_side_and_copies(machine)
    shown = with_sheet(machine, sheet, "--dry-run").succeeded().out
    assert "no key object is left, and no copy of one\n" in shown
    assert hot(machine) == set()


def test_a_foreign_key_makes_none(machine: Machine, sheet: Path) -> None:
    """Whether or not a manifest is there to tell."""
    foreign = sheet.with_name("foreign")
    foreign.write_text(
        "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
    )
    foreign.chmod(0o600)
    lose(machine, f"hot/{KEY}", "cold/*tiered-keycopy*")
    assert with_sheet(machine, foreign).status != 0
    for each in (machine.root / "hot").iterdir():
        each.unlink()
    assert with_sheet(machine, foreign).status != 0
    assert hot(machine) == set()


def test_who_keeps_the_key_himself_is_not_given_another_way_in(
    machine: Machine, sheet: Path
) -> None:
    public = machine.run("key", "export", "URL", "--public").succeeded().out.strip()
    lose_hot_side_and_copies(machine)
    result = with_sheet(machine, sheet, "--recipient", public).succeeded()
    assert result.out == "made 6 objects of 2 sets again\n"
    assert "no key object" not in result.err
