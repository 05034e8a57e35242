"""What a run found: raw figures, as JSON, and their medians."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Self

VERSION = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One program, one work, one round."""

    corpus: str
    work: str
    program: str
    round: int
    wall_s: float
    cpu_s: float
    peak_mib: float
    """Of the largest process."""
    together_mib: float
    """Of all processes at one time."""
    stored_bytes: int
    """In the store afterwards."""
    new_bytes: int
    """How much more than before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One that took part."""

    name: str
    version: str
    settings: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """Why a figure, or all figures of a program, are not there."""

    program: str
    text: str


@dataclass(slots=True, kw_only=True)
class Report:
    """One run."""

    date: str
    machine: dict[str, Any]
    scale: float
    rounds: int
    floor_mib: float = 0.0
    load_before: tuple[float, ...] = ()
    load_after: tuple[float, ...] = ()
    sources: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Corpus -> how many files it has, and their bytes."""
    programs: list[Program] = field(default_factory=list)
    left_out: list[Remark] = field(default_factory=list)
    failures: list[Remark] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)

    def write(self, path: Path) -> None:
        new = path.with_name(path.name + ".new")
        data = {"version": VERSION, **asdict(self)}
        rows = ",\n  ".join(json.dumps(figure) for figure in data.pop("figures"))
        head = json.dumps(data, indent=1).removesuffix("\n}")
        new.write_text(f'{head},\n "figures": [\n  {rows}\n ]\n}}\n')
        new.replace(path)

    @classmethod
    def read(cls, path: Path) -> Self:
        """What `write` wrote.

        Raises:
            ValueError: It is of another version.
        """
        data = json.loads(path.read_text())
        if data.pop("version", None) != VERSION:
            raise ValueError(f"{path} is not a report of version {VERSION}")
        for name, kind in (
            ("programs", Program),
            ("left_out", Remark),
            ("failures", Remark),
            ("figures", Figure),
        ):
            data[name] = [kind(**item) for item in data[name]]
        for name in ("load_before", "load_after"):
            data[name] = tuple(data[name])
        data["sources"] = {n: tuple(found) for n, found in data["sources"].items()}
        return cls(**data)

    def corpora(self) -> Sequence[str]:
        return _in_order(f.corpus for f in self.figures)

    def works(self, corpus: str) -> Sequence[str]:
        return _in_order(f.work for f in self.figures if f.corpus == corpus)

    def median(self, what: str, corpus: str, work: str, program: str) -> float | None:
        """Of one field of the figures; None if there is none."""
        wanted = (corpus, work, program)
        found = [
            float(getattr(f, what))
            for f in self.figures
            if (f.corpus, f.work, f.program) == wanted
        ]
        return median(found) if found else None

    def least(
        self, what: str, corpus: str, work: str, programs: Iterable[str]
    ) -> float | None:
        """The smallest of the programs' medians."""
        found = (self.median(what, corpus, work, program) for program in programs)
        return min((m for m in found if m is not None), default=None)


def _in_order(names: Iterable[str]) -> Sequence[str]:
    return tuple(dict.fromkeys(names))
