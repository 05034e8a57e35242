"""Deltas that would fill the memory of who makes an index again."""

from pathlib import Path

import pytest

from tests.emergency.chain import FIRST, FULL, Node, folder, write_set
from tests.engine import open_archive
from tests.lost import rebuild
from tiered.archive.members import Role
from tiered.archive.style import Style
from tiered.codec.envelope import PlainEnvelope
from tiered.engine.native.rebuild import members

MAGIC, END = b"rs\x026", b"\0"
OLD = bytes(range(100))


def copies(*offsets: int) -> bytes:
    """A delta that copies one byte from each place."""
    return MAGIC + b"".join(bytes([0x45, at, 1]) for at in offsets) + END


def failure(delta: bytes, tmp_path: Path) -> str:
    """Why a set with this delta cannot be made again; "" if it can."""
    archive = open_archive(tmp_path, style=Style.TIERED)
    store = tmp_path / "store"
    write_set(store, FULL, {b"": folder(), b"x": Node(content=OLD)}, PlainEnvelope())
    changed = {b"x": Node(Role.DIFF, b"", delta)}
    write_set(store, FIRST, changed, PlainEnvelope())
    return rebuild(archive).failed.get(FIRST, "")


def test_one_that_makes_more_extents_than_a_writer_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "MOST_EXTENTS", 9)
    assert "too many extents" in failure(copies(*range(0, 20, 2)), tmp_path)


def test_as_many_as_a_writer_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "MOST_EXTENTS", 9)
    joined = [*range(50, 70), *range(0, 16, 2)]  # neighbours are one
    assert failure(copies(*joined), tmp_path) == ""


def test_one_of_too_many_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "MOST_COMMANDS", 9)
    assert "too long" in failure(copies(*range(10)), tmp_path)


@pytest.mark.parametrize(
    "delta",
    [
        MAGIC + b"\x45\x64\x01" + END,
        MAGIC + b"\x54" + b"\xff" * 16 + END,
        MAGIC + b"\x44" + b"\xff" * 8 + b"x" + END,
        MAGIC + b"\x45\x00",
        MAGIC,
        b"rs\x01\x36" + END,
        b"",
    ],
    ids=["behind", "huge copy", "huge literal", "cut", "no end", "magic", "empty"],
)
def test_one_that_is_none(delta: bytes, tmp_path: Path) -> None:
    assert failure(delta, tmp_path)
