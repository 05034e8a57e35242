"""The main job in a minute, on two folders: `python contrib/demo/demo.py [DIR]`.

One folder plays the hot store.  The other behaves as archive storage does:
what is written there is sealed, a thaw takes four hours, and a day later it is
sealed again.  Only the clock is not real: hours pass in seconds.

Every command shown is the real program, and can be typed as it stands.
"""

import json
import os
import random
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from tiered.testing.tree import differences, snapshot

PASSPHRASE = "only for the demo"
WORDS = ("store", "thaw", "restore", "volume", "manifest", "chain", "router", "tier")


def main() -> None:
    folder = Path(*sys.argv[1:2] or ["build/demo"]).absolute()
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("hot", "cold", "cache"):
        (folder / part).mkdir(parents=True)
    os.chdir(folder)
    url = _write_config(folder)
    print(f"Everything lies in {folder}; the passphrase is in PASSPHRASE.\n")

    print("A tree of 2,000 small files and one large one.")
    _make_tree(Path("source"))
    _tiered("full", "source", url, "--volsize", "8")

    print("What you must keep: the passphrase, or this sheet, printed.  Best both.")
    _tiered("key", "export", url, "--output", "sheet.txt")
    sheet = Path("sheet.txt").read_text()
    print(sheet)
    Path("sheet.txt").unlink()

    print("Some files change: edits, a deletion, 1 MiB in the middle of the large one.")
    _change_tree(Path("source"))
    _tiered("incremental", "source", url)

    print("The large file gets another name: no data is stored again.")
    Path("source/disk.img").rename("source/disk-2.img")
    _tiered("incremental", "source", url)

    print("What is there?  Volumes lie in cold/, everything else in hot/.")
    _tiered("status", url)
    for part in ("hot", "cold"):
        files = list(Path(part).iterdir())
        size_kib = sum(f.stat().st_size for f in files) // 1024
        print(f"    {part}/: {len(files)} objects, {size_kib} KiB")

    print(
        "\nOne file.  The index says in which volumes it lies; only these are thawed."
    )
    _tiered("restore", url, "note", "-r", "project03/part2/note0723.txt", "--dry-run")

    print(
        "The machine is lost, and the passphrase forgotten.  The key is typed from the"
    )
    print("sheet.  Volumes are sealed, so first comes a plan, then a wait.")
    _type_key(sheet, Path("key.txt"))
    _tiered("restore", url, "restored", "--identity", "key.txt", is_lost=True)

    found = differences(
        snapshot(Path("source"), link_times=True),
        snapshot(Path("restored"), link_times=True),
    )
    if found:
        sys.exit("the restored tree differs:\n" + "\n".join(found))
    print("source and restored are equal: content, modes, owners, times, types.")


def _write_config(folder: Path) -> str:
    stores = [
        {
            "description": "read at once, used by every command",
            "url": f"file://{folder}/hot",
            "tier": "hot",
        },
        {
            "description": "sealed: four hours until it can be read, for one day",
            "url": f"cold+file://{folder}/cold?delay_s=14400&life_s=86400",
            "tier": "cold",
        },
    ]
    Path("config.json").write_text(json.dumps(stores, indent=2) + "\n")
    return f"multi://{folder}/config.json?mode=mirror&onfail=abort"


def _tiered(*words: str, is_lost: bool = False) -> None:
    """Run it; on another machine, without passphrase, if the first one is lost."""
    command = ["tiered", *words]
    print(f"\n$ {shlex.join(command)}", flush=True)
    cache = "other-cache" if is_lost else "cache"
    options = ["--archive-dir", cache, "--rehearsal-clock", "clock", "--progress"]
    program = Path(sys.executable).with_name("tiered")
    secret = {} if is_lost else {"PASSPHRASE": PASSPHRASE}
    others = {k: v for k, v in os.environ.items() if k != "PASSPHRASE"}
    subprocess.run([program, *words, *options], env=others | secret, check=True)
    print(flush=True)


def _type_key(sheet: str, file: Path) -> None:
    """As a person does: the groups of the sheet, in one line."""
    start = sheet.index("AGE-SECRET-KEY-1")
    groups = sheet[start : sheet.index("\n\n", start)]
    file.touch(mode=0o600)
    file.write_text("".join(groups.split()) + "\n")


def _make_tree(root: Path) -> None:
    chance = random.Random(1)
    for i in range(2000):
        folder = root / f"project{i % 40:02}" / f"part{i % 7}"
        folder.mkdir(parents=True, exist_ok=True)
        text = " ".join(chance.choices(WORDS, k=chance.randrange(20, 800)))
        (folder / f"note{i:04}.txt").write_text(text)
    (root / "disk.img").write_bytes(chance.randbytes(24 << 20))
    (root / "latest").symlink_to("project39")
    (root / "project00").chmod(0o750)


def _change_tree(root: Path) -> None:
    files = sorted(root.glob("project*/part*/note*.txt"))
    for file in files[::50]:
        file.write_text(file.read_text() + " and a new end")
    files[1].unlink()
    files[2].chmod(0o600)
    with (root / "disk.img").open("r+b") as image:
        image.seek(10 << 20)
        image.write(bytes(1 << 20))


if __name__ == "__main__":
    main()
