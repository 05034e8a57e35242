"""tiered.rsync against rdiff, python-rsync, damage and large files."""

import gzip
import io
import os
import random
import resource
import signal
import struct
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

import pyrsync
import pytest

from tiered.errors import ArchiveDamaged
from tiered.rsync import (
    MAX_BLOCK_LEN,
    DeltaMaker,
    Kind,
    Signature,
    SignatureMaker,
    block_len_for,
    delta_of,
    load_library,
    patch,
    patch_bytes,
    signature_header,
    signature_of,
)

OLD = random.Random(1).randbytes(100_000)
NEW = OLD[:30_000] + b"inserted" + OLD[30_000:60_000] + OLD[70_000:] + OLD[:999]
SIZES = (0, 1, 511, 512, 513, 5000, 100_000)
DELTA_MAGIC = bytes.fromhex("72730236")


def rdiff(*arguments: str | Path) -> None:
    subprocess.run(["rdiff", *map(str, arguments)], check=True, capture_output=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "old").write_bytes(OLD)
    (tmp_path / "new").write_bytes(NEW)
    return tmp_path


def our_delta(block_len: int = 512) -> bytes:
    with Signature(signature_of(OLD, block_len)) as signature:
        return delta_of(signature, NEW)


def copy_command(position: int, length: int) -> bytes:
    return b"\x54" + struct.pack(">QQ", position, length)


@pytest.mark.parametrize(
    ("size_bytes", "expected"),
    [
        (0, 512),
        (262_144, 512),
        (263_169, 1024),
        (1 << 20, 1024),
        (10**9, 31_744),
        (10**12, 1_000_448),
        (1 << 62, MAX_BLOCK_LEN),
    ],
)
def test_block_length_is_duplicitys(size_bytes: int, expected: int) -> None:
    assert block_len_for(size_bytes) == expected


def test_block_length_has_a_cap_in_steps_of_512() -> None:
    assert block_len_for(10**12, 2000) == 2048
    assert block_len_for(10, 1) == 512


def test_signature_of_the_documented_block() -> None:
    head = bytes.fromhex("727301360000020000000008")
    assert signature_of(b"", 512) == head
    assert signature_of(b"y" * 512, 512) == head + bytes.fromhex(
        "980030007abb6a444d5cb486"
    )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("block_len", [512, 1024])
def test_signature_is_rdiffs(tmp_path: Path, size: int, block_len: int) -> None:
    (tmp_path / "old").write_bytes(OLD[:size])
    options = ["-H", "md4", "-R", "rollsum", "-S", "8", "-b", str(block_len)]
    rdiff(*options, "signature", tmp_path / "old", tmp_path / "sig")
    assert signature_of(OLD[:size], block_len) == (tmp_path / "sig").read_bytes()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (Kind.BLAKE2, ["-H", "blake2", "-R", "rollsum"]),
        (Kind.RK_MD4, ["-H", "md4", "-R", "rabinkarp"]),
        (Kind.RK_BLAKE2, ["-H", "blake2", "-R", "rabinkarp"]),
    ],
)
def test_other_kinds_are_rdiffs(folder: Path, kind: Kind, options: list[str]) -> None:
    length = str(kind.default_strong_len)
    rdiff(
        *options, "-S", length, "-b", "700", "signature", folder / "old", folder / "s"
    )
    assert signature_of(OLD, 700, kind) == (folder / "s").read_bytes()
    with Signature(signature_of(OLD, 700, kind)) as signature:
        assert signature.kind is kind
        assert patch_bytes(OLD, delta_of(signature, NEW)) == NEW


def test_rdiff_applies_our_delta(folder: Path) -> None:
    (folder / "delta").write_bytes(our_delta())
    rdiff("patch", folder / "old", folder / "delta", folder / "out")
    assert (folder / "out").read_bytes() == NEW


def test_we_apply_rdiffs_delta(folder: Path) -> None:
    (folder / "sig").write_bytes(signature_of(OLD, 512))
    rdiff("delta", folder / "sig", folder / "new", folder / "delta")
    with (folder / "old").open("rb") as old, (folder / "delta").open("rb") as delta:
        old.seek(7)
        assert b"".join(patch(old, delta)) == NEW
        assert old.tell() == 7


