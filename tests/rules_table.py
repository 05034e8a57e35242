"""docs/reference/stores.md: what the contract saw on each store.

The tests of the contract record what they see.  `make rules` writes the page from
that; every other run compares with it, so the page cannot say what is not so.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from string import ascii_lowercase
from typing import Final, Protocol

import pytest

from tiered.testing.contract import ALL, Check

PAGE: Final = Path(__file__).parents[1] / "docs/reference/stores.md"
HOLDS: Final = "ok"
NOT_OFFERED: Final = "no"
STALE: Final = "the table of stores is not what was seen: run `make rules`"
_PROPERTY: Final = "rule"

HEAD: Final = """\
<!-- Made by `make rules`, which runs the contract on every store; do not edit. -->

# Stores and rules

The contract of a store (`tiered/store.py`) is a list of rules, and a list of checks of
them. The checks run on every kind of store, against the server named here; each run
compares what it sees with this page. `tiered store check URL` runs them on a store of
yours: [guide](../guides/check-a-store.md).
"""
LEGEND: Final = """\
A number is a check above. *ok*: the rule holds. *no*: the store does not offer that,
and says so. A letter: it does not hold there, for the reason below, and nothing rests
on it. *Offers* are the capabilities beyond put, get, list and delete.
"""


class Store(Protocol):
    """What the page says of a store besides what was seen."""

    @property
    def extras(self) -> set[str]: ...
    @property
    def server(self) -> str: ...
    @property
    def exceptions(self) -> Mapping[str, str]: ...


Cells = Mapping[tuple[str, str], str]
"""Store and check -> `HOLDS`, `NOT_OFFERED` or the reason of an exception."""


def render(stores: Mapping[str, Store], cells: Cells) -> str:
    """The page.

    Raises:
        KeyError: A store was not seen with each check.
    """
    numbers = [str(n) for n, _ in enumerate(ALL, 1)]
    seen = [[cells[store, c.__name__] for c in ALL] for store in stores]
    told = (HOLDS, NOT_OFFERED)
    reasons = dict.fromkeys(cell for cell in chain(*seen) if cell not in told)
    letters = dict(zip(reasons, ascii_lowercase, strict=False))
    legend = (
        [n, c.rule, _text(c), f"`{c.__name__}`"]
        for n, c in zip(numbers, ALL, strict=True)
    )
    rows = (
        [
            f"`{name}`",
            store.server,
            ", ".join(sorted(store.extras)),
            *(letters.get(cell, cell) for cell in row),
        ]
        for (name, store), row in zip(stores.items(), seen, strict=True)
    )
    lines = [HEAD, "## Checks", ""]
    lines += _table(["no.", "rule", "what is checked", "name"], legend)
    lines += ["", "## Stores", "", LEGEND]
    lines += _table(["store", "tested against", "offers", *numbers], rows)
    lines += [""] + [f"- {letter}: {reason}." for reason, letter in letters.items()]
    return "\n".join(lines) + "\n"


def read_page(page: Path = PAGE) -> Cells:
    """What the committed page says; nothing if there is none."""
    text = page.read_text() if page.exists() else ""
    checks = re.findall(r"^\| \d+ \|.*\| `(\w+)` \|$", text, re.M)
    reasons = dict(re.findall(r"^- ([a-z]): (.*)\.$", text, re.M))
    return {
        (store, check): reasons.get(cell, cell)
        for store, row in re.findall(r"^\| `([\w-]+)` \| (.*) \|$", text, re.M)
        for check, cell in zip(checks, row.split(" | ")[2:], strict=True)
    }


def _text(check: Check) -> str:
    return f"{check.text} (optional)" if check.is_optional else check.text


def _table(head: Sequence[str], rows: Iterator[list[str]]) -> Iterator[str]:
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(row)} |"


# ---- how tests tell, and who writes --------------------------------------------


@dataclass
class Recorder:
    """Given to a test, to say what it saw."""

    node: pytest.Item
    committed: Cells
    """Empty while the page is being written."""

    def record(self, store: str, check: Check, cell: str) -> None:
        """Note it, and compare it with the page if that knows the store."""
        key = store, check.__name__
        self.node.user_properties.append((_PROPERTY, "\n".join((*key, cell))))
        assert self.committed.get(key, cell) == cell, STALE


@dataclass
class Writer:
    """Writes the page at the end of a run that was told to."""

    cells: dict[tuple[str, str], str] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            for name, value in report.user_properties:
                if name == _PROPERTY:
                    store, check, cell = str(value).split("\n")
                    self.cells[store, check] = cell

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        from tests.store_cases import STORES

        cells = {**read_page(), **self.cells}  # a run of some stores adds to the others
        try:
            PAGE.write_text(render(STORES, cells))
        except KeyError as missing:
            print(f"\n{PAGE.name} is not written: {missing} has not passed")
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-rules", action="store_true", help=f"write {PAGE.name} from this run"
    )


def pytest_configure(config: pytest.Config) -> None:
    is_worker = hasattr(config, "workerinput")
    if config.getoption("--write-rules") and not is_worker:
        config.pluginmanager.register(Writer())


@pytest.fixture
def rules(request: pytest.FixtureRequest) -> Recorder:
    """Where a test of the contract tells what it saw."""
    is_writing = request.config.getoption("--write-rules")
    return Recorder(request.node, {} if is_writing else read_page())
