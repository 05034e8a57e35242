"""The guide about mirrors: its config and every command in it, as written, in order."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tiered.testing.tree import differences, snapshot

GUIDE = Path("docs/guides/mirrors.md")
TIERED = Path(sys.executable).with_name("tiered")
PLACES = ("/etc", "/srv", "/mnt/usb")


@dataclass(frozen=True, slots=True)
class Site:
    """A machine on which the places of the guide lie below one folder."""

    root: Path

    def __truediv__(self, place: str) -> Path:
        return self.root / place

    def lose(self, label: str, what: str) -> None:
        for path in (self / f"srv/{label}").glob(what):
            path.unlink()

    def run(self, command: str) -> tuple[int, str]:
        """A command of the guide; its exit status and all that it says."""
        words = self.moved(command).split()
        assert words[0] == "tiered"
        done = subprocess.run(
            [TIERED, *words[1:], "--scrypt-work-factor", "3"],
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.root), "PASSPHRASE": "x"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout + done.stderr

    def moved(self, text: str) -> str:
        """With the places of the guide below the root."""
        places = "|".join(map(re.escape, PLACES))
        return re.sub(rf"(?<![\w.])({places})(?=/)", rf"{self.root}\1", text)


def blocks() -> list[str]:
    """What is indented in the guide."""
    found = re.findall(r"(?m)(?:^    .*\n|^\n(?=    ))+", GUIDE.read_text())
    return [re.sub(r"(?m)^    ", "", block).strip() for block in found]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    for place in ("etc", "srv/paris", "srv/rome", "srv/oslo", "srv/data", "mnt/usb"):
        (site / place).mkdir(parents=True)
    (site / "srv/data/letter").write_text("a letter")
    [config] = [block for block in blocks() if block.startswith("{")]
    (site / "etc/sites.json").write_text(site.moved(config))
    return site


def test_every_command(site: Site) -> None:
    lines = [line for block in blocks() for line in block.splitlines()]
    commands = [line for line in lines if line.startswith("tiered ")]
    heading = next(line for line in lines if line.startswith("store "))

    def rome_is_away() -> None:
        """The first backup was whole; the second missed a store."""
        assert site.run(commands[0])[0] == 0
        (site / "srv/rome").rename(site / "srv/away")
        (site / "srv/data/other").write_text("another letter")

    def rome_is_back() -> None:
        (site / "srv/away").rename(site / "srv/rome")

    def nothing() -> None:
        """As the command before has left it."""

    def oslo_is_new() -> None:
        shutil.rmtree(site / "srv/oslo")

    def rome_has_the_only_copy() -> None:
        for label in ("paris", "oslo"):
            site.lose(label, "*full*vol1.*")

    Step = tuple[str, Callable[[], None], int, str]
    steps: list[Step] = [
        ("backup", rome_is_away, 0, "missing on rome"),
        ("status", rome_is_back, 0, "rome "),
        ("scrub", nothing, 34, "missing on rome"),
        ("scrub --sample 5%", nothing, 34, "read "),
        ("repair --dry-run", nothing, 0, "objects for rome"),
        ("repair", nothing, 0, "made 4 copies on rome"),
        ("repair --thaw", nothing, 0, "no copy was missing or wrong"),
        ("add-store oslo", oslo_is_new, 0, "copies on oslo"),
        ("drop-store rome", rome_has_the_only_copy, 0, "made 1 copy on paris"),
        ("copy", nothing, 0, "copies on file:///"),
        ("restore", nothing, 0, "restored "),
    ]
    assert len(commands) == len(steps)
    for command, (words, prepare, status, said) in zip(commands, steps, strict=True):
        assert command.startswith(f"tiered {words} ")
        prepare()
        found, shown = site.run(command)
        assert found == status, shown
        assert said in site.moved(shown)
        if words == "status":
            assert heading.split() in [line.split() for line in shown.splitlines()]
    restored = snapshot(site / "srv/restored")
    assert differences(snapshot(site / "srv/data"), restored) == []
    held = [
        {path.name for path in (site / place).iterdir()}
        for place in ("srv/paris", "srv/oslo", "mnt/usb/archive")
    ]
    assert held[0] == held[1] == held[2]


def test_the_config_is_what_the_guide_says(site: Site) -> None:
    config = json.loads((site / "etc/sites.json").read_text())
    assert [s["name"] for s in config["stores"]] == ["paris", "rome", "oslo"]
    status, shown = site.run("tiered config check /etc/sites.json")
    assert status == 7
    doubts = [line for line in shown.splitlines() if line.startswith("doubt: ")]
    assert len(doubts) == 3
    assert all("share one file system" in line for line in doubts)  # of this machine
