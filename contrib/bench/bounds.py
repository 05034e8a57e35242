"""Where the time goes: what each stage of a work takes at the limit of this machine.

The sum of all stages is the processor time that a program would need whose every
stage is as fast as the library it calls [contrib.bench.limits], and that does
nothing else; what is measured beyond it is what is left to gain.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from contrib.bench.results import Report
from contrib.bench.sheet import Sheet

_KINDS: Final = ("random", "text", "image", "database")
"""Of corpus B, a quarter each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A part of a work: how often or how much, and the limit that applies."""

    what: str
    amount: float
    """Bytes, files or times."""
    limit: str
    """As `contrib.bench.limits` calls it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Corpus:
    files: int
    source_bytes: int
    stored_bytes: int


def _full_a(c: _Corpus) -> Iterator[Stage]:
    yield Stage(what="look", amount=c.files, limit="scandir, lstat; disk")
    yield Stage(what="read", amount=c.files, limit="open, read, close; disk")
    yield Stage(what="hash", amount=c.source_bytes, limit="BLAKE3, 8 KiB at a time")
    yield Stage(
        what="compress", amount=c.source_bytes, limit="zstd as for small files, text"
    )
    yield from _store(c)


def _full_b(c: _Corpus) -> Iterator[Stage]:
    read = "read, a MiB at a time, cached; disk"
    yield Stage(what="read", amount=c.source_bytes, limit=read)
    yield Stage(what="hash", amount=c.source_bytes, limit="BLAKE3")
    sums = "sums of style tiered, a MiB at a time"
    yield Stage(what="sums", amount=c.source_bytes, limit=sums)
    large = "zstd as for large files"
    for kind in _KINDS:
        share = c.source_bytes / len(_KINDS)
        yield Stage(what="compress", amount=share, limit=f"{large}, {kind}")
    yield from _store(c)


def _store(c: _Corpus) -> Iterator[Stage]:
    sealed = "ChaCha20-Poly1305, 64 KiB at a time"
    yield Stage(what="encrypt", amount=c.stored_bytes, limit=sealed)
    yield Stage(what="hash what is stored", amount=c.stored_bytes, limit="BLAKE3")
    yield Stage(what="store", amount=c.stored_bytes, limit="write, sync; disk")


def _unchanged(c: _Corpus) -> Iterator[Stage]:
    yield Stage(what="look", amount=c.files, limit="scandir, lstat; disk")


def _restore_a(c: _Corpus) -> Iterator[Stage]:
    yield from _open(c)
    yield Stage(what="decompress", amount=c.source_bytes, limit="zstd 3, text")
    yield Stage(what="hash", amount=c.source_bytes, limit="BLAKE3, 8 KiB at a time")
    made = "create, write 8 KiB, set time, close; memory"
    yield Stage(what="make files", amount=c.files, limit=made)


def _restore_b(c: _Corpus) -> Iterator[Stage]:
    yield from _open(c)
    for kind in _KINDS:
        share = c.source_bytes / len(_KINDS)
        yield Stage(what="decompress", amount=share, limit=f"zstd 3, {kind}")
    yield Stage(what="hash", amount=c.source_bytes, limit="BLAKE3")
    yield Stage(what="write", amount=c.source_bytes, limit="write; memory")


def _open(c: _Corpus) -> Iterator[Stage]:
    yield Stage(what="key", amount=1, limit="scrypt, 2^17")
    sealed = "ChaCha20-Poly1305, 64 KiB at a time"
    yield Stage(what="decrypt", amount=c.stored_bytes, limit=sealed)


_WORKS: Final[Mapping[tuple[str, str], Callable[[_Corpus], Iterator[Stage]]]] = {
    ("full", "A"): _full_a,
    ("full", "B"): _full_b,
    ("unchanged", "A"): _unchanged,
    ("restore", "A"): _restore_a,
    ("restore", "B"): _restore_b,
}
_START: Final = Stage(what="start", amount=1, limit="tiered, which says its version")
_NAMED: Final = ("compress", "decompress", "encrypt", "decrypt")
"""Stages whose limits have the names of others."""


def rows(report: Report, limits: Sheet, program: str = "tiered") -> list[list[str]]:
    """Work, stage, amount, limit, seconds; each work ends with its sum."""
    found = []
    cores = int(limits.machine["cores"])
    for (work, corpus), stages in _WORKS.items():
        wall_s = report.median("wall_s", corpus, work, program)
        cpu_s = report.median("cpu_s", corpus, work, program)
        stored = report.median("stored_bytes", corpus, "full", program)
        if wall_s is None or cpu_s is None or stored is None:
            continue
        files, source_bytes = report.sources[corpus]
        extent = _Corpus(
            files=files, source_bytes=source_bytes, stored_bytes=int(stored)
        )
        total = 0.0
        for stage in (_START, *stages(extent)):
            row, seconds = _row(stage, limits)
            found.append([f"{work}, {corpus}", *row])
            total += seconds
        found.append(
            [
                f"**{work}, {corpus}**",
                "**all of it**",
                "",
                f"on {cores} cores {total / cores:.2f} s; measured {wall_s:.2f} s, of"
                f" processors {cpu_s:.2f} s",
                f"{total:.2f}",
            ]
        )
    return found


def _row(stage: Stage, limits: Sheet) -> tuple[list[str], float]:
    for limit in limits.rows:
        is_other = stage.what in _NAMED and limit["stage"] != stage.what
        if limit["what"] == stage.limit and limit["figure"] and not is_other:
            break
    else:
        return [stage.what, "", "not known", "-"], 0.0
    figure, unit = limit["figure"], limit["unit"]
    seconds, amount = _seconds(stage.amount, figure, unit)
    return [stage.what, amount, f"{number(figure)} {unit}", f"{seconds:.2f}"], seconds


def number(figure: float) -> str:
    """With as many digits as mean something."""
    digits = 0 if figure >= 100 else 1 if figure >= 1 else 2
    return f"{figure:,.{digits}f}"


def _seconds(amount: float, figure: float, unit: str) -> tuple[float, str]:
    if unit == "MB/s":
        return amount / 1e6 / figure, f"{amount / 1e6:,.0f} MB"
    if unit == "us each":
        return amount * figure / 1e6, f"{amount:,.0f}"
    return amount * figure, f"{amount:,.0f}"
