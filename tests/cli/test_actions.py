"""Every action in the words of duplicity, for archives of both styles."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.machine import PASSPHRASE, Machine, Result
from tiered.archive.style import Style
from tiered.testing.tree import Seen, differences, snapshot

DAY_S = 86_400
START_S = 1_800_000_000

Say = Callable[..., Result]


@pytest.fixture(params=Style, ids=lambda style: style.value)
def style(request: pytest.FixtureRequest) -> Style:
    found = request.param
    assert isinstance(found, Style)
    return found


@pytest.fixture(params=["multi", "file"])
def say(
    request: pytest.FixtureRequest,
    style: Style,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Say:
    """Run a command line on a day of an archive, which the first one begins."""
    monkeypatch.setenv("PASSPHRASE", PASSPHRASE)
    sealed = style is Style.TIERED and request.param == "multi"  # gpg is slow
    option = "--scrypt-work-factor=3" if sealed else "--no-encryption"
    machine = Machine(root=tmp_path, options=(option,))
    url = machine.url if request.param == "multi" else f"file://{tmp_path}/hot"
    chosen = [f"--style={style.value}"]

    def say(*words: str | Path, day: int = 0, status: int = 0) -> Result:
        now = f"--current-time={START_S + day * DAY_S}"
        given = [url if word == "URL" else word for word in words]
        result = machine.run(*given, now, *chosen)
        chosen.clear()  # from then on it is known
        assert result.status == status, result.err
        return result

    return say


def write(file: Path, text: str, mtime_s: int) -> None:
    """Style duplicity sees no change within a second."""
    file.write_text(text)
    os.utime(file, (mtime_s, mtime_s))


def test_from_full_to_remove(say: Say, style: Style, tmp_path: Path) -> None:
    source = tmp_path / "source"
    trees: list[dict[bytes, Seen]] = []

    def state(text: str) -> None:
        write(source / "file", text, START_S + len(trees))
        (source / text).write_text("")
        trees.append(snapshot(source))

    for day, action in enumerate(("full", "inc", "incr", "incremental", "backup", "")):
        state(f"day {day}")
        words = (action, "SOURCE", "URL") if action else ("SOURCE", "URL")
        said = say(*words, day=day).out
        assert said.startswith("wrote full " if day == 0 else "wrote inc ")
    state("day 6")
    older = ("--full-if-older-than", "3D")
    assert say("inc", "SOURCE", "URL", *older, day=6).out.startswith("wrote full ")

    for action in ("collection-status", "status", "st"):
        chains = json.loads(say(action, "URL", "--json", day=7).out)["chains"]
        assert [len(chain) for chain in chains] == [6, 1]
        assert {each["style"] for chain in chains for each in chain} == {style.value}
    for action in ("list-current-files", "list", "ls"):
        listed = say(action, "URL", day=7).out.splitlines()
        assert len(listed) == len(trees[6])
    assert "day 3" not in say("list", "URL", "-t", "5D", day=7).out

    for number, verb in enumerate((("restore",), ("rb",), ())):
        out = tmp_path / f"out{number}"
        say(*verb, "URL", out, day=7)
        assert differences(trees[6], snapshot(out)) == []
    for day in (0, 4):
        out = tmp_path / f"day {day}"
        say("restore", "URL", out, "--time", str(START_S + day * DAY_S), day=7)
        assert differences(trees[day], snapshot(out)) == []
    one = tmp_path / "one"
    say("restore", "URL", one, "--path-to-restore", "file", day=7)
    assert one.read_text() == "day 6"
    say("restore", "URL", one, "-r", "file", day=7, status=11)
    say("restore", "URL", one, "-r", "file", "-t", "4D", "--force", day=7)
    assert one.read_text() == "day 3"

    assert "would delete full" in say("remove-older-than", "2D", "URL", day=8).out
    assert len(say("status", "URL", day=8).out.splitlines()) >= 9
    say("remove-older-than", "2D", "URL", "--force", day=8)
    (chain,) = json.loads(say("status", "URL", "--json", day=8).out)["chains"]
    assert [each["type"] for each in chain] == ["full"]
    assert say("cleanup", "URL", day=8).out == "nothing to delete\n"
    say("restore", "URL", tmp_path / "last", day=8)
    assert differences(trees[6], snapshot(tmp_path / "last")) == []


def test_cleanup_removes_what_an_interrupted_run_left(
    say: Say, style: Style, tmp_path: Path
) -> None:
    say("full", "SOURCE", "URL")
    before = {p.name for p in (tmp_path / "hot").iterdir()}
    say("inc", "SOURCE", "URL", day=1)
    (manifest,) = (tmp_path / "hot").glob(f"*{style.value}-inc*manifest*")
    manifest.unlink()
    shutil.rmtree(tmp_path / "cache")
    assert "incomplete (1)" in say("status", "URL", day=9).out
    assert "would delete inc" in say("cleanup", "URL", day=9).out
    assert "deleted inc" in say("cl", "URL", "--force", day=9).out
    assert {p.name for p in (tmp_path / "hot").iterdir()} == before


def test_a_chain_of_the_other_style_beside_the_first(
    say: Say, style: Style, tmp_path: Path
) -> None:
    """The newest chain says what comes next; both are restored."""
    (other,) = set(Style) - {style}
    source = tmp_path / "source"
    trees: list[dict[bytes, Seen]] = []
    for day, words in enumerate(
        [("full",), ("inc",), ("full", f"--style={other.value}"), ("inc",), ("full",)]
    ):
        write(source / "file", f"{day}", START_S + day)
        trees.append(snapshot(source))
        say(*words, "SOURCE", "URL", day=day)
    chains = json.loads(say("status", "URL", "--json", day=9).out)["chains"]
    assert [[each["style"] for each in chain] for chain in chains] == [
        [style.value] * 2,
        [other.value] * 2,
        [other.value],
    ]
    for day, tree in enumerate(trees):
        out = tmp_path / f"out{day}"
        say("restore", "URL", out, "-t", str(START_S + day * DAY_S), day=9)
        assert differences(tree, snapshot(out)) == []
