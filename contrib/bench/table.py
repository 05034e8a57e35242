"""What a run found, as Markdown: medians, and ratios to the fastest of others.

python -m contrib.bench.table FOLDER
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from contrib.bench.bounds import number
from contrib.bench.bounds import rows as bounds
from contrib.bench.results import Report
from contrib.bench.routers import WORKS, times
from contrib.bench.sheet import Sheet
from contrib.bench.targets import RIVALS, verdicts

PARTS: Final = ("chain", "tebibyte", "million", "objects", "routers", "limits")
"""Each has a sheet of its own; the programs side by side have a report."""
REPORT: Final = "peers.json"


def read_folder(folder: Path) -> tuple[Report | None, dict[str, Sheet]]:
    """What the last runs of each part left there."""
    report = folder / REPORT
    paths = {part: folder / f"{part}.json" for part in PARTS}
    return (
        Report.read(report) if report.exists() else None,
        {part: Sheet.read(path) for part, path in paths.items() if path.exists()},
    )


def sections(report: Report | None, sheets: Mapping[str, Sheet]) -> dict[str, str]:
    """All tables by name, those that there are figures for."""
    found = {"targets": _targets(report, sheets)}
    if report:
        found["programs"] = markdown(report)
    shown: dict[str, Callable[[Sheet], str]] = {
        "chain": _chain,
        "tebibyte": _tebibyte,
        "million": _million,
        "objects": _objects,
        "routers": _routers,
        "limits": _limits,
    }
    for part, sheet in sheets.items():
        parts = [_head_of_sheet(sheet), shown[part](sheet)]
        parts += [f"- {remark}" for remark in sheet.remarks]
        found[part] = "\n\n".join(parts)
    if report and "limits" in sheets:
        head = ["work", "stage", "how much", "limit", "seconds"]
        found["bounds"] = _grid(head, bounds(report, sheets["limits"]))
    return found


def markdown(report: Report) -> str:
    """The tables of the programs side by side."""
    parts = [_head(report), _programs(report)]
    for corpus in report.corpora():
        parts += [_times(report, corpus), _costs(report, corpus)]
        parts.append(_sizes(report, corpus))
    parts.append(_remarks(report))
    return "\n\n".join(part for part in parts if part)


def _head(report: Report) -> str:
    before, after = (_loads(x) for x in (report.load_before, report.load_after))
    return (
        f"{report.date}: {_machine(report.machine)}; load average"
        f" {before} before, {after} after. Scale {report.scale:g}, {report.rounds}"
        f" {'round' if report.rounds == 1 else 'rounds'}, medians."
    )


def _head_of_sheet(sheet: Sheet) -> str:
    return (
        f"{sheet.date}: {_machine(sheet.machine)}; load average"
        f" {sheet.load_before:.1f} before, {sheet.load_after:.1f} after;"
        f" scale {sheet.scale:g}."
    )


def _machine(m: Mapping[str, Any]) -> str:
    return (
        f"{m['processor']}, {m['cores']} cores, {m['memory_gib']} GiB,"
        f" {m['system']}, kernel {m['kernel']}, Python {m['python']}"
    )


def _loads(load: Sequence[float]) -> str:
    return f"{load[0]:.1f}" if load else "unknown"


def _programs(report: Report) -> str:
    rows = [[f"`{p.name}`", p.version, p.settings] for p in report.programs]
    return _grid(["program", "version", "settings, origin"], rows)


def _times(report: Report, corpus: str) -> str:
    def cell(work: str, program: str) -> str:
        wall_s = report.median("wall_s", corpus, work, program)
        best = report.least("wall_s", corpus, work, RIVALS["restic"])
        if wall_s is None:
            return "-"
        ratio = f" ({wall_s / best:.2f})" if best else ""
        return f"{wall_s:.2f}{ratio}"

    title = f"**{corpus}, wall seconds** (ratio to the fastest setting of restic)"
    return f"{title}\n\n{_by_program(report, corpus, cell)}"


def _costs(report: Report, corpus: str) -> str:
    def cell(work: str, program: str) -> str:
        cpu_s = report.median("cpu_s", corpus, work, program)
        peak = report.median("peak_mib", corpus, work, program)
        if cpu_s is None or peak is None:
            return "-"
        together = report.median("together_mib", corpus, work, program) or peak
        floor = "<" if peak <= report.floor_mib * 1.05 else ""
        shown = f"{cpu_s:.2f} / {floor}{_mb(peak)}"
        return f"{shown} ({_mb(together)})" if together > peak * 1.05 else shown

    title = (
        f"**{corpus}, CPU seconds / peak memory in MB of the largest process**"
        " (of all at one time, if that is more)"
    )
    return f"{title}\n\n{_by_program(report, corpus, cell)}"


def _by_program(report: Report, corpus: str, cell: Callable[[str, str], str]) -> str:
    works = report.works(corpus)
    rows = [
        [f"`{p.name}`", *(cell(work, p.name) for work in works)]
        for p in report.programs
    ]
    return _grid(["program", *works], rows)


def _sizes(report: Report, corpus: str) -> str:
    works = [
        w for w in ("full", "unchanged", "incremental") if w in report.works(corpus)
    ]

    def cell(work: str, program: str) -> str:
        new = report.median("new_bytes", corpus, work, program)
        best = report.least("new_bytes", corpus, work, ("restic",))
        if new is None:
            return "-"
        ratio = f" ({new / best:.2f})" if best else ""
        return f"{new / 1e6:.{1 if new >= 1e7 else 3}f}{ratio}"

    if not works:
        return ""
    rows = [
        [f"`{p.name}`", *(cell(work, p.name) for work in works)]
        for p in report.programs
    ]
    title = f"**{corpus}, new MB stored** (ratio to restic's default)"
    return f"{title}\n\n{_grid(['program', *works], rows)}"


def _targets(report: Report | None, sheets: Mapping[str, Sheet]) -> str:
    rows = [verdict.cells() for verdict in verdicts(report, sheets)]
    return _grid(["work", "against", "at most", "is", "met"], rows)


def _chain(sheet: Sheet) -> str:
    head = ["program", "work", "incrementals", "seconds", "CPU s", "ratio", "peak MB"]
    head += ["MB of volumes read", "MB needed", "MB read twice"]
    first = {
        (r["program"], r["work"]): r["wall_s"] for r in sheet.rows if not r["days"]
    }
    rows = []
    for r in sheet.rows:
        before = first.get((r["program"], r["work"]))
        ratio = f"{r['wall_s'] / before:.2f}" if before else "-"
        cells = [f"`{r['program']}`", r["work"], str(r["days"]), f"{r['wall_s']:.2f}"]
        cells += [f"{r['cpu_s']:.2f}", ratio, _mb(r["peak_mib"])]
        rows.append([*cells, *_read(r["reads"])])
    new = {r["program"]: r["new_bytes"] for r in sheet.rows if r["new_bytes"]}
    stored = [f"`{name}` {size / 1e6:.1f}" for name, size in new.items()]
    text = f"New MB stored by one incremental backup: {', '.join(stored)}."
    mib = sheet.facts["bytes"] / 2**20
    title = f"A file of {mib:,.0f} MiB, 2 % of its pages rewritten a day:"
    return f"{title}\n\n{_grid(head, rows)}\n\n{text}"


def _read(reads: Mapping[str, int] | None) -> list[str]:
    if reads is None:
        return ["-"] * 3
    volumes = f"{reads['volume_bytes'] / 1e6:.3f} ({reads['volumes']} volumes)"
    if not reads["needed_volumes"]:
        return [volumes, "-", f"{reads['twice_bytes'] / 1e6:.3f}"]
    return [
        volumes,
        f"{reads['needed_bytes'] / 1e6:.3f} ({reads['needed_volumes']} volumes)",
        f"{reads['twice_bytes'] / 1e6:.3f}",
    ]


def _tebibyte(sheet: Sheet) -> str:
    head = ["GiB", "files", "work", "peak MB", "MB more for each TiB"]
    head += ["seconds", "CPU s"]
    rows = [
        [
            f"{r['gib']:,g}",
            f"{r['files']:,}",
            r.get("work", "full"),
            _mb(r["peak_mib"]),
            _mb(r["slope_mib_per_tib"]),
            f"{r['wall_s']:,.0f}",
            f"{r['cpu_s']:,.0f}",
        ]
        for r in sheet.rows
    ]
    return _grid(head, rows)


def _million(sheet: Sheet) -> str:
    files = sheet.facts["files"]
    head = ["work", "seconds", "CPU s", "peak MB", "index stored", "for each file"]
    rows = []
    for r in sheet.rows:
        index = r["index_bytes"]
        cells = [r["work"], f"{r['wall_s']:.2f}", f"{r['cpu_s']:.2f}"]
        cells += [_mb(r["peak_mib"]), f"{index:,} bytes" if index else "-"]
        each = f"{index / files:.1f} bytes" if r["work"] == "full" else "-"
        rows.append([*cells, each])
    return f"{files:,} files:\n\n{_grid(head, rows)}"


def _objects(sheet: Sheet) -> str:
    head = ["work", "seconds", "CPU s", "peak MB", "progress shown"]
    rows = [
        [
            f"`{r['work']}`",
            f"{r['wall_s']:.2f}",
            f"{r['cpu_s']:.2f}",
            _mb(r["peak_mib"]),
            "yes" if r["progress_lines"] else "**no**",
        ]
        for r in sheet.rows
    ]
    stores, objects = sheet.facts["stores"], sheet.facts["objects"]
    return f"{objects:,} objects on each of {stores} stores:\n\n{_grid(head, rows)}"


def _routers(sheet: Sheet) -> str:
    head = ["work", "stores", "seconds", "MB/s", "CPU s", "peak MB", "seconds of each"]
    rows = []
    for work, stores in WORKS:
        here = [r for r in sheet.rows if (r["work"], r["stores"]) == (work, stores)]
        if not here:
            continue
        wall_s = times(sheet.rows, work, stores)
        speed = sheet.facts["bytes"] / median(wall_s) / 1e6
        cells = [work, stores, f"{median(wall_s):.2f}", f"{speed:.1f}"]
        cells.append(f"{median(r['cpu_s'] for r in here):.2f}")
        cells.append(_mb(max(r["peak_mib"] for r in here)))
        rows.append([*cells, ", ".join(f"{s:.1f}" for s in wall_s)])
    mib, files = sheet.facts["bytes"] / 2**20, sheet.facts["files"]
    width = sheet.facts["bytes_per_s"] / 1e6
    title = f"{mib:,.0f} MiB in {files:,} files, each store behind {width:g} MB/s:"
    return f"{title}\n\n{_grid(head, rows)}"


def _limits(sheet: Sheet) -> str:
    rows = []
    for r in sheet.rows:
        figure = "-" if r["figure"] is None else f"{number(r['figure'])} {r['unit']}"
        rows.append([r["stage"], r["what"], figure, r["remark"]])
    return _grid(["stage", "what", "figure", ""], rows)


def _mb(mib: float) -> str:
    return f"{mib * 2**20 / 1e6:.0f}"


def _remarks(report: Report) -> str:
    lines = [f"- `{r.program}` is left out: {r.text}." for r in report.left_out]
    lines += [f"- `{r.program}` failed: {r.text}." for r in report.failures]
    if report.floor_mib:
        floor = report.floor_mib * 2**20 / 1e6
        lines.append(f"- Peak memory below {floor:.0f} MB cannot be seen.")
    return "\n".join(lines)


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    for name, text in sections(*read_folder(Path(sys.argv[1]))).items():
        print(f"# {name}\n\n{text}\n")


if __name__ == "__main__":
    main()
