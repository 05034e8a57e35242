"""Two routers in one process do not know of each other, whatever their stores are
called: nothing of one reaches the other, or the process.
"""

import importlib
import os
import pkgutil
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout, suppress
from io import StringIO
from json import dumps
from pathlib import Path
from random import Random
from threading import Barrier

import pytest

import tiered.router
import tiered.wrap
from tests.crash.machine import Machine
from tests.unit.sites import MIRROR, STRIPE, Site, read
from tiered.assemble import Assembly, read_environment
from tiered.assemble.stores import open_backend
from tiered.assemble.wanted import Wanted
from tiered.cli.commands import COMMANDS
from tiered.cli.parser import parse_command_line
from tiered.cli.run import Run
from tiered.clock import Clock
from tiered.errors import AlreadyExists, NotFound, StoreError, Unavailable
from tiered.monitor import SilentMonitor
from tiered.router.route import Mode
from tiered.router.rules import Member
from tiered.store import PutMode, Store

LABELS = ("A", "B", "C")
NAMES = [f"object{number}" for number in range(6)]
THREADS, STEPS = 4, 60
RUNS = 4


class Crowd:
    """Threads that use one router; every object begins with its mark."""

    def __init__(self, root: Path, mark: bytes, mode: Mode, *down: str) -> None:
        root.mkdir()
        self.mark, self.site = mark, Site(root, *map(Member, LABELS), mode=mode)
        self.site.breaks(*down)
        self.down = down
        self.wrong: list[object] = []

    def work(self, seed: int, start: Barrier) -> None:
        chance = Random(seed)
        start.wait()
        usual: list[type[StoreError]] = [AlreadyExists, NotFound]
        if self.down:  # nobody knows whether the others have all there is
            usual.append(Unavailable)
        for _ in range(STEPS):
            with suppress(*usual):
                self._step(chance.randrange(5), chance.choice(NAMES), chance)

    def _step(self, what: int, name: str, chance: Random) -> None:
        router = self.site.router
        match what:
            case 0 | 1:
                mode = chance.choice([PutMode.CREATE, PutMode.REPLACE])
                self.site.put(name, self.mark + chance.randbytes(9), mode)
            case 2:
                data = read(router, name)
                if not data.startswith(self.mark):
                    self.wrong.append((name, data))
            case 3:
                assert router.extras.surveys
                router.extras.surveys.survey()
            case _ if not self.down:  # else it may not be deleted
                router.delete(name)


def module_state() -> dict[str, str]:
    """All that the modules of routers and wrappers keep and that could be changed."""
    return {
        f"{module.__name__}.{name}": repr(value)
        for package in (tiered.router, tiered.wrap)
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        for module in [importlib.import_module(found.name)]
        for name, value in vars(module).items()
        if isinstance(value, list | dict | set | bytearray) and name[:2] != "__"
    }


@pytest.mark.parametrize("mode", [MIRROR, STRIPE])
def test_one_is_in_trouble_and_the_other_does_not_notice(
    mode: Mode, tmp_path: Path
) -> None:
    """Both have the same labels and names, and are used by many threads at once."""
    well = Crowd(tmp_path / "well", b"well", mode)
    ill = Crowd(tmp_path / "ill", b"ill", MIRROR, "B")
    start, before = Barrier(2 * THREADS), module_state()
    with ThreadPoolExecutor(2 * THREADS) as threads:
        works = [
            threads.submit(crowd.work, seed, start)
            for crowd in (well, ill)
            for seed in range(THREADS)
        ]
    for work in works:
        work.result()
    assert module_state() == before
    assert well.wrong == ill.wrong == []
    assert well.site.router.debts == ()
    assert well.site.monitor.told == []
    stored = {name for name in NAMES if ill.site.holders(name)}
    assert stored
    assert {(d.name, d.label) for d in ill.site.router.debts} == {
        (name, "B") for name in stored
    }
    assert [told for told in ill.site.monitor.told if "B is down" not in told] == []
    for crowd in (well, ill):
        for path in crowd.site.root.glob("*/*"):
            assert path.read_bytes().startswith(crowd.mark)


def _machine(root: Path, secret: str) -> Machine:
    """A mirror of folders called `one` and `two`, which each has its own variable."""
    env = [{"name": "BACKEND_PASSWORD", "value": secret}]
    entries = [
        {"name": name, "url": f"file://{root}/{name}", "env": env}
        for name in ("one", "two")
    ]
    machine = Machine(
        root=root,
        folders=("one", "two"),
        query="mode=mirror&onfail=continue",
        options=("--no-encryption", "--json"),
    )
    machine.config_file.write_text(dumps(entries))
    (machine.source / "file").write_text(f"of {root.name}")
    return machine


def test_two_command_lines_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One misses a store.  Neither sees variables, caches or debts of the other."""
    machines = {name: _machine(tmp_path / name, f"{name}!") for name in ("a", "b")}
    (machines["b"].root / "two").rmdir()
    monkeypatch.setenv("BACKEND_PASSWORD", "of the process")
    before = dict(os.environ)
    start = Barrier(len(machines))
    seen: set[tuple[str, str]] = set()

    def watch(wanted: Wanted, options: Namespace, clock: Clock) -> Store:
        secret = wanted.env["BACKEND_PASSWORD"].reveal()
        seen.add((Path(wanted.url.path).parent.name, secret))
        return open_backend(wanted, options, clock)

    monkeypatch.setattr("tiered.assemble.store_opener.open_backend", watch)

    def run(name: str) -> list[dict[str, int]]:
        missed = []
        for _ in range(RUNS):
            start.wait()
            line = parse_command_line(machines[name].line("full", "SOURCE", "URL"))
            with Assembly(line.options, read_environment(), SilentMonitor()) as parts:
                COMMANDS[line.action](Run(line, parts))
                missed.append(dict(parts.missed()))
                assert dict(os.environ) == before
        return missed

    said = StringIO()
    with redirect_stdout(said), ThreadPoolExecutor(len(machines)) as threads:
        results = dict(zip(machines, threads.map(run, machines), strict=True))
    assert seen == {("a", "a!"), ("b", "b!")}
    assert results["a"] == [{}] * RUNS
    assert all(found.keys() == {"two"} for found in results["b"])
    assert dict(os.environ) == before
    for machine in machines.values():
        with redirect_stdout(StringIO()):
            assert machine.restores() == []
    owes = {name: "debts" in str(m.objects()) for name, m in machines.items()}
    assert owes == {"a": False, "b": True}
