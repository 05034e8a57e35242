"""A tree of 1,000,000 small files: what its index costs in the store and in memory.

    python -m contrib.bench.million [--files 1000000] [--out OUT]

Files of 20 to 120 bytes, all different, 250 in a directory, with names of 12 to 24
letters; they lie in memory.  Works: `full`, `unchanged` (an incremental backup of
the same tree), `incremental` after one file in 1,000 was changed, and `list`.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Final

from contrib.bench.install import BUILD, ROOT
from contrib.bench.measure import measure
from contrib.bench.peers import PEERS, Tiered
from contrib.bench.rounds import new_folder
from contrib.bench.sheet import Sheet, new_sheet
from contrib.bench.site import Site, new_site

_IN_ONE: Final = 250
_CHANGED: Final = 1000
"""One file in so many."""
_MTIME_S: Final = 1_700_000_000


def make_tree(folder: Path, count: int) -> None:
    """The same files every time."""
    for first in range(0, count, _IN_ONE):
        place = folder / f"{first // 62_500:02}/part-{first // _IN_ONE % 250:03}"
        place.mkdir(parents=True)
        where = os.open(place, os.O_RDONLY)
        for number in range(first, min(count, first + _IN_ONE)):
            _write(where, number, b"")
        os.close(where)


def change_tree(folder: Path, count: int) -> None:
    """One file in a thousand gets other content."""
    for number in range(0, count, _CHANGED):
        first = number // _IN_ONE * _IN_ONE
        place = folder / f"{first // 62_500:02}/part-{first // _IN_ONE % 250:03}"
        where = os.open(place, os.O_RDONLY)
        _write(where, number, b" again")
        os.close(where)


def _write(folder: int, number: int, more: bytes) -> None:
    word = blake2b(b"%d" % number, digest_size=10).hexdigest()
    name = f"{word[: 4 + number % 13]}-{number:07}.txt"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    file = os.open(name, flags, 0o644, dir_fd=folder)
    body = f"{word} {number}\n".encode() * (1 + number % 4)
    os.write(file, body + more)
    if not more:
        time_s = _MTIME_S + number * 7919 % 10_000_000 + 0.25
        os.utime(file, (time_s, time_s))
    os.close(file)


class Run:
    """All works once."""

    def __init__(self, peer: Tiered, site: Site, tree: Path, sheet: Sheet) -> None:
        self.peer = peer
        self.site = site
        self.tree = tree
        self.sheet = sheet
        self.count = int(sheet.facts["files"])

    def run(self) -> None:
        peer, site, tree = self.peer, self.site, self.tree
        measure(peer.init(site), site.environment, site.root / "log")
        self._do("full")
        self._do("unchanged")
        time.sleep(1.1)
        _make("change", tree, self.count)
        self._do("incremental")
        self._do("list")

    def _do(self, work: str) -> None:
        peer, site = self.peer, self.site
        match work:
            case "full":
                commands = peer.full(site, self.tree)
            case "list":
                commands = peer.list(site)
            case _:
                time.sleep(1.1)  # names of sets have a time in seconds
                commands = peer.incremental(site, self.tree)
        before = self._sizes()
        cost = measure(commands, site.environment, site.root / "log")
        new = {n: s for n, s in self._sizes().items() if n not in before}
        row = {
            "work": work,
            "wall_s": round(cost.wall_s, 2),
            "cpu_s": round(cost.cpu_s, 2),
            "peak_mib": round(cost.peak_mib, 1),
            "index_bytes": sum(size for name, size in new.items() if ".index" in name),
            "new_bytes": sum(new.values()),
        }
        self.sheet.rows.append(row)
        print(row, file=sys.stderr, flush=True)

    def _sizes(self) -> dict[str, int]:
        return {f.name: f.stat().st_size for f in self.site.store.iterdir()}


def _make(action: str, folder: Path, count: int) -> None:
    """In a process of its own, for it needs memory; see contrib.bench.measure."""
    words = [sys.executable, "-m", "contrib.bench.million", action]
    subprocess.run([*words, str(folder), str(count)], check=True, cwd=ROOT)


def main(arguments: Sequence[str]) -> None:
    if arguments[:1] in (["make"], ["change"]):
        do = make_tree if arguments[0] == "make" else change_tree
        do(Path(arguments[1]), int(arguments[2]))
        return
    parser = argparse.ArgumentParser(prog="million", description=__doc__)
    add = parser.add_argument
    add("--files", type=int, default=1_000_000, help="default: 1,000,000")
    add("--out", type=Path, default=BUILD / "bench/last/million.json")
    add("--folder", type=Path, default=BUILD / "bench/stores", help="for stores")
    add("--memory", type=Path, default=Path("/dev/shm"), help="for the tree")
    options = parser.parse_args(arguments)
    peer = next(p for p in PEERS if isinstance(p, Tiered) and p.style == "tiered")
    sheet = new_sheet("million", options.files / 1_000_000)
    with (
        new_folder(options.memory) as place,
        new_folder(options.folder) as made,
        new_site(made / "site") as site,
    ):
        _make("make", place / "tree", options.files)
        sheet.facts = {"files": options.files}
        Run(peer, site, place / "tree", sheet).run()
    sheet.write(options.out)


if __name__ == "__main__":
    main(sys.argv[1:])
