"""How fast each stage could be on this machine: bounds for whatever uses it.

    python -m contrib.bench.limits [--seconds 0.5] [--out OUT]

One thread for each figure, data in memory and warm, the best of the repetitions
that fit into the time.  Whatever is not installed is named in the table.
"""

import argparse
import gzip
import hashlib
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

from contrib.bench.corpus import Text, database_pages, image_blocks
from contrib.bench.install import BUILD
from tiered.rsync import (
    DeltaMaker,
    Kind,
    Signature,
    SignatureMaker,
    signature_of,
)

_MIB: Final = 1 << 20
_SAMPLE_BYTES: Final = 8 * _MIB
_FILES: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One figure, or why there is none."""

    stage: str
    what: str
    figure: float | None = None
    unit: str = "MB/s"
    remark: str = ""


class Meter:
    """Repeats a function for some time, and keeps the shortest."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def best_s(self, work: Callable[[], object]) -> float:
        best, end = float("inf"), time.perf_counter() + self._seconds
        while best == float("inf") or time.perf_counter() < end:
            began = time.perf_counter()
            work()
            best = min(best, time.perf_counter() - began)
        return best

    def rate(
        self, stage: str, what: str, size: int, work: Callable[[], object]
    ) -> Limit:
        return Limit(stage=stage, what=what, figure=size / self.best_s(work) / 1e6)

    def each(
        self, stage: str, what: str, count: int, work: Callable[[], object]
    ) -> Limit:
        figure = self.best_s(work) / count * 1e6
        return Limit(stage=stage, what=what, figure=figure, unit="us each")


def samples() -> dict[str, bytes]:
    """Some of each kind of data in the corpora."""
    return {
        "text": Text(1).take(_SAMPLE_BYTES),
        "database": b"".join(database_pages(_SAMPLE_BYTES)),
        "image": b"".join(image_blocks(_SAMPLE_BYTES)),
        "random": Random(1).randbytes(_SAMPLE_BYTES),
    }


def measure_all(meter: Meter, folder: Path) -> Iterator[Limit]:
    """Every figure; `folder` is for files, on the disk that is measured."""
    data = samples()
    yield from _hashes(meter, data["random"])
    yield from _ciphers(meter, data["random"])
    yield from _compressors(meter, data)
    yield from _rsync(meter, data["database"])
    yield from _gpg(meter, data)
    yield from _files(meter, folder)


def _hashes(meter: Meter, data: bytes) -> Iterator[Limit]:
    for name in ("sha1", "md5", "sha256", "blake2b"):
        yield meter.rate(
            "hash", name.upper(), len(data), partial(hashlib.new, name, data)
        )
    blake3 = _module("blake3")
    if blake3 is None:
        yield _absent("hash", "BLAKE3", "blake3")
        return
    yield meter.rate("hash", "BLAKE3", len(data), lambda: blake3.blake3(data).digest())
    parts = _parts(data, 8 << 10)
    yield meter.rate(
        "hash",
        "BLAKE3, 8 KiB at a time",
        len(data),
        lambda: [blake3.blake3(part).digest() for part in parts],
    )


def _ciphers(meter: Meter, data: bytes) -> Iterator[Limit]:
    what = "ChaCha20-Poly1305, 64 KiB at a time"
    aead = _module("cryptography.hazmat.primitives.ciphers.aead")
    if aead is None:
        yield _absent("encrypt", what, "cryptography")
        return
    cipher = aead.ChaCha20Poly1305(bytes(32))
    nonce, parts = bytes(12), _parts(data, 64 << 10)
    sealed = [cipher.encrypt(nonce, part, None) for part in parts]
    yield meter.rate(
        "encrypt",
        what,
        len(data),
        lambda: [cipher.encrypt(nonce, part, None) for part in parts],
    )
    yield meter.rate(
        "decrypt",
        what,
        len(data),
        lambda: [cipher.decrypt(nonce, part, None) for part in sealed],
    )


def _compressors(meter: Meter, data: dict[str, bytes]) -> Iterator[Limit]:
    zstd = _module("compression.zstd") or _module("backports.zstd")
    isal = _module("isal.isal_zlib")
    for name, sample in data.items():
        if zstd is None:
            yield _absent("compress", f"zstd, {name}", "backports.zstd")
        else:
            yield from _zstd(meter, zstd, name, sample)
        part = sample[:_MIB]
        yield _with_share(
            meter, f"gzip 6, {name}", part, partial(gzip.compress, part, 6)
        )
        if isal is not None:
            yield _with_share(
                meter, f"isal 1, {name}", part, partial(isal.compress, part, 1)
            )
    if isal is None:
        yield _absent("compress", "isal", "isal")


def _zstd(meter: Meter, zstd: Any, name: str, sample: bytes) -> Iterator[Limit]:
    for level in (-1, 1, 3):
        yield _with_share(
            meter,
            f"zstd {level}, {name}",
            sample,
            partial(zstd.compress, sample, level),
        )
    packed = zstd.compress(sample, 3)
    yield meter.rate(
        "decompress", f"zstd 3, {name}", len(sample), lambda: zstd.decompress(packed)
    )


def _with_share(
    meter: Meter, what: str, data: bytes, work: Callable[[], bytes]
) -> Limit:
    share = len(work()) / len(data)
    found = meter.rate("compress", what, len(data), work)
    return Limit(
        stage=found.stage,
        what=what,
        figure=found.figure,
        remark=f"to {share:.0%}",
    )


