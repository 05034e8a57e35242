"""Faults in stored objects, and archives that have one."""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.crash.machine import Machine, Result
from tests.crash.world import make_source
from tiered.testing.tree import Seen, differences, snapshot

FULL_S, INC_S = 1_790_000_000, 1_790_100_000
EARLIER = ("--restore-time", str(FULL_S + 1))


def flip(path: Path) -> None:
    """One bit, in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def replace_bytes(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(path.stat().st_size))


DAMAGES: dict[str, Callable[[Path], None]] = {
    "delete": Path.unlink,
    "truncate": truncate,
    "flip": flip,
    "replace": replace_bytes,
    "empty": lambda path: os.truncate(path, 0),
}


def make_archive(
    machine: Machine, size: int, change: Callable[[int], None] = lambda _: None
) -> Machine:
    """A full in two volumes, an inc, and the trees they were made from.

    Args:
        size: Of the source's one large file.
        change: Something else of the source that has a version of its own.
    """
    for version, (action, now_s) in enumerate(
        (("full", FULL_S), ("incremental", INC_S)), 1
    ):
        make_source(machine.source, version, size)
        change(version)
        line = (action, "SOURCE", "URL", "--volsize", "1", "--current-time", str(now_s))
        machine.run(*line).succeeded()
        shutil.copytree(machine.source, machine.root / action, symlinks=True)
    return machine


class DamagedArchive:
    """An archive of `make_archive` with one fault and no cache, and what it should
    hold.
    """

    def __init__(
        self, base: Machine, root: Path, pattern: str, damage: Callable[[Path], None]
    ) -> None:
        self.machine = base.fork(root)
        [self.path] = self.machine.root.glob(pattern)
        damage(self.path)
        self.old = snapshot(base.root / "full")
        self.new = snapshot(base.root / "incremental")
        self._restores = 0

    def restore(self, *words: str) -> tuple[Result, dict[bytes, Seen]]:
        """Restore without a cache."""
        shutil.rmtree(self.machine.cache, ignore_errors=True)
        self._restores += 1
        target = self.machine.root / f"restored{self._restores}"
        result = self.machine.run("restore", "URL", target, *words)
        return result, snapshot(target) if target.exists() else {}

    def is_restored(self, *words: str, tree: dict[bytes, Seen]) -> Result:
        result, found = self.restore(*words)
        result.succeeded()
        assert differences(tree, found) == []
        return result

    def is_refused(self, *words: str, codes: set[str]) -> None:
        result, found = self.restore(*words)
        assert result.code in codes
        assert right_so_far(found, self.new, self.old)


def right_so_far(found: dict[bytes, Seen], *trees: dict[bytes, Seen]) -> bool:
    """Are all files that were restored before the error whole ones?"""
    contents = {(path, seen.content) for tree in trees for path, seen in tree.items()}
    return all((path, seen.content) in contents for path, seen in found.items())
