"""What a part of the benchmark found, as JSON: rows, and where they come from.

`contrib.bench.run` compares programs and writes a `Report`; all other parts write
a sheet each.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from contrib.bench.measure import machine

VERSION = 1

Row = dict[str, Any]
"""What a row holds is the part's own affair."""


@dataclass(slots=True, kw_only=True)
class Sheet:
    """One run of one part."""

    part: str
    date: str
    machine: dict[str, Any]
    scale: float
    load_before: float
    load_after: float = 0.0
    rows: list[Row] = field(default_factory=list)
    facts: Row = field(default_factory=dict)
    """What holds for all rows."""
    remarks: list[str] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """As `path`, replacing what is there."""
        self.load_after = round(os.getloadavg()[0], 1)
        path.parent.mkdir(parents=True, exist_ok=True)
        data = {"version": VERSION, **asdict(self)}
        rows = ",\n  ".join(json.dumps(row) for row in data.pop("rows"))
        head = json.dumps(data, indent=1).removesuffix("\n}")
        path.write_text(f'{head},\n "rows": [\n  {rows}\n ]\n}}\n')

    @classmethod
    def read(cls, path: Path) -> Self:
        """What `write` wrote.

        Raises:
            ValueError: It is of another version.
        """
        data = json.loads(path.read_text())
        if data.pop("version", None) != VERSION:
            raise ValueError(f"{path} is not a sheet of version {VERSION}")
        return cls(**data)


def new_sheet(part: str, scale: float = 1.0) -> Sheet:
    """An empty one, of today and this machine."""
    return Sheet(
        part=part,
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        machine=machine(),
        scale=scale,
        load_before=round(os.getloadavg()[0], 1),
    )
