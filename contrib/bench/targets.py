"""What style tiered has to reach, and whether the last runs show that it does."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from contrib.bench.results import Report
from contrib.bench.routers import ratio
from contrib.bench.sheet import Row, Sheet

OURS: Final = "tiered"
RIVALS: Final = {
    "restic": ("restic", "restic-fast", "restic-off"),
    "restic, compressed": ("restic", "restic-fast"),
    "restic's default": ("restic",),
    "borg": ("borg-lz4", "borg-zstd"),
    "duplicity": ("duplicity",),
    "tar, zstd, age": ("tar-zstd-age",),
}
"""Against each of these, the fastest setting in that work counts."""

WHAT: Final = {
    "wall_s": "time",
    "new_bytes": "new bytes stored",
    "stored_bytes": "stored size",
}
_ONE_READ_BYTES: Final = 256 << 10
_PEAK_MB: Final = 300.0
_INDEX_PEAK_MB: Final = 600.0
_INDEX_BYTES: Final = 120.0
_EDGES: Final = 1.01
"""Sealed chunks of 64 KiB have 16 bytes more, and a range begins in one."""
_NOISE: Final = 1.05
_MIRROR: Final = 1.15
_STRIPE: Final = 1 / 2.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A ratio to another program."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One target, and what was reached; None if it was not measured."""

    work: str
    against: str
    limit: float
    reached: float | None
    digits: int = 2

    @property
    def met(self) -> bool | None:
        return None if self.reached is None else self.reached <= self.limit

    def cells(self) -> list[str]:
        reached = "-"
        if self.reached is not None:
            reached = f"{self.reached:,.{self.digits}f}"
        met = {True: "yes", False: "**no**", None: "not measured"}[self.met]
        limit = f"{self.limit:,.{self.digits}f}"
        return [self.work, self.against, limit, reached, met]


def verdicts(report: Report | None, sheets: Mapping[str, Sheet]) -> list[Verdict]:
    """All targets, in the order in which they are listed.

    Args:
        report: Of the programs side by side.
        sheets: Of the other parts, by name.
    """
    chain = sheets["chain"].rows if "chain" in sheets else []
    return [
        *(_of_target(report, target) for each in TARGETS for target in _both(each)),
        *_of_chain(chain),
        *_of_memory(report, chain, sheets),
        *_of_index(sheets),
        _peak(
            "`status`, `scrub`, `repair --dry-run` of a mirror, 100,000 objects on "
            "each of three stores: peak memory",
            [r["peak_mib"] for r in sheets["objects"].rows]
            if "objects" in sheets
            else [],
        ),
        *_of_routers(sheets),
    ]


def _of_routers(sheets: Mapping[str, Sheet]) -> Iterator[Verdict]:
    rows = sheets["routers"].rows if "routers" in sheets else []
    yield Verdict(
        work="full backup of 1 GiB to a mirror of three stores, each 40 MB/s: time",
        against="the same to one of them",
        limit=_MIRROR,
        reached=ratio(rows, "full", "mirror"),
    )
    yield Verdict(
        work="restore of 1 GiB from a stripe over three stores, each 40 MB/s: time",
        against="the same from one of them",
        limit=_STRIPE,
        reached=ratio(rows, "restore", "stripe"),
    )


def _both(target: Target) -> Iterator[Target]:
    """What takes time against restic, also against its settings that compress."""
    yield target
    if (target.against, target.what) == ("restic", "wall_s"):
        yield replace(target, against="restic, compressed")


def _of_target(report: Report | None, target: Target) -> Verdict:
    ratio = None
    if report:
        place = (target.what, target.corpus, target.work)
        own = report.median(*place, OURS)
        best = report.least(*place, RIVALS[target.against])
        ratio = own / best if own is not None and best else None
    return Verdict(
        work=f"{target.work}, {target.corpus}: {WHAT[target.what]}",
        against=target.against,
        limit=target.limit,
        reached=ratio,
    )


def _of_chain(rows: list[Row]) -> Iterator[Verdict]:
    first = {(r["program"], r["work"]): r for r in rows if r["days"] == 0}
    last = {(r["program"], r["work"]): r for r in rows if r["days"]}
    one, everything = (OURS, "restore-one"), (OURS, "restore")
    restic = [
        last[name, "restore-one"]["wall_s"]
        for name in RIVALS["restic"]
        if (name, "restore-one") in last
    ]
    own = last.get(one)
    yield Verdict(
        work="restore one small file after 30 incremental backups: time",
        against="restic",
        limit=1.0,
        reached=own["wall_s"] / min(restic) if own and restic else None,
    )
    yield Verdict(
        work="the same",
        against="the same from the full backup alone, 5 % for noise",
        limit=_NOISE,
        reached=own["wall_s"] / first[one]["wall_s"] if own else None,
    )
    yield Verdict(
        work="the same: bytes read of volumes",
        against="(bytes)",
        limit=_ONE_READ_BYTES,
        reached=_read(own, "volume_bytes"),
        digits=0,
    )
    own = last.get(everything)
    yield Verdict(
        work="restore 1 GiB after 30 incremental backups: time",
        against="the same from the full backup alone",
        limit=1.3,
        reached=own["wall_s"] / first[everything]["wall_s"] if own else None,
    )
    read, needed = _read(own, "volume_bytes"), _read(own, "needed_bytes")
    yield Verdict(
        work="the same: bytes read of volumes",
        against="bytes that are needed, 1 % for the edges of chunks",
        limit=_EDGES,
        reached=read / needed if read and needed else None,
        digits=3,
    )
    yield Verdict(
        work="the same: volumes read that hold nothing of it",
        against="(volumes)",
        limit=0,
        reached=_read(own, "idle_volumes"),
        digits=0,
    )


def _read(row: Row | None, what: str) -> float | None:
    reads: Any = row["reads"] if row else None
    return float(reads[what]) if reads else None


def _of_memory(
    report: Report | None, chain: list[Row], sheets: Mapping[str, Sheet]
) -> Iterator[Verdict]:
    peaks = [r["peak_mib"] for r in chain if r["program"] == OURS]
    if report:
        peaks += [f.together_mib for f in report.figures if f.program == OURS]
    yield _peak("peak memory, all works above", peaks)
    simulated = sheets["tebibyte"].rows if "tebibyte" in sheets else []
    yield _peak(
        "peak memory, a simulated source of 1 TiB",
        [r["peak_mib"] for r in simulated if r["files"] > 1],
    )
    yield _peak(
        "peak memory, one simulated file of 256 GiB",
        [r["peak_mib"] for r in simulated if r["files"] == 1],
    )


def _of_index(sheets: Mapping[str, Sheet]) -> Iterator[Verdict]:
    sheet = sheets.get("million")
    full = [r for r in sheet.rows if r["work"] == "full"] if sheet else []
    yield Verdict(
        work="index of a full backup of 1,000,000 files",
        against="(bytes for each file)",
        limit=_INDEX_BYTES,
        reached=full[0]["index_bytes"] / sheet.facts["files"]
        if sheet and full
        else None,
        digits=1,
    )
    yield _peak(
        "the same: peak memory, all works",
        [r["peak_mib"] for r in sheet.rows] if sheet else [],
        _INDEX_PEAK_MB,
    )


def _peak(work: str, peaks: list[float], limit: float = _PEAK_MB) -> Verdict:
    most = max(peaks) * 2**20 / 1e6 if peaks else None
    return Verdict(work=work, against="(MB)", limit=limit, reached=most, digits=0)
