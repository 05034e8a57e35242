"""The benchmarks: the same corpora everywhere, and tables that say what was found."""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from contrib.bench import bounds, corpus, many_objects, million, page, routers, tebibyte
from contrib.bench.chain30 import change_tree, make_tree
from contrib.bench.chain30 import main as chain30
from contrib.bench.line import Width
from contrib.bench.measure import Command, CommandFailed, measure
from contrib.bench.meter import Limit
from contrib.bench.reads import reads_of
from contrib.bench.results import Figure, Program, Remark, Report
from contrib.bench.rounds import WORKS
from contrib.bench.run import main
from contrib.bench.sheet import Row, Sheet
from contrib.bench.table import markdown, read_folder, sections
from contrib.bench.targets import verdicts
from tiered.testing.clocks import JumpingClock

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
    values = {"wall_s": 1.0, "cpu_s": 1.0, "peak_mib": 100.0, "together_mib": 100.0}
    return Figure(
        corpus="A",
        work="full",
        program=program,
        round=round,
        stored_bytes=1000,
        new_bytes=1000,
        **(values | fields),
    )


MACHINE = {
    "processor": "two-stroke",
    "cores": 2,
    "memory_gib": 24,
    "system": "Debian",
    "kernel": "6",
    "python": "3.11",
}


def sheet(part: str, *rows: Row, **facts: object) -> Sheet:
    return Sheet(
        part=part,
        date="2026-11-21",
        machine=MACHINE,
        scale=1.0,
        load_before=0.1,
        rows=list(rows),
        facts=facts,
    )


@pytest.fixture
def report() -> Report:
    names = ("tiered", "restic", "restic-fast")
    seconds = {"tiered": (1.0, 9.0, 2.0), "restic": (8.0,), "restic-fast": (4.0,)}
    return Report(
        date="2026-11-21",
        machine=MACHINE,
        scale=0.5,
        rounds=3,
        floor_mib=20.0,
        load_before=(0.1, 0.2, 0.3),
        load_after=(1.5, 0.2, 0.3),
        sources={"A": (50_000, 450_000_000), "B": (4, 2 << 30)},
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
    tables = sections(report, {})
    lines = [*tables["programs"].splitlines(), *tables["targets"].splitlines()]
    assert "| `tiered` | 2.00 (0.50) |" in lines
    assert "| `restic` | 8.00 (2.00) |" in lines
    assert "| full, A: time | restic | 0.45 | 0.50 | **no** |" in lines
    assert "| full, A: stored size | restic's default | 1.00 | 1.00 | yes |" in lines
    assert "| peak memory, all works above | (MB) | 300 | 105 | yes |" in lines
    assert "| list, A: time | restic | 0.30 | - | not measured |" in lines


def test_the_table_says_what_is_missing_and_what_the_machine_did(
    report: Report,
) -> None:
    text = markdown(report)
    assert "- `borg-lz4` is left out: no network." in text
    assert "- `restic` failed: list, A: status 3." in text
    assert "load average 0.1 before, 1.5 after. Scale 0.5, 3 rounds" in text


MEASURED = """
import sys
from pathlib import Path
from contrib.bench.measure import Command, measure
hold = "import time; x = bytearray(60 << 20); time.sleep(1.2)"
script = f"python3 -c '{hold}' & python3 -c '{hold}'; wait"
cost = measure([Command(words=["sh", "-c", script])], {"PATH": "/usr/bin:/bin"},
               Path(sys.argv[1]))
print(cost.peak_mib, cost.together_mib)
"""


def test_memory_counts_for_all_processes_of_a_command(tmp_path: Path) -> None:
    # a process of its own: what is started begins with the peak of who starts it
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tmp_path / "log")],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        check=True,
        text=True,
    )
    peak_mib, together_mib = map(float, done.stdout.split())
    assert 60 < peak_mib < 110
    assert together_mib > 120


