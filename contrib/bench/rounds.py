"""One round over one corpus: each work is done by all programs in turn.

Works, in this order: `full`; `unchanged`, an incremental backup of the same tree;
`incremental`, after change set C; `list`, `restore` and `restore-one`, of the
newest state.  Programs without incremental backups stay at the full one.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from contrib.bench import corpus
from contrib.bench.install import ROOT
from contrib.bench.measure import Command, CommandFailed, measure
from contrib.bench.peers import Peer
from contrib.bench.results import Figure, Remark
from contrib.bench.site import Site, new_site

WORKS: Final = ("full", "unchanged", "incremental", "list", "restore", "restore-one")
_BACKUPS: Final = WORKS[:3]
_APART_S: Final = 1.1
"""Between two backups of one program: names of sets have a time in seconds."""


_WARM_UP = """
import os, sys
for folder, _, names in os.walk(sys.argv[1]):
    for name in names:
        with open(os.path.join(folder, name), "rb", 0) as file:
            while file.read(1 << 20):
                pass
used = b"x" * (1 << 30)
"""


@dataclass(kw_only=True)
class Round:
    """What belongs to one round.

    Args:
        root: Of both corpora.
        name: A or B.
        folder: For stores; where backups are written.
        memory: For restored files; memory, not a disk.
    """

    peers: Sequence[Peer]
    root: Path
    name: str
    number: int
    works: Sequence[str]
    folder: Path
    memory: Path
    note: Callable[[Figure | Remark], None]
    verify: bool = True
    """Compare what is restored with the source; slow."""
    _sites: dict[str, Site] = field(default_factory=dict)
    _stale: set[str] = field(default_factory=set)
    """Programs that did not follow the change."""
    _failed: set[str] = field(default_factory=set)
    _last_backup_s: dict[str, float] = field(default_factory=dict)

    def run(self) -> None:
        """All works; figures and failures go to `note`."""
        with ExitStack() as stack:
            place = stack.enter_context(new_folder(self.folder))
            target = stack.enter_context(new_folder(self.memory))
            for peer in self.peers:
                site = new_site(place / peer.name)
                self._sites[peer.name] = stack.enter_context(site)
            stack.callback(corpus_do, "revert", self.root, self.name)
            for work in WORKS:
                if work == "incremental" and work in self.works:
                    corpus_do("change", self.root, self.name)
                if work in self.works or work == "full":
                    for peer in self._turned():
                        self._try(peer, work, target / "restored")

    def _turned(self) -> Sequence[Peer]:
        """Another program begins in each round: who is first may find it harder."""
        first = self.number % len(self.peers)
        return [*self.peers[first:], *self.peers[:first]]

    def _try(self, peer: Peer, work: str, target: Path) -> None:
        if peer.name in self._failed:
            return
        try:
            self._do(peer, work, target)
        except CommandFailed as e:
            self._failed.add(peer.name)  # what comes next would build on this
            place = f"{work}, {self.name}, round {self.number + 1}"
            self.note(Remark(program=peer.name, text=f"{place}: {e}"))
        finally:
            shutil.rmtree(target, ignore_errors=True)

    def _do(self, peer: Peer, work: str, target: Path) -> None:
        site, log = self._sites[peer.name], self._sites[peer.name].root / "log"
        if work == "full":
            measure(peer.init(site), site.environment, log)
        commands = self._commands(peer, work, target)
        if not commands:
            if work == "incremental":
                self._stale.add(peer.name)
            return
        target.mkdir()
        if work in _BACKUPS:
            self._wait(peer)
        os.sync()  # or a program pays for what the one before it wrote
        warm_up(self.root / self.name)
        before = site.stored_bytes()
        cost = measure(commands, site.environment, log)
        if work in _BACKUPS:
            self._last_backup_s[peer.name] = time.monotonic()
        if self.verify:
            self._check(peer, work, target)
        after = site.stored_bytes()
        if work in self.works:
            self.note(
                Figure(
                    corpus=self.name,
                    work=work,
                    program=peer.name,
                    round=self.number,
                    wall_s=round(cost.wall_s, 4),
                    cpu_s=round(cost.cpu_s, 4),
                    peak_mib=round(cost.peak_mib, 2),
                    together_mib=round(cost.together_mib, 2),
                    stored_bytes=after,
                    new_bytes=after - before,
                )
            )

    def _commands(self, peer: Peer, work: str, target: Path) -> Sequence[Command]:
        site, source = self._sites[peer.name], self.root / self.name
        match work:
            case "full":
                return peer.full(site, source)
            case "unchanged" | "incremental":
                return peer.incremental(site, source)
            case "list":
                return peer.list(site)
            case "restore":
                return peer.restore(site, target)
            case _:
                path = corpus.one_file(self.root, self.name)
                return peer.restore_one(site, path, target)

    def _wait(self, peer: Peer) -> None:
        ready_s = self._last_backup_s.get(peer.name, 0.0) + _APART_S
        time.sleep(max(0.0, ready_s - time.monotonic()))

    def _check(self, peer: Peer, work: str, target: Path) -> None:
        """Raise CommandFailed if what was restored is not what was backed up."""
        if peer.name in self._stale:
            return  # its state is not in the source any more
        source = self.root / self.name
        if work == "restore":
            same = corpus_do("digest", source) == corpus_do("digest", target)
        elif work == "restore-one":
            path = source / corpus.one_file(self.root, self.name)
            found = [p for p in target.rglob("*") if p.is_file()]
            same = len(found) == 1 and equal(path, found[0])
        else:
            return
        if not same:
            raise CommandFailed("what it restored differs from the source")


def corpus_do(action: str, *words: str | Path) -> str:
    """`contrib.bench.corpus` in a process of its own, for it needs memory."""
    command = [sys.executable, "-m", "contrib.bench.corpus", action, *words]
    return subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ).stdout


def warm_up(source: Path) -> None:
    """Have the source in the page cache, and memory that the machine really has.

    A virtual machine may give back what nobody used for a while, and then the next
    program pays for every page of it: here seconds, and processor time as well.
    """
    subprocess.run([sys.executable, "-c", _WARM_UP, source], check=True)


def equal(one: Path, other: Path) -> bool:
    return subprocess.run(["cmp", "-s", one, other], check=False).returncode == 0


@contextmanager
def new_folder(parent: Path) -> Iterator[Path]:
    """A new one, gone at the end with all that was put into it."""
    parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix="tiered-bench-", dir=parent))
    try:
        yield made
    finally:
        shutil.rmtree(made)
