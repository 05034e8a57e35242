"""How fast each stage could be on this machine: bounds for whatever uses it.

    python -m contrib.bench.limits [--seconds 0.5] [--out OUT]

One thread for each figure, data in memory and warm, the best of the repetitions
that fit into the time.  Whatever is not installed is named in the table.
`contrib.bench.bounds` holds a run against these figures.
"""

import argparse
import gzip
import hashlib
import importlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

from contrib.bench.install import BUILD
from contrib.bench.limits_files import large_files, small_files
from contrib.bench.material import Text, database_pages, image_blocks
from contrib.bench.meter import Limit, Meter
from contrib.bench.sheet import new_sheet
from tiered.codec.packing import Effort, FramePacker
from tiered.rsync import (
    DeltaMaker,
    Kind,
    Signature,
    SignatureMaker,
    signature_of,
)

_MIB: Final = 1 << 20
_SAMPLE_BYTES: Final = 8 * _MIB


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
    yield from _sums(meter, data["random"])
    yield _scrypt(meter)
    yield from _gpg(meter, data)
    yield from small_files(meter, folder)
    yield from large_files(meter, folder, data["random"])
    yield from _starts(meter)


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
    for level in (1, 3):
        yield _with_share(
            meter,
            f"zstd {level}, {name}",
            sample,
            partial(zstd.compress, sample, level),
        )
    for effort, size in ((Effort.SMALL_FILES, 256 << 10), (Effort.LARGE_FILES, _MIB)):
        yield _with_share(
            meter,
            f"{said(effort)}, {name}",
            sample,
            partial(_frames, sample, size, effort),
        )
    packed = zstd.compress(sample, 3)
    yield meter.rate(
        "decompress", f"zstd 3, {name}", len(sample), lambda: zstd.decompress(packed)
    )


def said(effort: Effort) -> str:
    """How a limit calls the way in which style tiered compresses."""
    return f"zstd as for {effort.name.lower().replace('_', ' ')}"


def _frames(data: bytes, size: int, effort: Effort) -> bytes:
    packer = FramePacker()
    return b"".join([packer.pack(part, effort) for part in _parts(data, size)])


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


def _sums(meter: Meter, data: bytes) -> Iterator[Limit]:
    """What style tiered keeps of a large file: librsync's sums and BLAKE3's."""
    from tiered.rsync.sums import native_block_len, piece_sums

    block_len, parts = native_block_len(1 << 29), _parts(data, _MIB)
    yield meter.rate(
        "signature",
        "sums of style tiered, a MiB at a time",
        len(data),
        lambda: [piece_sums(part, block_len) for part in parts],
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


def _scrypt(meter: Meter) -> Limit:
    """From a passphrase to the key of a key object, as style tiered makes them."""
    work = partial(hashlib.scrypt, b"x", salt=b"y", n=1 << 17, r=8, p=1, maxmem=1 << 28)
    return Limit(stage="key", what="scrypt, 2^17", figure=meter.best_s(work), unit="s")


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


def _starts(meter: Meter) -> Iterator[Limit]:
    for what, words in (
        ("Python", ("-c", "pass")),
        ("tiered, which says its version", ("-m", "tiered", "--version")),
    ):
        work = partial(_pipe, (sys.executable, *words), b"")
        figure = meter.best_s(work)
        yield Limit(stage="start", what=what, figure=figure, unit="s")


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


def main() -> None:
    parser = argparse.ArgumentParser(prog="limits", description=__doc__)
    parser.add_argument("--seconds", type=float, default=0.5, help="for each figure")
    parser.add_argument("--out", type=Path, default=BUILD / "bench/last/limits.json")
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    sheet = new_sheet("limits")
    for limit in measure_all(Meter(options.seconds), options.out.parent):
        sheet.rows.append(asdict(limit))
        print(limit.stage, limit.what, limit.figure, limit.unit, limit.remark)
    sheet.write(options.out)


if __name__ == "__main__":
    main()
