"""100,000 objects on each of three mirrored folders: what looking at them costs.

    python -m contrib.bench.many_objects [--objects 100000] [--out OUT]

The folders lie in memory and hold the objects of sets of 100, files of the size of
volumes that are all holes.  One copy in 1,000 is missing, one is shorter, and one in
100 is owed.  Works: `status`, `scrub`, and `repair --dry-run`; nothing is read of an
object but the debts.  Then `status` and `list` of one of the folders alone, after a
backup to it, whose files `list` names.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from contrib.bench.install import BUILD, ROOT
from contrib.bench.measure import Command, measure
from contrib.bench.rounds import new_folder
from contrib.bench.sheet import Sheet, new_sheet
from contrib.bench.site import Site, new_site
from tiered.archive.debts import debts_name, pack_debts
from tiered.archive.filename import Namer, Prefixes, SetId
from tiered.archive.style import Style
from tiered.store import Debt

LABELS: Final = ("paris", "rome", "oslo")
_IN_ONE_SET: Final = 100
_SETS_OF_A_CHAIN: Final = 30
_HARMED: Final = 1000
"""One object in so many lacks a copy, and another one has one that is shorter."""
_OWED: Final = 100
_VOLUME_BYTES: Final = 200 << 20
_START_S: Final = 1_700_000_000
_DAY_S: Final = 86_400
WORKS: Final = {
    "status": (["status"], 0),
    "scrub": (["scrub"], 34),
    "repair --dry-run": (["repair", "--dry-run"], 0),
}
"""Words, and the exit status: 34 copies that differ, 30 sets that lack volumes."""
ALONE: Final = {
    "status, one folder": (["status"], 30),
    "list, one folder": (["list", "--no-encryption"], 0),
}


def names(count: int) -> Iterator[str]:
    """Of the objects of whole sets: `count`, rounded up to a whole one."""
    namer = Namer(Prefixes())
    for number in range(-(-count // _IN_ONE_SET)):
        end_s = _START_S + number * _DAY_S
        is_full = number % _SETS_OF_A_CHAIN == 0
        start_s = None if is_full else end_s - _DAY_S
        each = SetId(end_s, start_s, Style.TIERED)
        yield from (namer.volume(each, n, ".age") for n in range(1, _IN_ONE_SET - 2))
        yield namer.signatures(each, ".age")
        yield namer.index(each, ".age")
        yield namer.manifest(each, ".age")


def make_stores(root: Path, count: int) -> None:
    """Three folders, and the config that mirrors them."""
    every = list(names(count))
    for at, label in enumerate(LABELS):
        folder = root / label
        folder.mkdir(parents=True)
        where = os.open(folder, os.O_RDONLY)
        for number, name in enumerate(every):
            if number % _HARMED != at:
                is_short = number % _HARMED == len(LABELS) + at
                _make(where, name, _VOLUME_BYTES // (2 if is_short else 1))
        os.close(where)
    owed = [Debt(name, LABELS[0]) for name in every[::_OWED]]
    (root / LABELS[1] / debts_name("", _START_S, "0" * 8)).write_bytes(pack_debts(owed))
    stores = [{"name": label, "url": f"file://{root / label}"} for label in LABELS]
    (root / "config.json").write_text(json.dumps({"stores": stores, "mode": "mirror"}))


def _make(folder: int, name: str, size: int) -> None:
    file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=folder)
    os.truncate(file, size)
    os.close(file)


def run_all(site: Site, root: Path, sheet: Sheet) -> None:
    """Each work once."""
    run_works(site, f"multi://{root}/config.json", WORKS, sheet)
    alone = f"file://{root / LABELS[0]}"
    back_up = {"backup, one folder": (["full", "--no-encryption", "contrib"], 0)}
    run_works(site, alone, back_up, sheet)
    run_works(site, alone, ALONE, sheet)


def run_works(
    site: Site, url: str, works: Mapping[str, tuple[list[str], int]], sheet: Sheet
) -> None:
    for work, (words, status) in works.items():
        log = site.root / f"{words[0]}.log"
        line = [sys.executable, "-m", "tiered", *words, url, "--progress"]
        line += ["--archive-dir", str(site.cache)]
        expects = ["sh", "-c", 'status=$1; shift; "$@"; test $? = "$status"', "sh"]
        command = Command(words=[*expects, str(status), *line], folder=ROOT)
        cost = measure([command], site.environment, log)
        progress = [x for x in log.read_text().splitlines() if " of " in x]
        row = {
            "work": work,
            "wall_s": round(cost.wall_s, 2),
            "cpu_s": round(cost.cpu_s, 2),
            "peak_mib": round(cost.peak_mib, 1),
            "progress_lines": len(progress),
        }
        sheet.rows.append(row)
        print(row, file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> None:
    if arguments[:1] == ["make"]:  # in a process of its own: see measure
        make_stores(Path(arguments[1]), int(arguments[2]))
        return
    parser = argparse.ArgumentParser(prog="many_objects", description=__doc__)
    add = parser.add_argument
    add("--objects", type=int, default=100_000, help="default: 100,000")
    add("--out", type=Path, default=BUILD / "bench/last/objects.json")
    add("--folder", type=Path, default=BUILD / "bench/stores", help="for caches")
    add("--memory", type=Path, default=Path("/dev/shm"), help="for the stores")
    options = parser.parse_args(arguments)
    sheet = new_sheet("objects", options.objects / 100_000)
    sheet.facts = {"objects": options.objects, "stores": len(LABELS)}
    with (
        new_folder(options.memory) as place,
        new_folder(options.folder) as made,
        new_site(made / "site") as site,
    ):
        words = [sys.executable, "-m", "contrib.bench.many_objects", "make"]
        root, count = str(place / "stores"), str(options.objects)
        subprocess.run([*words, root, count], check=True, cwd=ROOT)
        run_all(site, Path(root), sheet)
    sheet.write(options.out)


if __name__ == "__main__":
    main(sys.argv[1:])
