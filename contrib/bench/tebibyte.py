"""A source of 1 TiB: does memory stay what it is?

    python -m contrib.bench.tebibyte [--gib 1024] [--files 256] [--single 256]
        [--again] [--out OUT]

The source is simulated: sparse files in memory that together have that size, of
which one MiB in 1,024 is random bytes and the rest holes.  `tiered` reads,
compresses, seals and stores all of it as ever.  Three results are not computed
anew for each piece of a file that is all zeros: its librsync sums and its zstd frame
are those of the first such piece (new copies of them, as memory is what is
measured), and the BLAKE3 of the content passes over it.  With them it would
take an hour.

Then the same with one single file, of `--single` GiB.

With `--again` there is an incremental backup, too, after one MiB in the middle of
each file was overwritten: then the sums of two versions are held.

The resident memory is sampled twice a second; the line through the samples, from
an eighth of the source on, gives the slope.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from contrib.bench.install import BUILD, ROOT
from contrib.bench.measure import Command, measure
from contrib.bench.rounds import new_folder
from contrib.bench.sheet import Row, new_sheet
from contrib.bench.site import Site, new_site

_MIB: Final = 1 << 20
_STRIDE: Final = 1024
"""One MiB of so many is not a hole."""
_LEAST_RUN: Final = 256 << 10
"""Shorter runs of zeros are nothing special."""
_SAMPLE_S: Final = 0.5
_SETTLED: Final = 1 / 8
_SAMPLES_KEPT: Final = 60


def make_source(folder: Path, gib: float, files: int) -> None:
    """Sparse files of equal size; each begins with bytes of its own."""
    folder.mkdir()
    each = max(1, int(gib * 1024 / files))
    for number in range(files):
        with (folder / f"{number:05}.img").open("wb") as file:
            file.truncate(each * _MIB)
            for at in range(0, each, _STRIDE):
                file.seek(at * _MIB)
                file.write(os.urandom(_MIB))


def change_source(folder: Path) -> None:
    """Overwrite a MiB in the middle of each file."""
    for path in sorted(folder.iterdir()):
        with path.open("r+b") as file:
            file.seek(path.stat().st_size // 2)
            file.write(os.urandom(_MIB))


class Zeros:
    """Results for runs of zeros, made once; and how many bytes were asked for."""

    def __init__(self) -> None:
        self.passed = 0
        self.known: dict[object, Any] = {}
        self._runs: dict[int, bytes] = {}

    def is_zero(self, data: object) -> bool:
        """Is it a long run of zeros?"""
        if isinstance(data, memoryview):
            whole: object = data.obj
            if isinstance(whole, bytes | bytearray) and len(whole) == len(data):
                data = whole  # it is compared at once, not byte by byte
        if not isinstance(data, bytes | bytearray) or len(data) < _LEAST_RUN:
            return False
        return data[0] == 0 and data == self.run(len(data))

    def run(self, size: int) -> bytes:
        if size not in self._runs:
            self._runs[size] = bytes(size)
        return self._runs[size]

    def copy(self, key: object, make: Callable[[], Any]) -> Any:
        """A new copy of a result: bytes, or a tuple of them."""
        if key not in self.known:
            self.known[key] = make()
        found = self.known[key]
        if isinstance(found, bytes):
            return bytes(bytearray(found))
        return type(found)(*(bytes(bytearray(part)) for part in found))


def install(zeros: Zeros) -> None:
    """Replace the costly functions, before anything of `tiered` takes them."""
    import blake3

    from tiered.codec.packing import FramePacker
    from tiered.rsync import sums

    real_sums, real_hash, real_pack = sums.piece_sums, blake3.blake3, FramePacker.pack

    def piece_sums(data: Any, block_len: int, *rest: Any) -> Any:
        if not zeros.is_zero(data):
            return real_sums(data, block_len, *rest)
        key = len(data), block_len
        return zeros.copy(key, lambda: real_sums(zeros.run(len(data)), block_len))

    def pack(self: FramePacker, data: Any, *rest: Any) -> Any:
        if not zeros.is_zero(data):
            return real_pack(self, data, *rest)
        key = len(data), *rest
        return zeros.copy(key, lambda: real_pack(self, zeros.run(len(data)), *rest))

    class Hash:
        """`blake3` that passes over runs of zeros."""

        def __init__(self, data: Any = b"", /, **options: Any) -> None:
            self._inner = real_hash(data, **options)

        def update(self, data: Any) -> "Hash":
            if zeros.is_zero(data):
                zeros.passed += len(data)
            else:
                self._inner.update(data)
            return self

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

    sums.piece_sums = piece_sums  # type: ignore[assignment]
    FramePacker.pack = pack  # type: ignore[assignment, method-assign]
    blake3.blake3 = Hash  # type: ignore[assignment, misc]


class Sampler(threading.Thread):
    """(MiB of zeros so far, MiB of memory), twice a second."""

    def __init__(self, zeros: Zeros) -> None:
        super().__init__(daemon=True)
        self.samples: list[tuple[int, float]] = []
        self._zeros = zeros
        self._stopped = threading.Event()

    def run(self) -> None:
        page = os.sysconf("SC_PAGE_SIZE")
        while not self._stopped.wait(_SAMPLE_S):
            held = int(Path("/proc/self/statm").read_text().split()[1]) * page
            passed = self._zeros.passed // _MIB
            self.samples.append((passed, round(held / _MIB, 1)))

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def slope(samples: Sequence[tuple[float, float]]) -> float:
    """MiB of memory for each TiB of source, by least squares; 0 of too few."""
    last = samples[-1][0] if samples else 0
    kept = [s for s in samples if s[0] > last * _SETTLED]
    if len({x for x, _ in kept}) < 3:
        return 0.0
    mean_x = sum(x for x, _ in kept) / len(kept)
    mean_y = sum(y for _, y in kept) / len(kept)
    spread = sum((x - mean_x) ** 2 for x, _ in kept)
    together = sum((x - mean_x) * (y - mean_y) for x, y in kept)
    return together / spread * _MIB


def _tiered(arguments: Sequence[str], out: Path) -> int:
    zeros = Zeros()
    install(zeros)
    from tiered.cli.main import main as tiered

    sampler = Sampler(zeros)
    sampler.start()
    status = tiered(arguments)
    sampler.stop()
    out.write_text(json.dumps({"zeros": zeros.passed, "samples": sampler.samples}))
    return status


def run(
    gib: float, files: int, folder: Path, memory: Path, *, again: bool = False
) -> Iterator[Row]:
    """A full backup of such a source, and perhaps an incremental one.

    The source lies in `memory`: reading the holes of files on a disk fills the page
    cache, and takes twenty times as long."""
    with (
        new_folder(folder) as made,
        new_folder(memory) as place,
        new_site(made / "site") as site,
    ):
        source = place / "source"
        words = [sys.executable, "-m", "contrib.bench.tebibyte"]
        shape = ["--gib", str(gib), "--files", str(files)]
        subprocess.run([*words, "make", str(source), *shape], check=True, cwd=ROOT)
        os.sync()
        site_words = _words(site)
        init = Command(words=[*words[:1], "-m", "tiered", "key", "init", *site_words])
        measure([init], site.environment, site.root / "log")
        shared = {"gib": gib, "files": files}
        full: list[str | Path] = ["full", source, *site_words, "--style", "tiered"]
        yield shared | {"work": "full"} | _backup(full, site)
        if again:
            change_source(source)
            more: list[str | Path] = ["incremental", source, *site_words]
            yield shared | {"work": "incremental"} | _backup(more, site)


def _backup(arguments: Sequence[str | Path], site: Site) -> Row:
    out = site.root / "samples.json"
    words = [sys.executable, "-m", "contrib.bench.tebibyte", "tiered", out, *arguments]
    cost = measure(
        [Command(words=words, folder=ROOT)], site.environment, site.root / "log"
    )
    found = json.loads(out.read_text())
    samples = found["samples"]
    every = max(1, len(samples) // _SAMPLES_KEPT)
    return {
        "wall_s": round(cost.wall_s, 1),
        "cpu_s": round(cost.cpu_s, 1),
        "peak_mib": round(cost.together_mib, 1),
        "slope_mib_per_tib": round(slope(samples), 1),
        "volumes": sum(1 for f in site.store.rglob("*") if ".vol" in f.name),
        "stored_bytes": site.stored_bytes(),
        "zero_gib": round(found["zeros"] / 2**30, 3),
        "samples": samples[::every],
    }


def _words(site: Site) -> list[str]:
    where = ["--archive-dir", str(site.cache), "--name", "bench"]
    return [f"file://{site.store}", *where]


def main(arguments: Sequence[str]) -> None:
    if arguments[:1] == ["tiered"]:
        sys.exit(_tiered(arguments[2:], Path(arguments[1])))
    parser = argparse.ArgumentParser(prog="tebibyte", description=__doc__)
    add = parser.add_argument
    add("words", nargs="*", help=argparse.SUPPRESS)
    add("--gib", type=float, default=1024.0, help="of the source; default: 1024")
    add("--files", type=int, default=256, help="default: 256")
    add("--single", type=float, default=256.0, help="GiB of one file; default: 256")
    add("--again", action="store_true", help="an incremental backup, too")
    add("--out", type=Path, default=BUILD / "bench/last/tebibyte.json")
    add("--folder", type=Path, default=BUILD / "bench/stores", help="for stores")
    add("--memory", type=Path, default=Path("/dev/shm"), help="for the source")
    options = parser.parse_args(arguments)
    if options.words:
        make_source(Path(options.words[1]), options.gib, options.files)
        return
    sheet = new_sheet("tebibyte", options.gib / 1024)
    where = options.folder, options.memory
    for gib, files in ((options.gib, options.files), (options.single, 1)):
        for row in run(gib, files, *where, again=options.again):
            sheet.rows.append(row)
            sheet.write(options.out)
            print({key: value for key, value in row.items() if key != "samples"})


if __name__ == "__main__":
    main(sys.argv[1:])