def test_python_rsync_agrees() -> None:
    sig, delta, out = io.BytesIO(), io.BytesIO(), io.BytesIO()
    pyrsync.signature(io.BytesIO(OLD), sig, 8, pyrsync.RS_MD4_SIG_MAGIC, 512)
    assert signature_of(OLD, 512) == sig.getvalue()
    pyrsync.delta(io.BytesIO(NEW), io.BytesIO(sig.getvalue()), delta)
    assert patch_bytes(OLD, delta.getvalue()) == NEW
    pyrsync.patch(io.BytesIO(OLD), io.BytesIO(our_delta()), out)
    assert out.getvalue() == NEW


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
@pytest.mark.parametrize("step", [1, 333, 70_000])
def test_feeding_in_any_parts_gives_the_same(kind: type, step: int) -> None:
    maker = SignatureMaker(512)
    for start in range(0, len(OLD), step):
        maker.feed(kind(OLD[start : start + step]))
        maker.feed(b"")
    data = maker.finish()
    assert data == signature_of(OLD, 512)
    with Signature.from_stream(io.BytesIO(data)) as signature:
        maker_of_delta = DeltaMaker(signature)
        view = memoryview(NEW)
        parts = [maker_of_delta.feed(b"")]
        parts += [
            maker_of_delta.feed(view[i : i + step]) for i in range(0, len(NEW), step)
        ]
        parts.append(maker_of_delta.finish())
    assert patch_bytes(OLD, b"".join(parts)) == NEW


def test_signature_tells_its_head_and_serves_several_deltas() -> None:
    data = signature_of(OLD, 1024)
    assert signature_header(data) == (Kind.MD4.value, 1024, 8)
    with Signature(data) as signature:
        assert (signature.magic, signature.block_len) == (Kind.MD4.value, 1024)
        assert signature.strong_len == 8
        first, second = DeltaMaker(signature), DeltaMaker(signature)
        made = [first.feed(NEW), second.feed(OLD)]
    # both makers outlive the signature
    assert patch_bytes(OLD, made[0] + first.finish()) == NEW
    assert patch_bytes(OLD, made[1] + second.finish()) == OLD
    with pytest.raises(ValueError, match="closed"):
        DeltaMaker(signature)


def test_what_is_finished_or_not_allowed_is_refused() -> None:
    maker = SignatureMaker(512)
    maker.finish()
    for block_len, strong_len in ((0, 8), (MAX_BLOCK_LEN + 1, 8), (512, 0), (512, 17)):
        with pytest.raises(ValueError, match=r"block_len|strong sum"):
            SignatureMaker(block_len, strong_len=strong_len)
    with pytest.raises(BufferError):
        SignatureMaker(512).feed(memoryview(OLD)[::2])
    with pytest.raises((ValueError, ArchiveDamaged)):
        maker.feed(b"x")


@pytest.mark.parametrize("end", [0, 5, 11, 13, 15, 16, 23, -1])
def test_signature_cut_within_a_block_is_damaged(end: int) -> None:
    data = signature_of(OLD, 512)[:end]
    with pytest.raises(ArchiveDamaged, match="signature"):
        Signature(data)
    with pytest.raises(ArchiveDamaged, match="signature"):
        Signature.from_stream(io.BytesIO(data))


def test_signature_cut_between_blocks_still_makes_right_deltas() -> None:
    with Signature(signature_of(OLD, 512)[: 12 + 12 * 50]) as signature:
        assert patch_bytes(OLD, delta_of(signature, NEW)) == NEW


@pytest.mark.parametrize(
    "head",
    [(0x72730236, 512, 8), (0x72730136, 0, 8), (0x72730136, 1 << 31, 8)]
    + [(0x72730136, 512, n) for n in (0, 17, 1 << 31)],
)
def test_signature_with_an_impossible_head_is_damaged(head: tuple[int, ...]) -> None:
    with pytest.raises(ArchiveDamaged):
        Signature(struct.pack(">III", *head))