def test_what_was_read_is_held_against_what_is_needed() -> None:
    end, other = "20261121T000000Z", "20261122T000000Z"
    volume = f"tiered-full.{end}.vol1.difftar.zst.age"
    idle = f"tiered-inc.{end}.to.{other}.vol3.difftar.zst.age"
    counts = {
        volume: [(0, 100), (50, 100), (300, 10)],
        idle: [(0, 5)],
        "tiered-key.main.1.age": [(0, 7)],
    }
    reads = reads_of(counts, {f"{end} 1": 90})
    assert (reads.volume_bytes, reads.twice_bytes, reads.volumes) == (215, 50, 2)
    assert (reads.hot_bytes, reads.needed_bytes, reads.needed_volumes) == (7, 90, 1)
    assert reads.idle_volumes == 1


def chain_rows() -> Iterator[Row]:
    reads = {"volume_bytes": 1020, "needed_bytes": 1000, "idle_volumes": 0}
    reads |= {"twice_bytes": 0, "volumes": 2, "hot_bytes": 0, "needed_volumes": 2}
    values = {"cpu_s": 1.0, "peak_mib": 50.0, "new_bytes": None}
    for program, days, wall_s in (
        ("tiered", 0, 1.0),
        ("tiered", 30, 1.2),
        ("restic", 30, 1.5),
        ("restic-fast", 30, 1.0),
    ):
        for work in ("restore", "restore-one"):
            head = {"program": program, "work": work, "days": days, "wall_s": wall_s}
            read = reads if program == "tiered" else None
            yield {**head, **values, "reads": read}


def router_rows() -> Iterator[Row]:
    """Of three rounds, the ratios are 1.1 for a mirror and 0.5 for a stripe."""
    for number, one_s in enumerate((10.0, 20.0, 30.0)):
        mirror_s = one_s * (1.1 if number else 9.0)
        walls = ("full", one_s), ("full", mirror_s), ("restore", one_s)
        for (work, wall_s), stores in zip(walls, ("one", "mirror", "one"), strict=True):
            yield {"round": number, "work": work, "stores": stores, "wall_s": wall_s}
        half = {"work": "restore", "stores": "stripe", "wall_s": one_s / 2}
        yield {"round": number, **half}


def test_each_target_has_a_verdict() -> None:
    simulated = {"files": 4, "peak_mib": 300.0}, {"files": 1, "peak_mib": 200.0}
    full = {"work": "full", "index_bytes": 60_000, "peak_mib": 500.0}
    sheets = {
        "chain": sheet("chain", *chain_rows()),
        "tebibyte": sheet("tebibyte", *simulated),
        "million": sheet("million", full, files=1000),
        "objects": sheet("objects", {"work": "scrub", "peak_mib": 290.0}),
        "routers": sheet("routers", *router_rows()),
    }
    found = [(v.work, v.met) for v in verdicts(None, sheets)]
    assert [met for _, met in found[-2:]] == [True, False]
    del found[-2:]
    assert found.pop()[0].startswith("`status`, `scrub`, `repair --dry-run` of a")
    assert found[-11:] == [
        ("restore one small file after 30 incremental backups: time", False),
        ("the same", False),
        ("the same: bytes read of volumes", True),
        ("restore 1 GiB after 30 incremental backups: time", True),
        ("the same: bytes read of volumes", False),
        ("the same: volumes read that hold nothing of it", True),
        ("peak memory, all works above", True),
        ("peak memory, a simulated source of 1 TiB", False),
        ("peak memory, one simulated file of 256 GiB", True),
        ("index of a full backup of 1,000,000 files", True),
        ("the same: peak memory, all works", True),
    ]
    assert {met for _, met in found[:-11]} == {None}


