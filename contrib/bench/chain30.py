"""A database-like file over 30 incremental backups: what does the newest cost?

    python -m contrib.bench.chain30 [--scale 0.1] [--days 30] [--out OUT]

The tree is `db.pages`, 1 GiB, of which 2 % of the 4 KiB pages are rewritten every
day, and `settings.txt`, 8 KiB, which never changes.  The store is copied when it
holds the full backup alone.  In the end the file, and both, are restored from the
copy and from the chain in turn: the second over the first is what a chain costs.
The same once more with an empty cache, as on a machine that is new.

Of `tiered` the bytes that are read from the store are counted as well, by a run of
their own that is not timed, and held against what the indexes say is needed.
"""

import argparse
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median
from typing import Final

from contrib.bench.install import BUILD, ROOT, Missing
from contrib.bench.material import Text, database_pages
from contrib.bench.measure import Command, CommandFailed, Cost, measure
from contrib.bench.peers import PEERS, Peer, Tiered
from contrib.bench.reads import Reads, reads_of
from contrib.bench.rounds import equal, new_folder
from contrib.bench.sheet import Sheet, new_sheet
from contrib.bench.site import Site, new_site

BYTES: Final = 1 << 30
_PAGE: Final = 4 << 10
_SMALL: Final = "settings.txt"
_AFRESH: Final = "restore, no cache"
_ONES: Final = 3
"""How much more often one small file is restored: it is quick, and so noisy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """One program, one work; seconds, and what was read if it was counted."""

    program: str
    work: str
    days: int
    """Incremental backups behind the full one."""
    wall_s: float
    cpu_s: float
    peak_mib: float
    new_bytes: int | None = None
    """Stored by one incremental backup."""
    reads: Reads | None = None


def make_tree(folder: Path, size: int) -> None:
    """The state of the first day."""
    folder.mkdir()
    with (folder / "db.pages").open("wb") as file:
        for page in database_pages(size):
            file.write(page)
    (folder / _SMALL).write_bytes(Text(20).take(8192))


def change_tree(folder: Path, day: int) -> None:
    """What happens on one day."""
    chance, text = Random(f"chain {day}"), Text(100 + day)
    path = folder / "db.pages"
    pages = path.stat().st_size // _PAGE
    with path.open("r+b") as file:
        for page in sorted(chance.sample(range(pages), max(1, pages // 50))):
            file.seek(page * _PAGE)
            file.write(text.take(_PAGE // 2) + chance.randbytes(_PAGE // 2))


@dataclass(frozen=True, slots=True)
class _State:
    """A store, and what it holds the newest version of."""

    site: Site
    source: Path
    days: int


class Run:
    """One program over all days.

    Args:
        site: Where it works; `first` gets a copy of it after the full backup.
        source: The tree; `original` gets a copy of it as it was then.
        memory: For restored files.
    """

    def __init__(self, peer: Peer, site: Site, first: Site, source: Path) -> None:
        self.peer = peer
        self.site = site
        self.first = first
        self.source = source
        self.original = source.with_name("original")
        self.found: list[Chain] = []

    def run(self, days: int, rounds: int, memory: Path) -> None:
        """Back up, change and back up; restore both ends in turn."""
        site, log = self.site, self.site.root / "log"
        measure(self.peer.init(site), site.environment, log)
        measure(self.peer.full(site, self.source), site.environment, log)
        for part in ("store", "cache", "home"):
            _copy(site.root / part, self.first.root / part)
        _copy(self.source, self.original)
        self._back_up(days)
        states = [
            _State(self.first, self.original, 0),
            _State(self.site, self.source, days),
        ]
        ones = _ONES * rounds if rounds > 1 else 1
        works = (("restore", rounds), (_AFRESH, rounds), ("restore-one", ones))
        for work, repeats in works:
            costs: dict[int, list[Cost]] = {state.days: [] for state in states}
            for _ in range(repeats):
                for state in states:
                    costs[state.days].append(self._restore(work, state, memory))
            for state in states:
                chain = self._chain(work, state.days, costs[state.days])
                if isinstance(self.peer, Tiered) and work != _AFRESH:
                    reads = self._counted(work, state, memory)
                    chain = dataclasses.replace(chain, reads=reads)
                self.found.append(chain)

    def _back_up(self, days: int) -> None:
        site, costs = self.site, []
        before = site.stored_bytes()
        for day in range(1, days + 1):
            _make("change", self.source, day)
            time.sleep(1.1)  # names of sets have a time in seconds
            os.sync()
            commands = self.peer.incremental(site, self.source)
            costs.append(measure(commands, site.environment, site.root / "log"))
        chain = self._chain("incremental", days, costs)
        new = (site.stored_bytes() - before) // days
        self.found.append(dataclasses.replace(chain, new_bytes=new))

    def _chain(self, work: str, days: int, costs: Sequence[Cost]) -> Chain:
        return Chain(
            program=self.peer.name,
            work=work,
            days=days,
            wall_s=round(median(c.wall_s for c in costs), 3),
            cpu_s=round(median(c.cpu_s for c in costs), 3),
            peak_mib=round(max(c.peak_mib for c in costs), 1),
        )

    def _commands(self, work: str, site: Site, target: Path) -> Sequence[Command]:
        if work == "restore-one":
            return self.peer.restore_one(site, _SMALL, target)
        return self.peer.restore(site, target)

    def _restore(self, work: str, state: _State, memory: Path) -> Cost:
        site = state.site
        with new_folder(memory) as folder:
            target = folder / "restored"
            target.mkdir()
            os.sync()
            commands = self._commands(work, site, target)
            with _emptied(site.cache) if work == _AFRESH else nullcontext():
                cost = measure(commands, site.environment, site.root / "log")
            for name in (_SMALL,) if work == "restore-one" else (_SMALL, "db.pages"):
                places = list(target.rglob(name))
                if len(places) != 1 or not equal(state.source / name, places[0]):
                    raise CommandFailed(f"{self.peer.name}: restored {name} differs")
        return cost

    def _counted(self, work: str, state: _State, memory: Path) -> Reads | None:
        """Run it once more, counting; the program is `tiered`."""
        site = state.site
        counts, needed = site.root / "counts.json", site.root / "needed.json"
        with new_folder(memory) as folder:
            target = folder / "restored"
            target.mkdir()
            for command in self._commands(work, site, target):
                _python("counted", counts, *command.words[1:], site=site)
        if isinstance(self.peer, Tiered) and self.peer.style == "duplicity":
            needed.write_text("{}")  # it has no indexes
        else:
            path = [] if work == "restore" else [_SMALL]
            _python("needed", site.cache / "bench", needed, *path, site=site)
        return reads_of(json.loads(counts.read_text()), json.loads(needed.read_text()))


@contextmanager
def _emptied(folder: Path) -> Iterator[None]:
    """It is empty for as long as the block lasts."""
    aside = folder.with_name(f"{folder.name}-aside")
    folder.rename(aside)
    folder.mkdir(mode=0o700)
    try:
        yield
    finally:
        shutil.rmtree(folder)
        aside.rename(folder)


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, dirs_exist_ok=True, symlinks=True)


def _make(action: str, *words: str | Path | int) -> None:
    """In a process of its own, for it needs memory; see contrib.bench.measure."""
    _python("chain30", action, *map(str, words))


def _python(module: str, *words: str | Path, site: Site | None = None) -> None:
    subprocess.run(
        [sys.executable, "-m", f"contrib.bench.{module}", *words],
        check=True,
        cwd=ROOT,
        env=site.environment if site else None,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL if site else None,
    )


def main(arguments: Sequence[str]) -> None:
    if arguments[:1] == ["make"]:
        make_tree(Path(arguments[1]), int(arguments[2]))
        return
    if arguments[:1] == ["change"]:
        change_tree(Path(arguments[1]), int(arguments[2]))
        return
    parser = argparse.ArgumentParser(prog="chain30", description=__doc__)
    add = parser.add_argument
    add("--programs", default="tiered,restic,restic-fast", help="%(default)s")
    add("--scale", type=float, default=1.0, help="of the file; default: 1")
    add("--days", type=int, default=30, help="default: 30")
    add("--rounds", type=int, default=3, help="of each restore; default: 3")
    add("--out", type=Path, default=BUILD / "bench/last/chain.json", help="%(default)s")
    add("--folder", type=Path, default=BUILD / "bench/stores", help="for stores")
    add("--memory", type=Path, default=Path("/dev/shm"), help="for restored files")
    _run(parser.parse_args(arguments))


def _run(options: argparse.Namespace) -> None:
    sheet = new_sheet("chain", options.scale)
    size = int(BYTES * options.scale) // 8192 * 8192
    sheet.facts = {"bytes": size, "days": options.days, "rounds": options.rounds}
    for peer in PEERS:
        if peer.name in options.programs.split(","):
            try:
                _run_peer(peer, options, sheet, size)
            except (Missing, CommandFailed) as e:
                sheet.remarks.append(f"`{peer.name}` is left out: {e}")
                print(sheet.remarks[-1], file=sys.stderr)
            sheet.write(options.out)


def _run_peer(peer: Peer, options: argparse.Namespace, sheet: Sheet, size: int) -> None:
    peer.prepare()
    with new_folder(options.folder) as folder:
        source = folder / "source"
        _make("make", source, size)
        with (
            new_site(folder / peer.name) as site,
            new_site(folder / f"{peer.name}-first") as first,
        ):
            run = Run(peer, site, first, source)
            run.run(options.days, options.rounds, options.memory)
    for chain in run.found:
        sheet.rows.append(dataclasses.asdict(chain))
        print(f"{chain}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