def test_damaged_deltas_are_damaged(capfd: pytest.CaptureFixture[str]) -> None:
    delta = our_delta()
    cut = [delta[:n] for n in (0, 3, 4, 6, len(delta) // 2, len(delta) - 1)]
    other = [
        b"junk" + delta,
        DELTA_MAGIC + b"\xff",
        delta + b"\0",
        delta + b"x" * 70_000,
    ]
    copies = [(len(OLD), 1), (len(OLD) - 1, 2), (1 << 62, 5), ((1 << 63) - 1, 5)]
    beyond = [DELTA_MAGIC + copy_command(*c) + b"\0" for c in (*copies, (1 << 63, 5))]
    for bad in cut + other + beyond:
        with pytest.raises(ArchiveDamaged, match="delta"):
            patch_bytes(OLD, bad)
    assert capfd.readouterr() == ("", "")  # librsync's own log stays silent


class Failing(io.BytesIO):
    error: BaseException = OSError(5, "pulled")

    def read(self, size: int | None = -1) -> bytes:
        raise self.error


@pytest.mark.parametrize("error", [OSError(5, "pulled"), KeyboardInterrupt("^C")])
def test_errors_of_the_old_version_come_out_as_they_are(error: BaseException) -> None:
    basis = Failing(OLD)
    basis.error = error
    parts = patch(basis, io.BytesIO(our_delta()))
    with pytest.raises(type(error)) as caught:
        list(parts)
    assert caught.value is error


def test_ctrl_c_while_c_calls_back_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    library = load_library()
    real = library.job_iter

    def interrupted(job: int, buffers: int) -> int:
        signal.raise_signal(signal.SIGINT)  # pending, as if it came within C
        return real(job, buffers)

    monkeypatch.setattr("tiered.rsync.patching.load_library", lambda: Altered())

    class Altered:
        job_iter = staticmethod(interrupted)

        def __getattr__(self, name: str) -> object:
            return getattr(library, name)

    with pytest.raises(KeyboardInterrupt):
        patch_bytes(OLD, our_delta())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_lost_answer_never_becomes_wrong_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[None] = []

    def pretends(*_: object) -> int:
        calls.append(None)
        return 0  # "here they are", and nothing was written or counted

    monkeypatch.setattr("tiered.rsync.patching._Copies.answer", pretends)
    with pytest.raises(RuntimeError, match="did not get"):
        patch_bytes(OLD, our_delta())
    assert calls


def test_the_file_number_of_a_gzip_file_is_not_trusted(tmp_path: Path) -> None:
    path = tmp_path / "old.gz"
    path.write_bytes(gzip.compress(OLD))
    with gzip.open(path) as basis:
        parts = patch(cast("BinaryIO", basis), io.BytesIO(our_delta()))
        assert b"".join(parts) == NEW


def test_unwritten_bytes_of_the_old_version_are_seen(tmp_path: Path) -> None:
    with (tmp_path / "old").open("w+b") as basis:
        basis.write(OLD)
        assert b"".join(patch(basis, io.BytesIO(our_delta()))) == NEW


@pytest.mark.parametrize("length", [(1 << 31) + 5, (1 << 32) + 5])
def test_positions_and_lengths_beyond_4_gib(tmp_path: Path, length: int) -> None:
    """The lengths are ones of which a C int would keep 5 or less than nothing."""
    far = (5 << 30) + 123
    with (tmp_path / "old").open("w+b") as basis:
        basis.seek(far)
        basis.write(b"far away")
        commands = copy_command(far, 8), copy_command(1, length)
        delta = DELTA_MAGIC + b"".join(commands) + b"\0"
        parts = patch(basis, io.BytesIO(delta))
        first = next(parts)
        assert first[:8] == b"far away"
        size = len(first) + sum(map(len, islice(parts, 20)))
    assert size > 4 << 20


def test_memory_does_not_grow_with_the_file() -> None:
    """In a process of its own: the peak of this one is history."""
    script = Path(__file__)
    done = subprocess.run(
        [sys.executable, "-c", "import tests.unit.test_rsync as t; t.stream_much()"],
        cwd=script.parents[2],
        check=True,
        capture_output=True,
        text=True,
    )
    grown_kib = int(done.stdout)
    assert grown_kib < 16_384, f"{grown_kib} KiB more for 320 MiB"


def stream_much() -> None:
    """Print how many KiB the peak grew by, streaming 320 MiB through each job."""
    size, step = 320 << 20, 1 << 20
    parts = [random.Random(i).randbytes(step) for i in range(4)]
    small = signature_of(parts[0], 512)
    with Signature(small) as signature:  # warm: buffers, code, one of each job
        patch_bytes(parts[0], delta_of(signature, parts[0]))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    maker = SignatureMaker(block_len_for(size))
    for i in range(size // step):
        maker.feed(parts[i % 4])
    with Signature(maker.finish()) as signature:
        alike = DeltaMaker(signature)
        for i in range(size // step):
            alike.feed(parts[i % 4])
        alike.finish()
        other = DeltaMaker(signature)
        for _ in range(32):  # nothing matches, so all of it becomes literals
            assert len(other.feed(bytes(step))) < 2 * step
        other.finish()
    with open(os.memfd_create("zeros"), "w+b") as basis:  # noqa: PTH123 - no path
        basis.truncate(size)
        delta = DELTA_MAGIC + copy_command(0, size) + b"\0"
        for _ in patch(basis, io.BytesIO(delta)):
            pass
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
