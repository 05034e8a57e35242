"""kill -9 of the real program, at points spread over the run.

The points come from what has happened (how much has appeared in the stores), not
from the time.  After each kill: status works, and shows nothing whole that is
broken; the next run ends in a good set; cleanup removes what was left, and
nothing else.
"""

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.machine import PASSPHRASE, Machine, for_each_style
from tests.crash.world import PREFIXES, make_source
from tiered.archive.filename import Namer, SetId
from tiered.archive.kinds import Kind, kind_of
from tiered.names import RESERVED_END
from tiered.testing.tree import differences, snapshot

SIZE = 20_000_000
VOLUME_MIB = 1
LONGEST_S = 100.0
PLAIN = ("--no-encryption", "--no-compression")
Done = Callable[[Machine], bool]


@pytest.fixture(autouse=True)
def _passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what runs in this process; what is killed gets it from its machine."""
    monkeypatch.setenv("PASSPHRASE", PASSPHRASE)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 MB, one large file and ten others."""
    root = tmp_path_factory.mktemp("source") / "tree"
    noise = random.Random(5).randbytes(SIZE // 20)
    root.mkdir()
    (root / "large").write_bytes(noise * 10)
    for number in range(10):
        folder = root / f"folder {number}"
        folder.mkdir()
        (folder / "file").write_bytes(noise[number:])
    return root


def stored(size: int) -> Done:
    """So many bytes are in the cold store, uploads in progress included."""

    def done(machine: Machine) -> bool:
        total = 0
        for path in (machine.root / "cold").iterdir():
            try:
                total += path.stat().st_size
            except FileNotFoundError:
                continue  # an upload that has just got its name
        return total >= size

    return done


def has(kind: Kind) -> Done:
    """A hot object of this kind is there."""
    return lambda machine: any(
        kind_of(name) is kind
        for name in os.listdir(machine.root / "hot")  # noqa: PTH208 - it is fast
    )


def begun(machine: Machine) -> bool:
    """The set is in the journal."""
    return (machine.cache / "it" / "journal.json").exists()


def at_most(count: int) -> Done:
    return lambda machine: len(machine.objects()) <= count


POINTS: dict[str, Done] = {
    "the journal": begun,
    **{f"{n}0 %": stored(SIZE * n // 10) for n in (1, 2, 4, 5, 7, 8, 9)},
    "signatures": has(Kind.SIGNATURE),
    "index": has(Kind.INDEX),
    "manifest": has(Kind.MANIFEST),
}
TIERED = ("the journal", "10 %", "50 %", "90 %", "signatures", "index", "manifest")


@pytest.mark.parametrize(
    ("style", "point"),
    [
        *(("duplicity", point) for point in POINTS if point != "index"),
        *(("tiered", point) for point in TIERED),
    ],
)
def test_full(tmp_path: Path, source: Path, style: str, point: str) -> None:
    machine = with_source(tmp_path, source, *PLAIN, "--style", style)
    kill_when(machine, POINTS[point], "full", "SOURCE", "URL")
    check_after_kill(machine, tmp_path, "backup")


@pytest.mark.parametrize(
    ("style", "done"),
    [
        ("duplicity", stored(SIZE // 2)),
        ("tiered", has(Kind.KEY)),
        ("tiered", stored(SIZE // 2)),
    ],
)
def test_full_encrypted(tmp_path: Path, source: Path, style: str, done: Done) -> None:
    options = ("--no-compression", "--style", style, "--scrypt-work-factor", "3")
    machine = with_source(tmp_path, source, *options)
    kill_when(machine, done, "full", "SOURCE", "URL")
    check_after_kill(machine, tmp_path, "full")


@pytest.fixture(scope="module", params=["duplicity", "tiered"])
def chains(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Machine:
    return make_chains(tmp_path_factory.mktemp("chains"), str(request.param))


@pytest.fixture(scope="module")
def tiered_chains(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return make_chains(tmp_path_factory.mktemp("tiered"), "tiered")


def make_chains(folder: Path, style: str) -> Machine:
    """Two chains of a full and an inc, and changes since."""
    options = (*PLAIN, "--style", style, "--volsize", "1")
    machine = Machine(root=folder / "machine", options=options)
    for version, action in enumerate(("full", "inc", "full", "inc"), 1):
        make_source(machine.source, version, 3_000_000)
        now_s = str(1_790_000_000 + version)
        words = (action, "SOURCE", "URL", "--current-time", now_s)
        machine.run(*words).succeeded()
        keep = machine.root / "as it was" / now_s
        shutil.copytree(machine.source, keep, symlinks=True)
    make_source(machine.source, 9, 8_000_000)
    return machine


@pytest.mark.parametrize("point", ["the journal", "volume", "signatures", "manifest"])
def test_inc(chains: Machine, tmp_path: Path, point: str) -> None:
    machine = chains.fork(tmp_path / "machine")
    kinds = {
        "volume": Kind.ARCHIVE,
        "signatures": Kind.SIGNATURE,
        "manifest": Kind.MANIFEST,
    }
    before = machine.objects()
    journal = machine.cache / "it" / "journal.json"
    empty = journal.read_bytes()

    def done(machine: Machine) -> bool:
        new = machine.objects() - before
        if point == "the journal":
            return journal.read_bytes() != empty
        return any(kind_of(name) is kinds[point] for name in new)

    kill_when(machine, done, "incremental", "SOURCE", "URL")
    assert machine.objects() >= before
    check_sets(machine, tmp_path / "at once")
    check_after_kill(machine, tmp_path, "incremental")
    check_sets(machine, tmp_path / "in the end")


@pytest.mark.parametrize("deleted", [1, 2, 3, 6])
def test_remove_older_than(chains: Machine, tmp_path: Path, deleted: int) -> None:
    machine = chains.fork(tmp_path / "machine")
    newest = set(whole_sets(machine)[-2:])
    words = ("remove-older-than", "now", "--force", "URL")
    kill_when(machine, at_most(len(machine.objects()) - deleted), *words)
    assert newest <= set(whole_sets(machine))
    check_sets(machine, tmp_path / "at once")
    check_after_kill(machine, tmp_path, "incremental")
    assert newest <= set(whole_sets(machine))
    machine.run(*words).succeeded()
    assert len(whole_sets(machine)) == 3
    check_sets(machine, tmp_path / "in the end")


@for_each_style
@pytest.mark.parametrize("point", ["the journal", "20 %", "50 %"])
def test_interrupted_by_hand(
    tmp_path: Path, source: Path, point: str, style: str
) -> None:
    """Ctrl-C: a message, its exit status, and no temporary file."""
    machine = with_source(tmp_path, source, *PLAIN, "--style", style)
    process = machine.start("full", "SOURCE", "URL")
    wait_for(machine, POINTS[point], process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 130, err
    lines = err.splitlines()
    assert lines[0] == "tiered: error: interrupted"
    assert lines[1].startswith("tiered: hint: ")
    assert "cleanup --force" in lines[1]
    assert lines[2:] == ["tiered: see docs/errors/interrupted.md (exit status 130)"]
    assert list(machine.tmp.iterdir()) == []
    assert not any(name.endswith(RESERVED_END) for name in machine.objects())
    check_after_kill(machine, tmp_path, "full")


@for_each_style
def test_a_restore_that_is_interrupted(
    tmp_path: Path, source: Path, style: str
) -> None:
    machine = with_source(tmp_path, source, *PLAIN, "--style", style)
    machine.run("full", "SOURCE", "URL").succeeded()
    target = tmp_path / "half"
    process = machine.start("restore", "URL", target)
    wait_for(machine, lambda _: (target / "folder 5").exists(), process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert list(machine.tmp.iterdir()) == []
    wanted = snapshot(source)
    for path, seen in snapshot(target).items():
        assert seen.content == wanted[path].content  # no part of a file


@for_each_style
def test_a_restore_that_is_killed(tmp_path: Path, source: Path, style: str) -> None:
    """Whole files, and what is left of others by its name; then the same, forced."""
    machine = with_source(tmp_path, source, *PLAIN, "--style", style)
    machine.run("full", "SOURCE", "URL").succeeded()
    target = tmp_path / "half"
    kill_when(
        machine, lambda _: (target / "folder 5").exists(), "restore", "URL", str(target)
    )
    wanted = snapshot(source)
    for path, seen in snapshot(target).items():
        if not path.rpartition(b"/")[2].startswith(b".tiered-"):
            assert seen.content == wanted[path].content
    again = machine.run("restore", "URL", target)
    assert again.code == "target-unusable"
    machine.run("restore", "URL", target, "--force").succeeded()
    found = snapshot(target)
    for path in [p for p in found if p.rpartition(b"/")[2].startswith(b".tiered-")]:
        del found[path]
    assert differences(wanted, found) == []


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_a_rebuild_that_is_killed(
    tiered_chains: Machine, tmp_path: Path, count: int
) -> None:
    """So many hot objects were there again."""
    machine = tiered_chains.fork(tmp_path / "machine")
    sets, objects = whole_sets(machine), machine.objects()
    for path in (machine.root / "hot").iterdir():
        path.unlink()
    shutil.rmtree(machine.cache)
    least = len(machine.objects()) + count
    kill_when(machine, lambda m: len(machine.objects()) >= least, "rebuild", "URL")
    assert len(machine.objects()) >= least
    machine.run("rebuild", "URL").succeeded()
    listed = {n for n in machine.objects() if not n.endswith(RESERVED_END)}
    assert listed == objects
    assert whole_sets(machine) == sets
    check_sets(machine, tmp_path / "in the end")
    machine.run("incremental", "SOURCE", "URL").succeeded()
    assert machine.restores() == []


def with_source(tmp_path: Path, source: Path, *options: str) -> Machine:
    machine = Machine(
        root=tmp_path / "machine",
        options=(*options, "--volsize", str(VOLUME_MIB)),
        env={"PASSPHRASE": PASSPHRASE},
    )
    machine.source.rmdir()
    machine.source.symlink_to(source)
    return machine


def kill_when(machine: Machine, done: Done, *words: str) -> None:
    """Start it, and kill it as soon as something has happened."""
    process = machine.start(*words)
    try:
        wait_for(machine, done, process)
    finally:
        process.kill()
        process.communicate()


def wait_for(machine: Machine, done: Done, process: subprocess.Popen[str]) -> None:
    until_s = time.monotonic() + LONGEST_S
    while process.poll() is None and not done(machine):
        assert time.monotonic() < until_s
        time.sleep(0.0005)  # leaves the processor to the one that is watched


def sets_of(machine: Machine) -> dict[SetId, set[Kind]]:
    """Which kinds of objects there are of each set."""
    found: dict[SetId, set[Kind]] = {}
    for name in machine.objects():
        if parsed := Namer(PREFIXES).parse(name):
            found.setdefault(parsed.set_id, set()).add(parsed.kind)
    return found


def whole_sets(machine: Machine) -> list[SetId]:
    return sorted(s for s, kinds in sets_of(machine).items() if Kind.MANIFEST in kinds)


def check_sets(machine: Machine, target: Path) -> None:
    """Every set that looks whole restores to what was backed up."""
    target.mkdir()
    for set_id in whole_sets(machine):
        kept = machine.root / "as it was" / str(set_id.end_s)
        source = kept if kept.exists() else machine.source
        out = target / str(set_id.end_s)
        time_s = str(set_id.end_s)
        machine.run("restore", "URL", out, "--restore-time", time_s).succeeded()
        assert differences(snapshot(source), snapshot(out)) == []


def check_after_kill(machine: Machine, tmp_path: Path, action: str) -> None:
    """What the head of this file promises, of an archive of one source."""
    assert list(machine.tmp.iterdir()) == []  # spool files have no names
    status = machine.run("collection-status", "URL").succeeded()
    whole = whole_sets(machine)
    assert ("incomplete (" in status.out) == (len(whole) < len(sets_of(machine)))
    if action != "incremental":
        result = machine.run("restore", "URL", tmp_path / "restored at once")
        if whole:
            at_once = snapshot(tmp_path / "restored at once")
            assert differences(snapshot(machine.source), at_once) == []
        else:
            assert result.code == "no-backup"
    machine.run(action, "SOURCE", "URL").succeeded()
    assert len(whole_sets(machine)) == len(whole) + 1
    good = {n for n in machine.objects() if is_kept(machine, n)}
    machine.run("cleanup", "--force", "URL").succeeded()
    assert machine.objects() == good
    target = tmp_path / "restored in the end"
    machine.run("restore", "URL", target).succeeded()
    assert differences(snapshot(machine.source), snapshot(target)) == []


def is_kept(machine: Machine, name: str) -> bool:
    """Of a whole set; or an upload that was cut, which no store lists."""
    parsed = Namer(PREFIXES).parse(name)
    return parsed is None or parsed.set_id in whole_sets(machine)
