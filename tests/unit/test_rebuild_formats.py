"""Making hot objects again from volumes that no backup would write."""

import os
from pathlib import Path
from random import Random

import pytest

from tests.emergency.chain import (
    FIRST,
    FULL,
    PIECE,
    SECOND,
    Node,
    copy,
    delta,
    folder,
    gone,
    hard_link,
    same,
    write_set,
)
from tests.engine import open_archive
from tests.lost import (
    rebuild,
    sets,
)
from tiered.archive.style import Style
from tiered.codec.envelope import PlainEnvelope
from tiered.engine.native.rebuild import members
from tiered.engine.native.rebuild.members import ContentSums
from tiered.rsync import sums as native_sums
from tiered.rsync.sums import join_sums, native_block_len, piece_sums

BIG = Random(5).randbytes(3 * PIECE)
LONG = Random(6).randbytes(70_000)


def odd_chain(work: Path, store: Path) -> list[dict[bytes, bytes]]:
    """All that the format allows.  Files of each set."""
    changed = BIG[:6000] + b"changed" + BIG[6000:]
    grown = LONG + b"grown"
    again = grown[:100] + grown[200:]
    full = {
        b"": folder(),
        b"a": Node(content=BIG),
        b"b": same(b"a", BIG),
        b"c": same(b"b", BIG),
        b"d": Node(content=LONG),
        b"e": hard_link(b"c", BIG),
        b"g": Node(content=b""),
        b"h": same(b"g", b""),
    }
    first = {
        b"a": delta(BIG, changed, work),
        b"b": same(b"a", changed),
        b"c": copy(b"d", LONG, mode=0o600),
        b"d": delta(LONG, grown, work),
        b"f": same(b"c", LONG),
        b"g": gone(),
        b"i": same(b"d", grown),
    }
    second = {
        b"a": copy(b"i", grown),
        b"d": delta(grown, again, work),
        b"i": delta(grown, again, work),
    }
    states: list[dict[bytes, bytes]] = []
    steps = zip((FULL, FIRST, SECOND), (full, first, second), strict=True)
    for set_id, nodes in steps:
        write_set(store, set_id, nodes, PlainEnvelope(), cuts=len(nodes) - 1)
        state = {**(states[-1] if states else {})}
        for path, node in nodes.items():
            state.pop(path, None)
            if node.role.value != b"deleted" and path:
                state[path] = node.content
        states.append(state)
    states[1][b"e"] = states[2][b"e"] = LONG
    return states


def check_odd_chain(work: Path) -> None:
    archive = open_archive(work, style=Style.TIERED)
    states = odd_chain(work, work / "store")
    assert rebuild(archive).failed == {}
    for backup_set, state in zip(sets(archive), states, strict=True):
        target = work / f"out-{backup_set.id.end_s}"
        archive.restore(target, backup_set.id.end_s)
        found = {os.fsencode(p.name): p.read_bytes() for p in target.iterdir()}
        assert found == state
    assert rebuild(archive).made == []


def test_all_that_the_format_allows_is_understood(tmp_path: Path) -> None:
    check_odd_chain(tmp_path)


def test_sums_of_files_that_turn_out_long_are_made_in_a_second_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with files of more than 8 GiB."""
    monkeypatch.setattr(native_sums, "_MOST_BLOCKS", 4)
    assert native_block_len(len(LONG)) > native_block_len(0)
    check_odd_chain(tmp_path)


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (copy(b"nowhere", b""), "in the set before"),
        (copy(b".", b""), "in the set before"),
        (same(b"b", b""), "earlier in the set"),
    ],
)
def test_a_reference_to_nothing_is_damage(
    member: Node, message: str, tmp_path: Path
) -> None:
    archive = open_archive(tmp_path, style=Style.TIERED)
    store = tmp_path / "store"
    write_set(store, FULL, {b"": folder()}, PlainEnvelope())
    write_set(store, FIRST, {b"x": member}, PlainEnvelope())
    report = rebuild(archive)
    assert (report.made, list(report.failed)) == ([FULL], [FIRST])
    assert message in report.failed[FIRST]


def test_a_delta_in_a_full_set_is_damage(tmp_path: Path) -> None:
    archive = open_archive(tmp_path, style=Style.TIERED)
    members_ = {b"": folder(), b"x": delta(BIG, BIG, tmp_path)}
    write_set(tmp_path / "store", FULL, members_, PlainEnvelope())
    assert "in the set before" in rebuild(archive).failed[FULL]


@pytest.mark.parametrize(
    "size", [0, 1, 65_535, 65_536, 1 << 20, (1 << 20) + 5, 3 << 20]
)
@pytest.mark.parametrize("part", [999, 1 << 20])
def test_sums_do_not_depend_on_the_parts(size: int, part: int) -> None:
    data = Random(size).randbytes(size)
    found = ContentSums(4096)
    for at in range(0, size, part):
        found.update(data[at : at + part])
    pieces = [piece_sums(data, 4096)] if data else []
    assert found.sums() == join_sums(pieces, 4096)
    assert found.size == size
    assert found.fits


def test_what_is_not_known_is_no_hash_of_anything() -> None:
    assert ContentSums(4096).digest() != members.UNKNOWN
