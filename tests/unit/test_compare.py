"""tiered.rsync.compare against rdiff: what it finds, and files that change."""

import os
import subprocess
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import ParamSpec, TypeVar

import pytest
from blake3 import blake3

from tiered.errors import ArchiveDamaged, SourceError
from tiered.rsync import Kind, signature_of
from tiered.rsync.commands import Command, Copy, Literal
from tiered.rsync.compare import Change, compare
from tiered.rsync.encoding import delta_layout, encode_delta
from tiered.rsync.search import Finder
from tiered.rsync.sums import (
    KnownSums,
    Sums,
    join_sums,
    native_block_len,
    piece_sums,
)

MIB = 1 << 20
OLD = Random(1).randbytes(4 * MIB + 12_345)
FRESH = Random(2).randbytes(4 * MIB)

P = ParamSpec("P")
T = TypeVar("T")


def sums_of(data: bytes, block_len: int = 4096) -> Sums:
    pieces = [data[start : start + MIB] for start in range(0, len(data), MIB)]
    return join_sums([piece_sums(piece, block_len) for piece in pieces], block_len)


OLD_SUMS = sums_of(OLD)


def change_to(path: Path, new: bytes, pool: Executor | None = None) -> Change:
    path.write_bytes(new)
    with path.open("rb") as file:
        return compare(file.fileno(), len(new), OLD_SUMS, len(OLD), pool)


def overwritten(places: list[int], length: int) -> bytes:
    new = bytearray(OLD)
    for number, place in enumerate(places):
        new[place : place + length] = FRESH[number * length : (number + 1) * length]
    return bytes(new)


EDITS: dict[str, tuple[bytes, int]] = {
    "the same": (OLD, 0),
    "pages rewritten": (overwritten(list(range(0, 4 * MIB, 200 << 10)), 4096), 86_016),
    "a MiB in front": (FRESH[:MIB] + OLD, MIB),
    "an odd number of bytes in front": (FRESH[:500_001] + OLD, 500_001 + 4096),
    "one byte in front": (b"x" + OLD, 4097),
    "one byte in the middle": (OLD[: MIB + 9] + b"x" + OLD[MIB + 9 :], 8192),
    "one byte less": (OLD[: 2 * MIB + 9] + OLD[2 * MIB + 10 :], 8192),
    "a page less in front": (OLD[4096:], 0),
    "in and out in one block": (
        OLD[:20_000] + b"in" + OLD[20_000:60_000] + OLD[60_002:],
        3 * 4096,
    ),
    "halves swapped": (OLD[2_222_222:] + OLD[:2_222_222], 3 * 4096),
    "appended": (OLD + FRESH[:70_000], 70_000 + 4096),
    "cut": (OLD[: 3 * MIB + 5], 4096),
    "zeros in between": (OLD[:MIB] + bytes(MIB) + OLD[MIB:], MIB),
    "all is new": (FRESH, len(FRESH)),
    "empty": (b"", 0),
}


@pytest.mark.parametrize("edit", EDITS)
def test_rdiff_takes_the_delta_and_it_is_small(tmp_path: Path, edit: str) -> None:
    new, literal_bytes = EDITS[edit]
    change = change_to(tmp_path / "new", new)
    parts = list(encode_delta(change.commands, lambda at, n: new[at : at + n]))
    (tmp_path / "old").write_bytes(OLD)
    (tmp_path / "delta").write_bytes(b"".join(parts))
    run_rdiff("patch", tmp_path / "old", tmp_path / "delta", tmp_path / "patched")
    assert (tmp_path / "patched").read_bytes() == new
    assert max(map(len, parts)) <= MIB
    assert change.literal_bytes <= literal_bytes
    assert change.size == len(new)
    assert change.hash == blake3(new).digest()
    assert change.sums == sums_of(new)


def run_rdiff(*arguments: str | Path) -> None:
    subprocess.run(["rdiff", *map(str, arguments)], check=True, capture_output=True)


@pytest.mark.parametrize("size", [0, 1, 4096, 65_536, 65_537, len(OLD)])
def test_signature_is_that_of_rdiff(tmp_path: Path, size: int) -> None:
    (tmp_path / "old").write_bytes(OLD[:size])
    run_rdiff(
        *("-H", "blake2", "-R", "rabinkarp", "-b", "4096", "-S", "16"),
        *("signature", tmp_path / "old", tmp_path / "signature"),
    )
    assert sums_of(OLD[:size]).signature == (tmp_path / "signature").read_bytes()


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, 4096),
        (8 << 30, 4096),
        ((8 << 30) + 1, 8192),
        (1 << 40, 512 << 10),
        (1 << 50, 512 << 10),
    ],
)
def test_block_length(size: int, expected: int) -> None:
    assert native_block_len(size) == expected


def test_a_long_literal_is_cut_alike_in_layout_and_delta() -> None:
    length = (16 << 20) + 100
    asked: list[tuple[int, int]] = []

    def read(offset: int, length: int) -> bytes:
        asked.append((offset, length))
        return bytes(length)

    commands: list[Command] = [Copy(5, 10), Literal(10, length), Copy(0, 1)]
    delta = b"".join(encode_delta(commands, read))
    size, placed = delta_layout(commands)
    assert size == len(delta)
    assert placed == (
        *(Copy(5, 10), Literal(4 + 3 + 5, 16 << 20)),
        *(Literal(12 + (16 << 20) + 2, 100), Copy(0, 1)),
    )
    assert max(length for _, length in asked) == MIB
    assert sum(length for _, length in asked) == length


