"""Machines whose archive lies on three folders, and what may happen to a copy."""

import json
import os
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.crash.machine import PASSPHRASE, Machine, Result
from tiered.archive.debts import STEM, unpack_debts
from tiered.backends.file import FileStore
from tiered.store import Debt

LABELS = ("one", "two", "three")
STORES = [{"url": f"file://%(root)s/{label}", "name": label} for label in LABELS]
CONFIG = json.dumps(STORES)
PLACES = {
    "duplicity": {
        "volume": "cold_*full*vol1*",
        "signatures": "hot_*full*sigtar*",
        "manifest": "hot_*full.*manifest*",
    },
    "tiered": {
        "volume": "cold_*full*vol1*",
        "signatures": "hot_*full*sigtar*",
        "index": "hot_*full*.index*",
        "manifest": "hot_*full.*manifest*",
        "key": "hot_tiered-key*",
    },
}
_FULL_S = 1_790_000_000


@dataclass(frozen=True, slots=True)
class Kind:
    """What sets of an archive look like."""

    style: str
    encrypted: bool

    @property
    def options(self) -> tuple[str, ...]:
        own = ("--scrypt-work-factor", "3") if self.encrypted else ("--no-encryption",)
        return ("--style", self.style, "--volsize", "1", *own)

    def __str__(self) -> str:
        return f"{self.style}-{'encrypted' if self.encrypted else 'clear'}"


KINDS = tuple(Kind(s, e) for s in ("tiered", "duplicity") for e in (True, False))
TIERED = KINDS[0]
SLOW = Kind("duplicity", encrypted=True)
"""Each of its objects is a run of gpg."""
for_each_kind = pytest.mark.parametrize("kind", KINDS, ids=str)
for_each_quick_kind = pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind != SLOW], ids=str
)


def mirror(
    root: Path,
    kind: Kind = TIERED,
    config: str = CONFIG,
    folders: Sequence[str] = LABELS,
) -> Machine:
    """A machine with a source of 1.2 MB; what it starts has the passphrase."""
    machine = Machine(
        root=root,
        config=config,
        query="mode=mirror&onfail=continue",
        options=kind.options,
        folders=tuple(folders),
        env={"PASSPHRASE": PASSPHRASE},
    )
    if not any(machine.source.iterdir()):
        (machine.source / "noise").write_bytes(random.Random(3).randbytes(1_200_000))
        (machine.source / "note").write_text("a note")
    return machine


def backed_up(machine: Machine) -> Machine:
    """With a full and an inc."""
    back_up(machine, 0)
    (machine.source / "new").write_bytes(random.Random(4).randbytes(50_000))
    back_up(machine, 1)
    return machine


def back_up(machine: Machine, number: int) -> Result:
    """The set of a time that is told by its number."""
    action = "incremental" if number else "full"
    now_s = str(_FULL_S + number)
    words = (action, "SOURCE", "URL", "--current-time", now_s)
    return machine.run(*words).succeeded()


def find(machine: Machine, label: str, place: str) -> Path:
    """The one copy of a kind of object of the full set on a store."""
    style = machine.options[1]
    [path] = (machine.root / label).glob(PLACES[style][place])
    return path


def flip(path: Path) -> None:
    """The same size, other bytes."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size * 2 // 3)


HARMS: dict[str, Callable[[Path], None]] = {"lost": Path.unlink, "shorter": cut}


def copies(machine: Machine, *labels: str) -> dict[str, dict[str, bytes]]:
    """What each store holds of the archive."""
    return {
        label: {
            path.name: path.read_bytes()
            for path in (machine.root / label).iterdir()
            if STEM not in path.name and not path.name.endswith(".part~")
        }
        for label in labels or machine.folders
    }


def are_equal(machine: Machine) -> bool:
    """Has every store the same objects with the same bytes?"""
    held = list(copies(machine).values())
    return all(each == held[0] for each in held)


def debts(machine: Machine) -> set[Debt]:
    """All that are kept on any store."""
    return {
        debt
        for label in machine.folders
        for path in (machine.root / label).glob(f"*{STEM}*.json")
        for debt in unpack_debts(path.read_bytes(), path.name)
    }


def document(result: Result) -> dict[str, object]:
    """The JSON that was shown, whatever the exit status."""
    shown: dict[str, object] = json.loads(result.out)
    return shown


class Reads:
    """Counts what is read from folders."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.names: list[str] = []
        get, get_range = FileStore.get, FileStore.get_range

        def counted(store: FileStore, name: str) -> object:
            self.names.append(name)
            return get(store, name)

        def counted_range(store: FileStore, name: str, start: int, size: int) -> bytes:
            self.names.append(name)
            return get_range(store, name, start, size)

        patch.setattr(FileStore, "get", counted)
        patch.setattr(FileStore, "get_range", counted_range)


def another_cache(machine: Machine) -> None:
    """As a machine that has never seen the archive."""
    shutil.rmtree(machine.cache, ignore_errors=True)


def check_mended(machine: Machine) -> None:
    """All copies are equal, nothing is owed, and nothing is found any more."""
    assert are_equal(machine)
    assert debts(machine) == set()
    machine.run("scrub", "URL").succeeded()
    result = machine.run("repair", "URL").succeeded()
    assert result.out == "no copy was missing or wrong\n"
