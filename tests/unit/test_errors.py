"""Errors are an interface: codes, statuses, and a page for each."""

import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tiered import errors
from tiered.errors import StoreError, TieredError

PAGES = Path(__file__).parents[2] / "docs" / "errors"
HEADINGS = ["What it means", "Possible causes", "What to do"]
ROW = re.compile(r"^\| \[([a-z-]+)\]\(([a-z-]+)\.md\) \| (\d+) \| (.+) \|$", re.M)


def subclasses(kind: type[TieredError]) -> Iterator[type[TieredError]]:
    yield kind
    for each in kind.__subclasses__():
        if each.__module__ == errors.__name__:
            yield from subclasses(each)


CLASSES = tuple(subclasses(TieredError))
each_class = pytest.mark.parametrize("kind", CLASSES, ids=lambda k: k.__name__)


@each_class
def test_a_code_belongs_to_one_class(kind: type[TieredError]) -> None:
    assert "code" in vars(kind), "inherited from its parent"
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", kind.code)
    assert [k for k in CLASSES if k.code == kind.code] == [kind]


@each_class
def test_a_status_is_shared_with_relatives_only(kind: type[TieredError]) -> None:
    same = [k for k in CLASSES if k.exit_status == kind.exit_status]
    assert 1 <= kind.exit_status <= 130
    assert any(all(issubclass(k, parent) for k in same) for parent in same)


@each_class
def test_a_page_explains_it(kind: type[TieredError]) -> None:
    lines = (PAGES / f"{kind.code}.md").read_text().splitlines()
    assert lines[0] == f"# {kind.code}"
    assert [x[3:] for x in lines if x.startswith("## ")] == HEADINGS
    assert f"Exit status {kind.exit_status}." in lines
    assert 8 <= len(lines) <= 24


def test_the_table_has_every_code_with_its_status() -> None:
    rows = ROW.findall((PAGES / "README.md").read_text())
    assert all(code == page for code, page, _, _ in rows)
    assert {code: int(status) for code, _, status, _ in rows} == {
        k.code: k.exit_status for k in CLASSES
    }
    assert len(rows) == len(CLASSES)


def test_no_page_is_left_over() -> None:
    pages = {p.stem for p in PAGES.glob("*.md")} - {"README"}
    assert pages == {k.code for k in CLASSES}


@each_class
def test_it_survives_pickling(kind: type[TieredError]) -> None:
    error = kind("a thing broke", hint="Mend it.", wait_s=3.5, size_bytes=7)
    error.add_note("gave up after 2 attempts")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert str(copy) == "a thing broke"
    assert (copy.hint, copy.wait_s, copy.facts) == ("Mend it.", 3.5, {"size_bytes": 7})
    assert copy.__notes__ == error.__notes__


@pytest.mark.parametrize("kind", list(subclasses(StoreError)))
def test_every_failure_of_a_store_tells_what_to_do(kind: type[StoreError]) -> None:
    assert "usual_hint" in vars(kind), "inherited from its parent"
    assert re.fullmatch(r"[A-Z][^\n]*\.", kind("it failed").hint)
    assert kind("it failed", hint="Do so.").hint == "Do so."
