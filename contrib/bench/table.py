"""A report as Markdown: medians, and ratios to the fastest of others.

python -m contrib.bench.table REPORT.json
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contrib.bench.results import Report

OURS: Final = ("tiered", "tiered-dup")
"""The first one that was measured is held against the targets."""
RIVALS: Final = {
    "restic": ("restic", "restic-fast"),
    "restic's default": ("restic",),
    "borg": ("borg-lz4", "borg-zstd"),
    "duplicity": ("duplicity",),
    "tar, zstd, age": ("tar-zstd-age",),
}
"""Against each of these, the fastest setting in that work counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A ratio that `tiered` has to reach."""

    work: str
    corpus: str
    against: str
    limit: float
    what: str = "wall_s"


TARGETS: Final = (
    Target(work="full", corpus="A", against="restic", limit=0.45),
    Target(work="full", corpus="A", against="tar, zstd, age", limit=0.75),
    Target(work="full", corpus="A", against="duplicity", limit=0.15),
    Target(work="full", corpus="B", against="restic", limit=0.45),
    Target(work="full", corpus="B", against="borg", limit=0.60),
    Target(work="full", corpus="B", against="duplicity", limit=0.10),
    Target(work="unchanged", corpus="A", against="restic", limit=0.30),
    Target(work="unchanged", corpus="B", against="restic", limit=0.80),
    Target(work="incremental", corpus="A", against="restic", limit=0.50),
    Target(work="incremental", corpus="B", against="restic", limit=0.30),
    Target(
        work="incremental",
        corpus="B",
        against="restic",
        limit=0.15,
        what="new_bytes",
    ),
    Target(work="restore", corpus="A", against="restic", limit=0.35),
    Target(work="restore", corpus="B", against="restic", limit=0.50),
    Target(work="list", corpus="A", against="restic", limit=0.30),
    *(
        Target(
            work="full",
            corpus=corpus,
            against="restic's default",
            limit=1.0,
            what="stored_bytes",
        )
        for corpus in "AB"
    ),
)
PEAK_LIMIT_MIB: Final = 300.0 * 1e6 / 2**20

_WHAT: Final = {
    "wall_s": "time",
    "new_bytes": "new bytes stored",
    "stored_bytes": "stored size",
}


def markdown(report: Report) -> str:
    """All tables of a run."""
    parts = [_head(report), _programs(report)]
    for corpus in report.corpora():
        parts += [_times(report, corpus), _costs(report, corpus)]
        parts.append(_sizes(report, corpus))
    parts += [_targets(report), _remarks(report)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(report: Report) -> str:
    m = report.machine
    before, after = (_loads(x) for x in (report.load_before, report.load_after))
    return (
        f"{report.date}: {m['processor']}, {m['cores']} cores, {m['memory_gib']} GiB,"
        f" {m['system']}, kernel {m['kernel']}, Python {m['python']}; load average"
        f" {before} before, {after} after. Scale {report.scale:g}, {report.rounds}"
        f" {'round' if report.rounds == 1 else 'rounds'}, medians."
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
        floor = "<" if peak <= report.floor_mib * 1.05 else ""
        return f"{cpu_s:.2f} / {floor}{peak * 2**20 / 1e6:.0f}"

    title = f"**{corpus}, CPU seconds / peak memory in MB of the largest process**"
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


def _targets(report: Report) -> str:
    measured = {f.program for f in report.figures}
    ours = next((name for name in OURS if name in measured), None)
    if ours is None:
        return ""
    rows = []
    for target in TARGETS:
        place = (target.what, target.corpus, target.work)
        own = report.median(*place, ours)
        best = report.least(*place, RIVALS[target.against])
        if own is None or not best:
            continue
        rows.append(
            [
                f"{target.work}, {target.corpus}: {_WHAT[target.what]}",
                target.against,
                f"{target.limit:.2f}",
                f"{own / best:.2f}",
                "yes" if own / best <= target.limit else "**no**",
            ]
        )
    peaks = [f.peak_mib for f in report.figures if f.program == ours]
    rows.append(
        [
            "peak memory, all works",
            "(MB)",
            f"{PEAK_LIMIT_MIB * 2**20 / 1e6:.0f}",
            f"{max(peaks) * 2**20 / 1e6:.0f}",
            "yes" if max(peaks) <= PEAK_LIMIT_MIB else "**no**",
        ]
    )
    title = f"**Targets, held against `{ours}`**"
    return f"{title}\n\n{_grid(['work', 'against', 'at most', 'is', 'met'], rows)}"


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
    sys.stdout.write(markdown(Report.read(Path(sys.argv[1]))))


if __name__ == "__main__":
    main()