def test_literals_of_a_file_that_became_shorter() -> None:
    with pytest.raises(SourceError, match="50 of 100 bytes"):
        list(encode_delta([Literal(0, 100)], lambda _, length: bytes(length // 2)))


class Meddler(Executor):
    """Changes the file when the first work comes, and does the work at once."""

    def __init__(self, meddle: Callable[[], object]) -> None:
        self._meddle: Callable[[], object] | None = meddle

    def submit(
        self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        if self._meddle is not None:
            self._meddle()
            self._meddle = None
        future: Future[T] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


BIG = Random(3).randbytes(20 * MIB)


def test_a_file_that_becomes_shorter_is_described_as_far_as_it_was_read(
    tmp_path: Path,
) -> None:
    path = tmp_path / "new"
    left = 15 * MIB + 77
    change = change_to(path, BIG, Meddler(lambda: os.truncate(path, left)))
    assert change.size == left
    assert change.hash == blake3(BIG[:left]).digest()
    assert change.sums == sums_of(BIG[:left])
    assert change.commands == (Literal(0, left),)


def test_what_a_growing_file_has_more_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "new"

    def grow() -> None:
        with path.open("ab") as file:
            file.write(FRESH)

    change = change_to(path, OLD, Meddler(grow))
    assert path.stat().st_size > len(OLD)
    assert change.size == len(OLD)
    assert change.commands == (Copy(0, len(OLD)),)


def test_hash_and_commands_are_of_the_same_bytes(tmp_path: Path) -> None:
    """Someone writes over the whole file when its first 12 MiB were read."""
    path = tmp_path / "new"
    other = Random(4).randbytes(20 * MIB)

    def overwrite() -> None:
        path.write_bytes(other)

    new = OLD + BIG[len(OLD) :]
    change = change_to(path, new, Meddler(overwrite))
    read = 12 * MIB
    seen = new[:read] + other[read:]
    assert change.hash == blake3(seen).digest()
    assert change.sums == sums_of(seen)
    literals = [
        seen[c.offset : c.offset + c.length]
        for c in change.commands
        if isinstance(c, Literal)
    ]
    assert change.literal_hash == blake3(b"".join(literals)).digest()
    assert change.commands[0] == Copy(0, len(OLD))


def test_all_threads_of_the_pool_may_compare(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        path = tmp_path / "new"
        change = pool.submit(change_to, path, EDITS["one byte less"][0], pool)
        assert change.result(60).literal_bytes <= 8192


def test_too_many_commands_end_in_one_literal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tiered.rsync.compare._BYTES_PER_COMMAND", 256 << 10)
    old = Random(5).randbytes(40 * MIB)
    new = bytearray(old)
    for place in range(0, len(new), 8192):
        new[place] ^= 1
    path = tmp_path / "new"
    path.write_bytes(new)
    with path.open("rb") as file:
        change = compare(file.fileno(), len(new), sums_of(old), len(old))
    assert len(change.commands) == 4096 + 40 * 4 + 1
    last = change.commands[-1]
    assert isinstance(last, Literal)
    assert last.offset + last.length == len(new)
    assert change.sums == sums_of(bytes(new))


@pytest.mark.parametrize(
    ("signature", "blocks"),
    [
        (OLD_SUMS.signature[:-20], OLD_SUMS.blocks),
        (OLD_SUMS.signature[:-1], OLD_SUMS.blocks),
        (OLD_SUMS.signature, OLD_SUMS.blocks[:-16]),
        (OLD_SUMS.signature, OLD_SUMS.blocks[:] + bytes(16)),
        (signature_of(OLD, 2048, Kind.RK_BLAKE2, 16), OLD_SUMS.blocks),
        (signature_of(OLD, 5000, Kind.RK_BLAKE2, 16), OLD_SUMS.blocks),
        (signature_of(OLD, MIB, Kind.RK_BLAKE2, 16), OLD_SUMS.blocks),
        (signature_of(OLD, 1 << 17, Kind.RK_BLAKE2, 16), OLD_SUMS.blocks),
        (signature_of(OLD, 4096, Kind.RK_BLAKE2, 20), OLD_SUMS.blocks),
        (signature_of(OLD, 4096, Kind.BLAKE2, 16), OLD_SUMS.blocks),
        (b"", OLD_SUMS.blocks),
    ],
)
def test_sums_that_are_not_those_of_the_old_version(
    signature: bytes, blocks: bytes
) -> None:
    with pytest.raises(ArchiveDamaged):
        compare(0, 1, Sums(signature, blocks), len(OLD))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with (tmp_path / "new").open("wb") as file, pytest.raises(OSError, match="descr"):
        compare(file.fileno(), 10, OLD_SUMS, len(OLD))


def test_a_few_short_gaps_are_not_looked_up_until_they_add_up() -> None:
    finder = Finder(KnownSums(OLD_SUMS, len(OLD)), 512 * MIB)
    assert finder.passes(MIB - 8192)
    assert not finder.passes(8193)
    assert finder.passes(8192)
    assert not finder.passes(1)
