"""Make an archive for the museum: python -m tests.museum.make WRITER NAME [plain]

Run once for each release of a writer; what is in the museum is never made again.
"""

import json
import sys
import tempfile
from pathlib import Path
from random import Random

from tests.exchange import bench
from tiered.archive.fileinfo import FileType
from tiered.testing.tree import (
    TIME_S,
    Item,
    build,
    documents,
    file,
    folder,
    link,
    snapshot,
)

START_S = 1_790_000_000
Model = dict[bytes, Item]


def lines(seed: int, size: int) -> bytes:
    """Text that compresses well, and still is different everywhere."""
    random = Random(seed)
    return b"".join(b"%06d\n" % random.randrange(1000) for _ in range(size // 7))


def versions() -> list[Model]:
    """A full and two incs: what can happen to a file happens to one."""
    now = TIME_S + 100
    first: Model = {
        b".": folder(),
        b"a": folder(),
        b"a/b": file(b"inside"),
        b"a.txt": file(b"beside"),
        b"deleted": folder(),
        b"deleted/child": file(b"child"),
        b"empty": file(b""),
        b"fifo": Item(type=FileType.FIFO, mode=0o620),
        b"large": file(lines(1, 80_000)),
        b"link": link(b"a/b"),
        b"no\xffutf8": file(b"name"),
        b"owned": Item(data=b"mine", uid=12345, gid=54321, mode=0o640),
        b"s p a c e": file(b"name"),
        b"setuid": file(b"#!/bin/sh\n", 0o4755),
        b"size-65536": file(bytes(65536)),
        b"type": file(b"file"),
        b"x" * 130: file(b"long name"),
    }
    second = {p: i for p, i in first.items() if not p.startswith(b"deleted")}
    large = first[b"large"].data
    second |= {
        b"large": file(large[:40_000] + b"inserted" + large[40_000:], mtime_s=now),
        b"link": link(b"else\xff"),
        b"new": file(b"new", mtime_s=now),
        b"setuid": file(b"#!/bin/sh\n", 0o755),
        b"type": folder(mtime_s=now),
        b"type/child": file(b"child", mtime_s=now),
    }
    third = {p: i for p, i in second.items() if p not in (b"a.txt", b"type/child")}
    third |= {
        b"deleted": file(b"again", mtime_s=now + 100),
        b"large": file(large[7000:] + b"appended", mtime_s=now + 100),
        b"type": link(b"large"),
    }
    return [first, second, third]


def make(writer: str, name: str, *, encrypted: bool) -> None:
    place = Path(__file__).parent / name
    place.mkdir()
    with (
        tempfile.TemporaryDirectory() as work,
        bench(Path(work), encrypted=encrypted) as at,
    ):
        expected = []
        for number, model in enumerate(versions()):
            build(at.source, model)
            time_s = START_S + 1000 * number
            action = "incremental" if number else "full"
            now = f"--current-time={time_s}"
            at.run(writer, action, now, "--volsize=1", str(at.source), at.url)
            tree = documents(snapshot(at.source))
            expected.append({"time_s": time_s, "tree": tree})
        for each in (at.hot, at.cold):
            for path in each.iterdir():
                (place / path.name).write_bytes(path.read_bytes())
    (place / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    make(sys.argv[1], sys.argv[2], encrypted="plain" not in sys.argv[3:])
