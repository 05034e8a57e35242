"""tiered and its peers side by side, in one run, as ratios: `make bench`.

Then, each in a process of its own, the other parts.  Into the folder OUT go the raw
figures of each part as JSON, and tables.md.  README.md beside this file has
examples, docs/performance.md what the figures mean.
"""

import argparse
import datetime
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from contrib.bench.corpus import extent
from contrib.bench.install import BUILD, ROOT, Missing
from contrib.bench.measure import floor_mib, machine
from contrib.bench.peers import PEERS, Peer
from contrib.bench.results import Figure, Program, Remark, Report
from contrib.bench.rounds import WORKS, Round, corpus_do
from contrib.bench.table import PARTS, REPORT, read_folder, sections


def main(arguments: Sequence[str]) -> None:
    """Run what the command line says."""
    options = _parse(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    options.out.mkdir(parents=True, exist_ok=True)
    if "peers" in options.parts:
        compare(options)
    for part in PARTS:
        if part in options.parts:
            _run_part(part, options)
    _write_tables(options.out)
    _say(f"written: {options.out}/tables.md")


def compare(options: argparse.Namespace) -> Report:
    """The programs side by side."""
    folder: Path = options.folder
    report = Report(
        date=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        machine=machine(),
        scale=options.scale,
        rounds=options.rounds,
    )
    peers = _prepare(options.programs, report)
    root = folder / f"corpus-{options.scale:g}"
    _say(f"corpora in {root}")
    corpus_do("make", root, "--scale", str(options.scale))
    report.sources = {name: extent(root / name) for name in "AB"}
    report.floor_mib = round(floor_mib(folder / "log"), 2)
    report.load_before = _load()
    for name in options.corpora:
        for number in range(options.rounds):
            Round(
                peers=peers,
                root=root,
                name=name,
                number=number,
                works=options.works,
                folder=folder / "stores",
                memory=options.memory,
                note=partial(_note, report, options.out),
                verify=number == 0,
            ).run()
    report.load_after = _load()
    report.write(options.out / REPORT)
    return report


def _run_part(part: str, options: argparse.Namespace) -> None:
    """One that says itself what it finds; if it fails, the others go on."""
    _say(f"part {part}")
    module = {"chain": "chain30", "objects": "many_objects"}.get(part, part)
    scale = options.scale
    words = {
        "chain": ["--scale", scale, "--rounds", options.rounds],
        "tebibyte": [
            *("--gib", 1024 * scale, "--files", max(4, round(256 * scale))),
            *("--single", 256 * scale),
        ],
        "million": ["--files", round(1_000_000 * scale)],
        "objects": ["--objects", round(100_000 * scale)],
        "routers": ["--gib", scale, "--rounds", options.rounds],
        "limits": ["--seconds", 0.5 if scale >= 1 else 0.05],
    }[part]
    if part != "limits":
        words += ["--folder", options.folder / "stores", "--memory", options.memory]
    out = options.out / f"{part}.json"
    command = [sys.executable, "-m", f"contrib.bench.{module}", "--out", out, *words]
    if subprocess.run([str(w) for w in command], check=False, cwd=ROOT).returncode:
        _say(f"part {part} failed; what an earlier run left is kept")


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    names = tuple(peer.name for peer in PEERS)
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    add = parser.add_argument
    parts = ("peers", *PARTS)
    add("--parts", type=_some_of(parts), default=parts, help="default: all")
    add("--works", type=_some_of(WORKS), default=WORKS, help="default: all")
    add("--programs", type=_some_of(names), default=names, help="default: all")
    add("--corpora", type=_some_of("AB"), default=("A", "B"), help="A, B (both)")
    add("--rounds", type=int, default=3, help="default: 3")
    add("--scale", type=float, default=1.0, help="of all sources; default: 1")
    add("--out", type=Path, default=BUILD / "bench/last", help="default: %(default)s")
    add("--folder", type=Path, default=BUILD / "bench", help="for corpora and stores")
    add("--memory", type=Path, default=Path("/dev/shm"), help="for restored files")
    options = parser.parse_args(arguments)
    options.folder, options.out = options.folder.absolute(), options.out.absolute()
    return options


def _some_of(known: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    def convert(text: str) -> tuple[str, ...]:
        asked = text.split(",")
        if unknown := [name for name in asked if name not in known]:
            raise argparse.ArgumentTypeError(
                f"{', '.join(unknown)}: there are {', '.join(known)}"
            )
        return tuple(name for name in known if name in asked)

    return convert


def _prepare(names: Sequence[str], report: Report) -> list[Peer]:
    """Those that can be had; the report says which cannot, and why."""
    there = []
    for peer in PEERS:
        if peer.name not in names:
            continue
        _say(f"{peer.name}: {peer.settings}")
        try:
            version = peer.prepare()
        except Missing as e:
            _say(f"    left out: {e}")
            report.left_out.append(Remark(program=peer.name, text=str(e)))
            continue
        report.programs.append(
            Program(name=peer.name, version=version, settings=peer.settings)
        )
        there.append(peer)
    return there


def _note(report: Report, out: Path, found: Figure | Remark) -> None:
    if isinstance(found, Remark):
        report.failures.append(found)
        _say(f"{found.program} failed: {found.text}")
    else:
        report.figures.append(found)
        place = f"{found.corpus} {found.round + 1} {found.work:12} {found.program:16}"
        _say(
            f"{place} {found.wall_s:8.2f} s {found.cpu_s:8.2f} s CPU"
            f" {found.peak_mib:6.0f} MiB {found.new_bytes / 1e6:+10.3f} MB"
        )
    report.load_after = _load()
    report.write(out / REPORT)


def _write_tables(out: Path) -> None:
    found = sections(*read_folder(out)).items()
    text = "\n\n".join(f"# {name}\n\n{text}" for name, text in found)
    (out / "tables.md").write_text(text + "\n")


def _load() -> tuple[float, ...]:
    return tuple(round(x, 2) for x in os.getloadavg())


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