def test_sheets_have_tables(report: Report) -> None:
    speed = Limit(stage="compress", what="zstd as for small files, text", figure=450.0)
    absent = Limit(stage="compress", what="isal", remark="isal is not installed")
    fields = ("stage", "what", "figure", "unit", "remark")
    limits = [{f: getattr(each, f) for f in fields} for each in (speed, absent)]
    chain = sheet("chain", *chain_rows(), bytes=1 << 30)
    sheets = {"chain": chain, "limits": sheet("limits", *limits)}
    tables = sections(report, sheets)
    assert "| compress | isal | - | isal is not installed |" in tables["limits"]
    row = "| `tiered` | restore | 30 | 1.20 | 1.00 | 1.20 | 52 | 0.001 (2 volumes) |"
    assert row in tables["chain"]
    compress = "| full, A | compress | 450 MB | 450 MB/s | 1.00 |"
    assert compress in tables["bounds"]
    total = bounds.rows(report, sheets["limits"])[-1]
    assert total[3:] == [
        "on 2 cores 0.50 s; measured 2.00 s, of processors 1.00 s",
        "1.00",
    ]


def test_a_page_gets_its_tables() -> None:
    text = "a\n<!-- figures: x -->\nold\n<!-- end of figures -->\nb\n"
    once = page.filled(text, {"x": "| new |"})
    assert once == ("a\n<!-- figures: x -->\n\n| new |\n\n<!-- end of figures -->\nb\n")
    assert page.filled(once, {"x": "| new |"}) == once


def test_the_page_shows_the_last_run() -> None:
    tables = sections(*read_folder(page.LAST))
    text = page.PAGE.read_text()
    assert page.filled(text, tables) == text
    assert text.count("<!-- figures:") == 9


