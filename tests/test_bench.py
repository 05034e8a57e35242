"""The benchmarks: the same corpora everywhere, and tables that say what was found."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from contrib.bench import corpus
from contrib.bench.chain30 import Chain, change_tree, make_tree
from contrib.bench.chain30 import markdown as chain_table
from contrib.bench.limits import Limit
from contrib.bench.limits import markdown as limits_table
from contrib.bench.measure import Command, CommandFailed, measure
from contrib.bench.results import Figure, Program, Remark, Report
from contrib.bench.rounds import WORKS
from contrib.bench.run import main
from contrib.bench.table import markdown

SCALE = 0.002
DIGESTS = {
    "A": "65862fe3015db3b47c8f1d3632380005",
    "B": "ec5e8e4374abe34eba660aa0651a0e32",
}
"""At this scale.  If they change, raise corpus.VERSION."""
CHANGED = {
    "A": "0f2a045b41b05a3291d0f6ee85346231",
    "B": "56b35ecf83025523ecdf7cd690f2cac4",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("bench") / "corpus"
    corpus.make(made, SCALE)
    return made


@pytest.mark.parametrize("name", ["A", "B"])
def test_the_corpora_are_the_same_everywhere(root: Path, name: str) -> None:
    assert corpus.digest(root / name) == DIGESTS[name]
    corpus.change(root, name)
    assert corpus.digest(root / name) == CHANGED[name]
    corpus.revert(root, name)
    assert corpus.digest(root / name) == DIGESTS[name]


def test_a_corpus_that_was_left_changed_is_reverted(root: Path) -> None:
    corpus.change(root, "A")
    corpus.make(root, SCALE)
    assert corpus.digest(root / "A") == DIGESTS["A"]


def test_no_other_folder_is_taken_for_a_corpus(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(FileExistsError):
        corpus.make(tmp_path, SCALE)
    assert (tmp_path / "mine").exists()


def test_corpus_a_changes_as_it_says(root: Path, tmp_path: Path) -> None:
    before = shutil.copytree(root / "A", tmp_path / "A")
    corpus.change(root, "A")
    try:
        old, new = _files(before), _files(root / "A")
    finally:
        corpus.revert(root, "A")
    assert (len(old), len(new.keys() - old), len(old.keys() - new)) == (100, 1, 1)
    assert sum(old[name] != new[name] for name in old.keys() & new) == 1
    assert corpus.one_file(root, "A") in old.keys() & new


def test_the_database_of_a_chain_changes_a_little_every_day(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    make_tree(tree, 1 << 20)
    before = (tree / "db.pages").read_bytes()
    change_tree(tree, 1)
    after = (tree / "db.pages").read_bytes()
    pages = range(0, len(before), 4096)
    changed = sum(before[p : p + 4096] != after[p : p + 4096] for p in pages)
    assert (len(after), changed) == (1 << 20, 5)


def test_costs_cover_the_whole_tree_of_processes(tmp_path: Path) -> None:
    script = "python3 -c 'sum(range(3_000_000)); x = bytearray(90 << 20)'; true"
    command = Command(words=["sh", "-c", script])
    cost = measure([command], {"PATH": "/usr/bin:/bin"}, tmp_path / "log")
    assert cost.cpu_s > 0.02
    assert cost.peak_mib > 90
    assert cost.wall_s >= 0.02


def test_a_command_that_fails_says_what_it_said(tmp_path: Path) -> None:
    command = Command(words=["sh", "-c", "echo no room >&2; exit 3"])
    with pytest.raises(CommandFailed, match="status 3: no room"):
        measure([command], {}, tmp_path / "log")


def test_a_command_that_hangs_is_ended(tmp_path: Path) -> None:
    command = Command(words=["sleep", "60"])
    with pytest.raises(CommandFailed):
        measure([command], {"PATH": "/usr/bin:/bin"}, tmp_path / "log", timeout_s=0.1)


def figure(program: str, round: int, **fields: float) -> Figure:
    values: dict[str, float] = {"wall_s": 1.0, "cpu_s": 1.0, "peak_mib": 100.0}
    return Figure(
        corpus="A",
        work="full",
        program=program,
        round=round,
        stored_bytes=1000,
        new_bytes=1000,
        **(values | fields),
    )


@pytest.fixture
def report() -> Report:
    names = ("tiered", "restic", "restic-fast")
    seconds = {"tiered": (1.0, 9.0, 2.0), "restic": (8.0,), "restic-fast": (4.0,)}
    return Report(
        date="2026-11-21",
        machine={
            "processor": "two-stroke",
            "cores": 2,
            "memory_gib": 24,
            "system": "Debian",
            "kernel": "6",
            "python": "3.11",
        },
        scale=0.5,
        rounds=3,
        floor_mib=20.0,
        load_before=(0.1, 0.2, 0.3),
        load_after=(1.5, 0.2, 0.3),
        programs=[Program(name=n, version="1", settings="default") for n in names],
        left_out=[Remark(program="borg-lz4", text="no network")],
        failures=[Remark(program="restic", text="list, A: status 3")],
        figures=[
            figure(name, i, wall_s=s)
            for name in names
            for i, s in enumerate(seconds[name])
        ],
    )


def test_a_report_is_read_as_it_was_written(report: Report, tmp_path: Path) -> None:
    report.write(tmp_path / "report.json")
    assert Report.read(tmp_path / "report.json") == report
    (tmp_path / "other.json").write_text('{"version": 0}')
    with pytest.raises(ValueError, match="version"):
        Report.read(tmp_path / "other.json")


def test_the_table_has_medians_and_ratios_to_the_fastest_setting(
    report: Report,
) -> None:
    lines = markdown(report).splitlines()
    assert "| `tiered` | 2.00 (0.50) |" in lines
    assert "| `restic` | 8.00 (2.00) |" in lines
    assert "| full, A: time | restic | 0.45 | 0.50 | **no** |" in lines
    assert "| full, A: stored size | restic's default | 1.00 | 1.00 | yes |" in lines
    assert "| peak memory, all works | (MB) | 300 | 105 | yes |" in lines


def test_the_table_says_what_is_missing_and_what_the_machine_did(
    report: Report,
) -> None:
    text = markdown(report)
    assert "- `borg-lz4` is left out: no network." in text
    assert "- `restic` failed: list, A: status 3." in text
    assert "load average 0.1 before, 1.5 after. Scale 0.5, 3 rounds" in text


def test_limits_and_chains_have_tables() -> None:
    limits = [
        Limit(stage="hash", what="X", figure=1234.5),
        Limit(stage="compress", what="isal", remark="isal is not installed"),
    ]
    assert "| hash | X | 1,234 MB/s |  |" in limits_table(limits)
    assert "| compress | isal | - | isal is not installed |" in limits_table(limits)
    chain = [
        Chain(program="p", work="restore", days=0, wall_s=2.0, cpu_s=1, peak_mib=1),
        Chain(program="p", work="restore", days=30, wall_s=3.0, cpu_s=1, peak_mib=1),
    ]
    assert "| `p` | restore | 30 | 3.00 | 1.50 | - | - |" in chain_table(chain, 1.0)


def test_a_run_from_end_to_end(tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()
    arguments: Mapping[str, str | Path] = {
        "--programs": "tiered-dup-plain",
        "--corpora": "A",
        "--rounds": "1",
        "--scale": "0.0004",
        "--folder": tmp_path / "bench",
        "--memory": tmp_path / "memory",
        "--out": tmp_path / "out",
    }
    main([str(word) for pair in arguments.items() for word in pair])
    report = Report.read(tmp_path / "out.json")
    assert report.failures == report.left_out == []
    assert tuple(f.work for f in report.figures) == WORKS
    assert report.figures[0].stored_bytes > 20_000
    assert report.figures[3].new_bytes == 0
    assert "`tiered-dup-plain`" in (tmp_path / "out.md").read_text()
    assert list((tmp_path / "bench/stores").iterdir()) == []
    assert list((tmp_path / "memory").iterdir()) == []


def _files(folder: Path) -> dict[str, bytes]:
    files = (p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}
