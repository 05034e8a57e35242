"""A database-like file over 30 incremental backups: what does the newest cost?

    python -m contrib.bench.chain30 [--scale 0.1] [--days 30] [--out OUT]

The tree is `db.pages`, 1 GiB, of which 2 % of the 4 KiB pages are rewritten every
day, and `settings.txt`, 8 KiB, which never changes.  Both are restored from the
full backup alone, and again after the last incremental one; the second time over
the first is what a chain costs.  Of `tiered` the bytes that are read from the
store are counted as well, by a run of their own that is not timed.
"""

import argparse
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median
from typing import Final

from contrib.bench.corpus import Text, database_pages
from contrib.bench.install import BUILD, ROOT, Missing
from contrib.bench.measure import Command, CommandFailed, measure
from contrib.bench.peers import PEERS, Peer, Tiered
from contrib.bench.rounds import equal, new_folder
from contrib.bench.site import Site, new_site

BYTES: Final = 1 << 30
_PAGE: Final = 4 << 10
_SMALL: Final = "settings.txt"
_HOT_WORDS: Final = ("manifest", "signatures", "sigtar", "index", "key")
"""Names of objects with one of these are hot: not volumes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """One program, one work; seconds, and bytes read if they were counted."""

    program: str
    work: str
    days: int
    """Incremental backups behind the full one."""
    wall_s: float
    cpu_s: float
    peak_mib: float
    volume_bytes: int | None = None
    hot_bytes: int | None = None
    volumes: int | None = None
    """How many volumes were read at all."""


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


class Run:
    """One program over all days."""

    def __init__(self, peer: Peer, site: Site, source: Path, memory: Path) -> None:
        self.peer = peer
        self.site = site
        self.source = source
        self.memory = memory
        self.found: list[Chain] = []

    def run(self, days: int, repeats: int) -> None:
        """Back up, restore; change and back up; restore again."""
        site, log = self.site, self.site.root / "log"
        measure(self.peer.init(site), site.environment, log)
        measure(self.peer.full(site, self.source), site.environment, log)
        self._restore(0, repeats)
        for day in range(1, days + 1):
            _make("change", self.source, day)
            time.sleep(1.1)  # names of sets have a time in seconds
            commands = self.peer.incremental(site, self.source)
            measure(commands, site.environment, log)
        self._restore(days, repeats)

    def _restore(self, days: int, repeats: int) -> None:
        with new_folder(self.memory) as folder:
            target = folder / "restored"
            for work in ("restore", "restore-one"):
                if work == "restore":
                    commands = self.peer.restore(self.site, target)
                else:
                    commands = self.peer.restore_one(self.site, _SMALL, target)
                self._note(work, days, commands, target, repeats)

    def _note(
        self,
        work: str,
        days: int,
        commands: Sequence[Command],
        target: Path,
        repeats: int,
    ) -> None:
        costs = []
        for _ in range(repeats):
            target.mkdir()
            os.sync()
            log = self.site.root / "log"
            costs.append(measure(commands, self.site.environment, log))
            self._check(work, target)
            shutil.rmtree(target)
        chain = Chain(
            program=self.peer.name,
            work=work,
            days=days,
            wall_s=round(median(c.wall_s for c in costs), 3),
            cpu_s=round(median(c.cpu_s for c in costs), 3),
            peak_mib=round(max(c.peak_mib for c in costs), 1),
        )
        if isinstance(self.peer, Tiered):
            target.mkdir()
            chain = self._counted(chain, commands)
            shutil.rmtree(target)
        self.found.append(chain)

    def _check(self, work: str, target: Path) -> None:
        names = (_SMALL, "db.pages") if work == "restore" else (_SMALL,)
        for name in names:
            places = list(target.rglob(name))
            if len(places) != 1 or not equal(self.source / name, places[0]):
                raise CommandFailed(f"{self.peer.name}: restored {name} differs")

    def _counted(self, chain: Chain, commands: Sequence[Command]) -> Chain:
        """Run them once more, counting; the program is `tiered`."""
        counts: Counter[str] = Counter()
        for command in commands:
            file = self.site.root / "counts.json"
            words: list[str | Path] = [sys.executable, "-m", "contrib.bench.counted"]
            subprocess.run(
                [*words, file, *command.words[1:]],
                check=True,
                env=self.site.environment,
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            counts.update(json.loads(file.read_text()))
        hot = {n for n in counts if any(word in n for word in _HOT_WORDS)}
        return dataclasses.replace(
            chain,
            volume_bytes=sum(counts[n] for n in counts if n not in hot),
            hot_bytes=sum(counts[n] for n in hot),
            volumes=len(counts.keys() - hot),
        )


def markdown(found: Sequence[Chain], scale: float) -> str:
    """The table."""
    lines = [
        f"A file of {BYTES * scale / 2**20:.0f} MiB, 2 % of its pages rewritten a day:",
        "",
        "| program | work | incrementals | seconds | ratio | MB of volumes | of hot |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    first = {(c.program, c.work): c.wall_s for c in found if c.days == 0}
    for c in found:
        ratio = c.wall_s / first[c.program, c.work]
        read = ["-", "-"]
        if c.volume_bytes is not None and c.hot_bytes is not None:
            read = [f"{c.volume_bytes / 1e6:.2f} ({c.volumes})"]
            read += [f"{c.hot_bytes / 1e6:.2f}"]
        cells = (f"`{c.program}`", c.work, str(c.days), f"{c.wall_s:.2f}")
        lines.append(f"| {' | '.join((*cells, f'{ratio:.2f}', *read))} |")
    return "\n".join(lines) + "\n"


def _make(action: str, *words: str | Path | int) -> None:
    """In a process of its own, for it needs memory; see contrib.bench.measure."""
    command = [sys.executable, "-m", "contrib.bench.chain30", action]
    subprocess.run([*command, *map(str, words)], check=True, cwd=ROOT)


def main(arguments: Sequence[str]) -> None:
    if arguments[:1] == ["make"]:
        make_tree(Path(arguments[1]), int(arguments[2]))
        return
    if arguments[:1] == ["change"]:
        change_tree(Path(arguments[1]), int(arguments[2]))
        return
    parser = argparse.ArgumentParser(prog="chain30", description=__doc__)
    add = parser.add_argument
    add("--programs", default="tiered,tiered-dup,restic-fast", help="%(default)s")
    add("--scale", type=float, default=1.0, help="of the file; default: 1")
    add("--days", type=int, default=30, help="default: 30")
    add("--rounds", type=int, default=3, help="of each restore; default: 3")
    add("--out", type=Path, default=BUILD / "bench/chain30", help="%(default)s")
    add("--memory", type=Path, default=Path("/dev/shm"), help="for restored files")
    _run(parser.parse_args(arguments))


def _run(options: argparse.Namespace) -> None:
    found: list[Chain] = []
    for peer in PEERS:
        if peer.name not in options.programs.split(","):
            continue
        try:
            peer.prepare()
        except Missing as e:
            print(f"{peer.name} is left out: {e}", file=sys.stderr)
            continue
        with new_folder(BUILD / "bench/stores") as folder:
            source = folder / "source"
            _make("make", source, int(BYTES * options.scale) // 8192 * 8192)
            with new_site(folder / peer.name) as site:
                run = Run(peer, site, source, options.memory)
                run.run(options.days, options.rounds)
                found += run.found
    raw = [dataclasses.asdict(chain) for chain in found]
    out: Path = options.out
    out.with_name(out.name + ".json").write_text(json.dumps(raw, indent=1) + "\n")
    out.with_name(out.name + ".md").write_text(markdown(found, options.scale))
    print(markdown(found, options.scale), end="")


if __name__ == "__main__":
    main(sys.argv[1:])