def test_a_run_from_end_to_end(tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()
    arguments: Mapping[str, str | Path] = {
        "--parts": "peers",
        "--programs": "tiered,tiered-dup-plain",
        "--corpora": "A",
        "--rounds": "1",
        "--scale": "0.0004",
        "--folder": tmp_path / "bench",
        "--memory": tmp_path / "memory",
        "--out": tmp_path / "out",
    }
    main([str(word) for pair in arguments.items() for word in pair])
    report = Report.read(tmp_path / "out/peers.json")
    assert report.failures == report.left_out == []
    ours = [f for f in report.figures if f.program == "tiered"]
    assert tuple(f.work for f in ours) == WORKS
    assert report.figures[0].stored_bytes > 20_000
    assert all(f.together_mib >= f.peak_mib > 0 for f in report.figures)
    assert "`tiered-dup-plain`" in (tmp_path / "out/tables.md").read_text()
    assert list((tmp_path / "bench/stores").iterdir()) == []
    assert list((tmp_path / "memory").iterdir()) == []


_CHAIN_WORKS = ("restore", "restore, no cache", "restore-one")


def test_a_small_chain(tmp_path: Path) -> None:
    out, days = tmp_path / "chain.json", "2"
    words = ["--programs", "tiered", "--scale", "0.002", "--days", days]
    places = ["--folder", tmp_path / "stores", "--memory", tmp_path / "memory"]
    chain30([*words, "--rounds", "1", "--out", str(out), *map(str, places)])
    chain = Sheet.read(out)
    assert chain.remarks == []
    found = {(r["work"], r["days"]): r["reads"] for r in chain.rows}
    assert list(found) == [
        ("incremental", 2),
        *((work, n) for work in _CHAIN_WORKS for n in (0, 2)),
    ]
    everything, one = found["restore", 2], found["restore-one", 2]
    assert everything["needed_volumes"] == everything["volumes"] == 3
    assert everything["needed_bytes"] < everything["volume_bytes"]
    assert one["needed_volumes"] == one["volumes"] == 1
    assert one["needed_bytes"] < one["volume_bytes"] < 256 << 10
    assert one["idle_volumes"] == everything["idle_volumes"] == 0


def test_a_small_simulated_source(tmp_path: Path) -> None:
    rows = list(tebibyte.run(0.02, 2, tmp_path / "stores", tmp_path, again=True))
    assert [(row["work"], row["volumes"]) for row in rows] == [
        ("full", 1),
        ("incremental", 2),
    ]
    sizes = [row["stored_bytes"] for row in rows]
    assert 2 << 20 < sizes[0] < 3 << 20
    assert 2 << 20 < sizes[1] - sizes[0] < 3 << 20
    assert min(row["zero_gib"] for row in rows) > 0.01
    assert min(row["peak_mib"] for row in rows) > 20


def test_a_simulated_source_and_then_one_single_file(tmp_path: Path) -> None:
    out = tmp_path / "tebibyte.json"
    places = ["--folder", str(tmp_path / "stores"), "--memory", str(tmp_path)]
    sizes = ["--gib", "0.02", "--files", "2", "--single", "0.01"]
    tebibyte.main([*sizes, "--out", str(out), *places])
    rows = [(row["gib"], row["files"], row["work"]) for row in Sheet.read(out).rows]
    assert rows == [(0.02, 2, "full"), (0.01, 1, "full")]


def test_the_slope_of_memory_is_that_of_a_line() -> None:
    samples = [(mib, 100.0 + mib / 1024) for mib in range(0, 2048, 64)]
    assert tebibyte.slope(samples) == pytest.approx(1024)
    assert tebibyte.slope(samples[:1]) == tebibyte.slope([]) == 0


def test_a_small_million(tmp_path: Path) -> None:
    out = tmp_path / "million.json"
    places = ["--folder", tmp_path / "stores", "--memory", tmp_path]
    million.main(["--files", "300", "--out", str(out), *map(str, places)])
    rows = {row["work"]: row for row in Sheet.read(out).rows}
    assert list(rows) == ["full", "unchanged", "incremental", "list"]
    assert rows["full"]["index_bytes"] > 300 * 32
    assert 0 < rows["incremental"]["index_bytes"] < 2000


def test_a_mirror_of_a_few_objects(tmp_path: Path) -> None:
    out = tmp_path / "objects.json"
    places = ["--folder", tmp_path / "stores", "--memory", tmp_path]
    command = [sys.executable, "-m", "contrib.bench.many_objects", "--objects", "1200"]
    # in a process of its own, as no peak is below that of who starts what is measured
    subprocess.run([*command, "--out", str(out), *map(str, places)], check=True)
    sheet = Sheet.read(out)
    assert [row["work"] for row in sheet.rows] == [
        *many_objects.WORKS,
        "backup, one folder",
        *many_objects.ALONE,
    ]
    assert all(0 < row["peak_mib"] < 300 for row in sheet.rows)
    assert (
        "1,200 objects on each of 3 stores"
        in sections(None, {"objects": sheet})["objects"]
    )


def _files(folder: Path) -> dict[str, bytes]:
    files = (p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


def test_small_routers(tmp_path: Path) -> None:
    """Over lines that nobody notices."""
    out = tmp_path / "routers.json"
    places = ["--folder", tmp_path / "stores", "--memory", tmp_path]
    few = ["--gib", "0.004", "--files", "3", "--volsize", "1", "--rounds", "1"]
    wide = ["--bytes-per-s", "1e9", "--stores", "stripe"]
    routers.main([*few, *wide, "--out", str(out), *map(str, places)])
    rows = Sheet.read(out).rows
    assert [(row["work"], row["stores"]) for row in rows] == [
        ("full", "stripe"),
        ("restore", "stripe"),
    ]
    assert list((tmp_path / "stores").iterdir()) == []
    table = sections(None, {"routers": Sheet.read(out)})["routers"]
    assert "4 MiB in 3 files, each store behind 1000 MB/s:" in table
    assert "| restore | stripe | " in table


def test_a_line_is_as_wide_as_it_says() -> None:
    clock = JumpingClock(0.0)
    width = Width(1000.0, clock)
    for _ in range(20):
        width.take(500)
    busy_s = clock.now_s()
    assert 9.9 <= busy_s <= 10.0
    clock.sleep_s(100)
    width.take(500)
    width.take(500)
    assert clock.now_s() - busy_s > 100.9  # what was not used is not saved up
