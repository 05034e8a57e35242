"""If a path has a member, so have the hard links to it: `tar` alone relies on that.

Source: docs/format/native.md, "Volumes".
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine import Archive, open_archive
from tests.lost import listed
from tiered.archive.columns import IndexRow
from tiered.archive.fileinfo import FileType
from tiered.archive.paths import join_path
from tiered.archive.style import Style
from tiered.engine.backup import Action
from tiered.engine.native.hot import open_index
from tiered.testing.clocks import JumpingClock

LONG_AGO_S, LATER_S = 1_700_000_000.0, 1_900_000_000.0


def nothing(_: Path) -> None:
    """Only time passes."""


def content(source: Path) -> None:
    (source / "a").write_bytes(b"other content")


def long_content(source: Path) -> None:
    (source / "large").write_bytes(bytes(range(256)) * 400 + b"more")


def mode(source: Path) -> None:
    (source / "d" / "link").chmod(0o600)


def time(source: Path) -> None:
    os.utime(source / "a", (5, 5))


def extended(source: Path) -> None:
    os.setxattr(source / "a", "user.x", b"y")


def replaced(source: Path) -> None:
    (source / "new").write_bytes(b"new content")
    (source / "new").rename(source / "a")


def first_gone(source: Path) -> None:
    (source / "a").unlink()


def one_more(source: Path) -> None:
    (source / "z").hardlink_to(source / "a")


CHANGES = [
    nothing,
    content,
    long_content,
    mode,
    time,
    extended,
    replaced,
    first_gone,
    one_more,
]


@pytest.mark.parametrize("clock_s", [LONG_AGO_S, LATER_S], ids=["in doubt", "certain"])
@pytest.mark.parametrize("change", CHANGES)
def test_links_come_with_what_they_are_to(
    change: Callable[[Path], None], clock_s: float, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    (source / "d").mkdir(parents=True)
    (source / "a").write_bytes(b"content")
    (source / "d" / "link").hardlink_to(source / "a")
    (source / "m").hardlink_to(source / "a")
    (source / "large").write_bytes(bytes(range(256)) * 400)
    (source / "large too").hardlink_to(source / "large")
    archive = open_archive(tmp_path, clock=JumpingClock(clock_s), style=Style.TIERED)
    archive.back_up(source)
    archive.clock.sleep_s(1000)
    change(source)
    archive.back_up(source, Action.INC)
    full, inc = indexes(archive)
    state = full | inc
    members = {path for path, row in inc.items() if row.type}
    links = {
        path: row.link for path, row in state.items() if row.type is FileType.HARDLINK
    }
    assert links
    assert {path for path, first in links.items() if first in members} <= members
    if change not in (nothing, one_more):
        assert members


def indexes(archive: Archive) -> list[dict[bytes, IndexRow]]:
    """The rows of each set."""
    found = []
    collection = listed(archive)
    for backup_set in sorted(collection.sets, key=lambda s: s.id):
        with open_index(archive.context, collection, backup_set) as reader:
            found.append({join_path(row.path): row for row in reader})
    return found
