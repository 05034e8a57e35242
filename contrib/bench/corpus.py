"""Trees to back up, the same bytes every time; nothing is downloaded.

    python -m contrib.bench.corpus make ROOT [--scale 0.01]
    python -m contrib.bench.corpus change|revert ROOT A|B
    python -m contrib.bench.corpus digest FOLDER

A: 50,000 files of text, sizes log-normal between 0.2 and 64 KiB, about 450 MB.
B: 4 files of 512 MiB: `random.bin`; `text.txt`; `vm.img`, in blocks of 64 KiB
   (40 % zero, 20 % out of 64 repeated ones, 15 % random, 25 % text, no holes);
   `db.pages`, in pages of 8 KiB (header, slots, free space, notes, rows).
C, the change set.  Of A, 1 % of the files is modified, 0.5 % added, 0.5 %
   deleted.  Of B, 2 % of the 4 KiB pages of `vm.img` and `db.pages` are rewritten
   where they lie, and 1 MiB is inserted at the front of `text.txt`.

A scale below 1 makes fewer files of A and smaller files of B.  Text compresses to
about two fifths with zstd -3.  What the files hold: contrib.bench.material.
"""

import argparse
import hashlib
import json
import math
import os
import shutil
from array import array
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

from contrib.bench.material import (
    BLOCK,
    SEED,
    Text,
    database_pages,
    image_blocks,
    random_blocks,
    text_blocks,
)

FILES_OF_A: Final = 50_000
BYTES_OF_B: Final = 512 << 20
"""Of each of the four files."""
MTIME_S: Final = 1_700_000_000
CHANGED_S: Final = MTIME_S + 20_000_000
VERSION: Final = 1
"""Raise it when the bytes change: figures of two versions cannot be compared."""

_PAGE: Final = 4 << 10
_NAMES_OF_B: Final = ("random.bin", "text.txt", "vm.img", "db.pages")


def make(root: Path, scale: float = 1.0) -> None:
    """Write `root`/A and `root`/B, unless they are there; undo a change set.

    A corpus that was not finished is made again.
    """
    facts = json.dumps({"version": VERSION, "scale": scale})
    done = root / "corpus.json"
    if done.exists() and done.read_text() == facts:
        for name in "AB":
            revert(root, name)
        return
    if root.exists() and not (root / "making").exists() and not done.exists():
        raise FileExistsError(f"{root} is there, and is not a corpus")
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    (root / "making").touch()
    _make_a(root / "A", _files_of_a(scale))
    _make_b(root / "B", _bytes_of_b(scale))
    done.write_text(facts)
    (root / "making").unlink()


def scale_of(root: Path) -> float:
    """What it was made with."""
    return float(json.loads((root / "corpus.json").read_text())["scale"])


def change(root: Path, name: str) -> None:
    """Apply change set C to corpus A or B; `revert` takes it back."""
    scale = scale_of(root)
    undo = root / "undo" / name
    undo.mkdir(parents=True)
    if name == "A":
        _change_a(root / "A", undo, _files_of_a(scale))
    else:
        _change_b(root / "B", undo, _bytes_of_b(scale))


def revert(root: Path, name: str) -> None:
    """Bring back content and times; nothing to do if nothing is changed."""
    undo = root / "undo" / name
    if not undo.exists():
        return
    for line in (undo / "added").read_text().splitlines():
        (root / name / line).unlink(missing_ok=True)
    for saved in (undo / "files").rglob("*"):
        if saved.is_file():
            shutil.copy2(saved, root / name / saved.relative_to(undo / "files"))
    for saved in (undo / "pages").iterdir():
        _put_pages_back(root / name / saved.name, saved)
    text = root / name / "text.txt"
    if (undo / "inserted").exists() and text.stat().st_mtime >= CHANGED_S:
        _drop_front(text, int((undo / "inserted").read_text()))
    shutil.rmtree(undo)


def one_file(root: Path, name: str) -> str:
    """The file that is restored alone: 8 KiB of A; of B there are large ones only.

    C does not change the one of A.
    """
    if name == "B":
        return "db.pages"
    count = _files_of_a(scale_of(root))
    changed = {*_modified(count), *_deleted(count)}
    sizes = enumerate(_sizes(count))
    best = min((abs(s - 8192), i) for i, s in sizes if i not in changed)
    return _path(best[1])


def extent(folder: Path) -> tuple[int, int]:
    """How many files, and their bytes."""
    sizes = [p.stat().st_size for p in folder.rglob("*") if p.is_file()]
    return len(sizes), sum(sizes)


def digest(folder: Path) -> str:
    """Of names, sizes, times to the second and contents of all files."""
    total = hashlib.blake2b(digest_size=16)
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        seen = path.stat()
        line = f"{path.relative_to(folder)} {seen.st_size} {int(seen.st_mtime)}\n"
        total.update(line.encode())
        with path.open("rb", buffering=0) as file:
            total.update(hashlib.file_digest(file, "blake2b").digest())
    return total.hexdigest()


def _files_of_a(scale: float) -> int:
    return max(20, round(FILES_OF_A * scale))


def _bytes_of_b(scale: float) -> int:
    return max(1, round(BYTES_OF_B * scale / (16 * BLOCK))) * 16 * BLOCK


def _make_a(folder: Path, count: int) -> None:
    text = Text(1)
    for i, size in enumerate(_sizes(count)):
        path = folder / _path(i)
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, text.take(size), _mtime(i))


