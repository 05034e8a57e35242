"""`tiered rebuild` through the real command line: what is said, and what comes back."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.crash.machine import Machine, Result
from tests.lost import make_cold_machine
from tiered.testing.tree import differences, snapshot

SECRET = "open sesame"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setenv("PASSPHRASE", SECRET)
    return make_cold_machine(tmp_path)


def lose_hot_side(machine: Machine) -> Machine:
    """The hot folder is empty; and this machine has never seen the archive."""
    shutil.rmtree(machine.root / "hot")
    (machine.root / "hot").mkdir()
    shutil.rmtree(machine.cache)
    return machine


def document(result: Result) -> dict[str, object]:
    found = json.loads(result.out)
    assert isinstance(found, dict)
    return found


def test_all_is_made_again_from_the_cold_side(machine: Machine, tmp_path: Path) -> None:
    names = {p.name for p in (machine.root / "hot").iterdir()}
    lose_hot_side(machine)
    assert machine.run("restore", "URL", tmp_path / "out").code == "listing-doubtful"
    result = machine.run("rebuild", "URL").succeeded()
    assert result.out == (
        "made 6 objects of 2 sets again\n"
        "made the key object hot_tiered-key.main.1.age again\n"
    )
    assert "thaw plan: 3 objects to thaw" in result.err  # a copy of the key, too
    assert {p.name for p in (machine.root / "hot").iterdir()} == names
    machine.run("restore", "URL", tmp_path / "out").succeeded()
    assert differences(snapshot(machine.source), snapshot(tmp_path / "out")) == []
    again = machine.run("rebuild", "URL").succeeded()
    assert again.out == "nothing is lost: 2 sets\n"


def test_a_dry_run_says_what_it_would_cost(machine: Machine) -> None:
    lose_hot_side(machine)
    found = document(machine.run("rebuild", "URL", "--dry-run", "--json").succeeded())
    lost = found["lost"]
    assert isinstance(lost, list)
    assert [each["objects"] for each in lost] == [
        ["manifest", "index", "signatures"]
    ] * 2
    volumes, thaw = found["volumes"], found["thaw"]
    assert isinstance(volumes, list)
    assert isinstance(thaw, dict)
    assert len(thaw["ask"]) == len(volumes) + 1
    sizes = [(machine.root / "cold" / name).stat().st_size for name in volumes]
    assert found["size_bytes"] == sum(sizes)
    assert list((machine.root / "hot").iterdir()) == []
    shown = machine.run("rebuild", "URL", "--dry-run").succeeded().out
    assert "to make again: manifest, index, signatures of the full" in shown
    assert "3 objects to thaw, 0 thawing, 0 readable now" in shown


def test_a_wrong_passphrase_thaws_no_volume(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in (machine.root / "hot").glob("*.index.age"):
        each.unlink()
    monkeypatch.setenv("PASSPHRASE", "wrong")
    result = machine.run("rebuild", "URL")
    assert result.code == "passphrase-wrong"
    assert "asking" not in result.err
    assert len(list((machine.root / "hot").glob("*.manifest.json.age"))) == 2


def test_what_cannot_be_made_again_is_told(machine: Machine) -> None:
    (volume,) = (machine.root / "cold").glob("*tiered-full*.vol1.*")
    volume.unlink()
    lose_hot_side(machine)
    result = machine.run("rebuild", "URL")
    assert (result.code, result.status) == ("some-skipped", 3)
    assert "the set it builds on is not there" in result.error
    assert list((machine.root / "hot").glob("*.manifest.json.age")) == []


def test_without_encryption_no_key_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PASSPHRASE", raising=False)
    machine = Machine(
        root=tmp_path / "machine", options=("--style", "tiered", "--no-encryption")
    )
    (machine.source / "file").write_text("text")
    machine.run("backup", "SOURCE", "URL").succeeded()
    lose_hot_side(machine)
    found = document(machine.run("rebuild", "URL", "--json").succeeded())
    assert len(found["created"]) == 3  # type: ignore[arg-type]  # a list
    assert found["deleted"] == []
    assert replace(machine).run("status", "URL").succeeded()