def _rsync(meter: Meter, data: bytes) -> Iterator[Limit]:
    block = 2048
    for kind in (Kind.MD4, Kind.BLAKE2):
        yield meter.rate(
            "signature",
            f"librsync, {kind.name}, blocks of 2 KiB",
            len(data),
            partial(_sign, data, block, kind),
        )
    changed = bytearray(data)
    chance = Random(2)
    for page in chance.sample(range(len(data) // 4096), len(data) // 4096 // 50):
        changed[page * 4096 : page * 4096 + 4096] = chance.randbytes(4096)
    signature = Signature(signature_of(data, block))
    for what, new in (
        ("nothing changed", data),
        ("2 % of pages changed", bytes(changed)),
        ("nothing in common", chance.randbytes(_MIB)),
    ):
        yield meter.rate(
            "delta",
            f"librsync, {what}",
            len(new),
            partial(_delta, signature, new),
        )


def _sign(data: bytes, block: int, kind: Kind) -> bytes:
    maker = SignatureMaker(block, kind)
    for part in _parts(data, _MIB):
        maker.feed(part)
    return maker.finish()


def _delta(signature: Signature, data: bytes) -> int:
    maker = DeltaMaker(signature)
    size = sum(len(maker.feed(part)) for part in _parts(data, 64 << 10))
    return size + len(maker.finish())


def _gpg(meter: Meter, data: dict[str, bytes]) -> Iterator[Limit]:
    if shutil.which("gpg") is None:
        yield _absent("encrypt", "gpg -c", "gpg")
        return
    # the names of an agent's sockets must be short
    with tempfile.TemporaryDirectory(prefix="tiered-bench-") as home:
        command = (
            *("gpg", "--homedir", home, "--batch", "--quiet", "--no-tty"),
            *("--no-autostart", "--pinentry-mode", "loopback"),
            *("--passphrase", "x"),
        )
        # what tiered and duplicity use; for the rates, next to nothing
        slow, quick = ("--s2k-count", "65011712"), ("--s2k-count", "65536")
        start_s = meter.best_s(partial(_pipe, (*command, *slow, "-c"), b""))
        yield Limit(
            stage="encrypt",
            what="gpg -c of nothing: its start",
            figure=start_s,
            unit="s",
        )
        for name in ("text", "random"):
            sample = data[name] * 4
            for what, options in (
                ("gpg -c", quick),
                ("gpg -c, no compression", (*quick, "--compress-algo", "none")),
            ):
                work = partial(_pipe, (*command, *options, "-c"), sample)
                yield meter.rate("encrypt", f"{what}, {name}", len(sample), work)


def _pipe(command: Sequence[str], data: bytes) -> bytes:
    return subprocess.run(
        command,
        input=data,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    ).stdout


def _files(meter: Meter, folder: Path) -> Iterator[Limit]:
    data = Text(1).take(8192)
    for name, place in (("disk", folder), ("memory", Path("/dev/shm"))):
        with tempfile.TemporaryDirectory(prefix="tiered-bench-", dir=place) as made:
            root = Path(made)
            yield meter.each(
                "files",
                f"create, write 8 KiB, set time, close; {name}",
                _FILES,
                partial(_create, root, data),
            )
            yield meter.each(
                "files", f"scandir, lstat; {name}", _FILES, partial(_look, root)
            )
            yield meter.each(
                "files", f"open, read, close; {name}", _FILES, partial(_read, root)
            )


def _create(root: Path, data: bytes) -> None:
    shutil.rmtree(root / "files", ignore_errors=True)
    (root / "files").mkdir()
    where = os.open(root / "files", os.O_RDONLY)
    for i in range(_FILES):
        file = os.open(f"{i}", os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=where)
        os.write(file, data)
        os.utime(file, (1, 1))
        os.close(file)
    os.close(where)


def _look(root: Path) -> int:
    with os.scandir(root / "files") as items:
        return sum(item.stat(follow_symlinks=False).st_size for item in items)


def _read(root: Path) -> int:
    where = os.open(root / "files", os.O_RDONLY)
    size = 0
    for i in range(_FILES):
        file = os.open(f"{i}", os.O_RDONLY, dir_fd=where)
        size += len(os.read(file, 65536))
        os.close(file)
    os.close(where)
    return size


def _parts(data: bytes, size: int) -> list[memoryview]:
    view = memoryview(data)
    return [view[i : i + size] for i in range(0, len(data), size)]


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _absent(stage: str, what: str, package: str) -> Limit:
    return Limit(stage=stage, what=what, remark=f"{package} is not installed")


def markdown(found: Sequence[Limit]) -> str:
    lines = ["| stage | what | figure | |", "| --- | --- | --- | --- |"]
    for limit in found:
        figure = "-"
        if limit.figure is not None:
            digits = 0 if limit.figure >= 100 else 1 if limit.figure >= 1 else 2
            figure = f"{limit.figure:,.{digits}f} {limit.unit}"
        lines.append(f"| {limit.stage} | {limit.what} | {figure} | {limit.remark} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="limits", description=__doc__)
    parser.add_argument("--seconds", type=float, default=0.5, help="for each figure")
    parser.add_argument("--out", type=Path, default=BUILD / "bench/limits.md")
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    found = list(measure_all(Meter(options.seconds), options.out.parent))
    options.out.write_text(markdown(found))
    sys.stdout.write(markdown(found))


if __name__ == "__main__":
    main()