def _sizes(count: int, seed: int = 2) -> Iterator[int]:
    chance = Random(SEED + seed)
    for _ in range(count):
        yield min(max(int(chance.lognormvariate(math.log(5400), 1.1)), 205), 65536)


def _path(i: int) -> str:
    kinds = ("txt", "py", "c", "h", "json", "md", "html", "csv", "log", "xml")
    folder = (i // 1250) % 40
    word = hashlib.blake2b(b"%d" % i, digest_size=8).hexdigest()[: 4 + i % 13]
    part = f"dir{folder:02}_{'abcdefgh'[folder % 8] * 3}/sub{(i // 50) % 25:02}"
    return f"{part}/{word}-{i:05}.{kinds[i % 10]}"


def _mtime(i: int) -> float:
    return MTIME_S + (i * 7919) % 10_000_000 + 0.25


def _write(path: Path, data: bytes, mtime_s: float) -> None:
    path.write_bytes(data)
    os.utime(path, (mtime_s, mtime_s))


def _make_b(folder: Path, size: int) -> None:
    folder.mkdir()
    makers = (random_blocks, text_blocks, image_blocks, database_pages)
    for k, (name, blocks) in enumerate(zip(_NAMES_OF_B, makers, strict=True)):
        with (folder / name).open("wb") as file:
            for block in blocks(size):
                file.write(block)
        os.utime(folder / name, (MTIME_S + k, MTIME_S + k))


def _modified(count: int) -> list[int]:
    return _shuffled(count)[: max(1, count // 100)]


def _deleted(count: int) -> list[int]:
    return _shuffled(count)[-max(1, count // 200) :]


def _shuffled(count: int) -> list[int]:
    return Random(SEED + 10).sample(range(count), count)


def _change_a(folder: Path, undo: Path, count: int) -> None:
    chance, text = Random(SEED + 12), Text(11)
    (undo / "pages").mkdir()
    deleted = _deleted(count)
    for i in (*_modified(count), *deleted):
        saved = undo / "files" / _path(i)
        saved.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(folder / _path(i), saved)
    added = [
        _path(int(chance.random() * count)) + f".new{k}" for k in range(len(deleted))
    ]
    (undo / "added").write_text("\n".join(added))
    for i in _modified(count):  # a tenth to two fifths of it, and the size a little
        old = (folder / _path(i)).read_bytes()
        start = int(chance.random() * len(old))
        end = start + int(len(old) * (0.1 + 0.3 * chance.random()))
        new = text.take(max(16, end - start + int(chance.random() * 200)))
        _write(folder / _path(i), old[:start] + new + old[end:], CHANGED_S + i)
    for i in deleted:
        (folder / _path(i)).unlink()
    sizes = _sizes(len(added), 13)
    for k, (name, size) in enumerate(zip(added, sizes, strict=True)):
        _write(folder / name, text.take(size), CHANGED_S + k)


def _change_b(folder: Path, undo: Path, size: int) -> None:
    chance, text = Random(SEED + 14), Text(15)
    (undo / "files").mkdir()
    (undo / "pages").mkdir()
    (undo / "added").touch()
    for k, name in enumerate(("vm.img", "db.pages")):
        pages = sorted(chance.sample(range(size // _PAGE), size // _PAGE // 50))
        _save_pages(folder / name, undo / "pages" / name, pages)
        with (folder / name).open("r+b") as file:
            for page in pages:
                file.seek(page * _PAGE)
                file.write(text.take(_PAGE // 2) + chance.randbytes(_PAGE // 2))
        os.utime(folder / name, (CHANGED_S + k, CHANGED_S + k))
    inserted = max(_PAGE, (1 << 20) * size // BYTES_OF_B)
    (undo / "inserted").write_text(str(inserted))
    new = folder / "text.txt.new"
    with (folder / "text.txt").open("rb") as old, new.open("wb") as file:
        file.write(text.take(inserted))
        shutil.copyfileobj(old, file, 1 << 20)
    os.utime(new, (CHANGED_S, CHANGED_S))
    new.replace(folder / "text.txt")


def _save_pages(path: Path, saved: Path, pages: list[int]) -> None:
    with path.open("rb") as file, saved.open("wb") as copy:
        copy.write(b"%d\n" % len(pages) + array("Q", pages).tobytes())
        for page in pages:
            file.seek(page * _PAGE)
            copy.write(file.read(_PAGE))
    shutil.copystat(path, saved)


def _put_pages_back(path: Path, saved: Path) -> None:
    with saved.open("rb") as copy, path.open("r+b") as file:
        pages = array("Q", copy.read(8 * int(copy.readline())))
        for page in pages:
            file.seek(page * _PAGE)
            file.write(copy.read(_PAGE))
    shutil.copystat(saved, path)


def _drop_front(path: Path, size: int) -> None:
    new = path.with_name(path.name + ".new")
    with path.open("rb") as old, new.open("wb") as file:
        old.seek(size)
        shutil.copyfileobj(old, file, 1 << 20)
    os.utime(new, (MTIME_S + 1, MTIME_S + 1))
    new.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(prog="corpus", description="Trees to back up.")
    parser.add_argument("action", choices=("make", "change", "revert", "digest"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("name", nargs="?", choices=("A", "B"), default="A")
    parser.add_argument("--scale", type=float, default=1.0)
    options = parser.parse_args()
    if options.action == "make":
        make(options.folder, options.scale)
    elif options.action == "digest":
        print(digest(options.folder))
    else:
        {"change": change, "revert": revert}[options.action](
            options.folder, options.name
        )


if __name__ == "__main__":
    main()
