"""The guide for OVH's archive storage, as written, on real Swift and Keystone.

Config and command lines are those of the guide, with `tiered` for `duplicity`, for
archives of both styles.  What is added: a restore gets the clock that the simulated
archive shares, as four real hours are too long for a test.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers import OpenStack, Request
from tiered.archive.style import Style
from tiered.testing.tree import differences, snapshot

PREFIXES = (
    "--file-prefix-manifest",
    "hot_",
    "--file-prefix-signature",
    "hot_",
    "--file-prefix-archive",
    "cold_",
)
TIERED = Path(sys.executable).with_name("tiered")


@dataclass(frozen=True)
class Guide:
    """The user's machine."""

    folder: Path
    openstack: OpenStack
    style: Style
    large_bytes: int

    @property
    def cold(self) -> str:
        return f"{self.style.value}_cold"

    @property
    def hot(self) -> str:
        return f"{self.style.value}_hot"

    @property
    def source(self) -> Path:
        return self.folder / "what to backup"

    @property
    def url(self) -> str:
        return f"multi://{self.folder}/config.json?mode=mirror&onfail=abort"

    def start(self, *words: str | Path) -> subprocess.Popen[str]:
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PASSPHRASE": "correct horse",
        }
        return subprocess.Popen(
            [TIERED, *PREFIXES, *words],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str | Path) -> str:
        process = self.start(*words)
        out, err = process.communicate(timeout=400)
        assert process.returncode == 0, err
        assert "Traceback" not in err
        return out

    def restore(self, target: str, *words: str) -> Path:
        folder = self.folder / target
        clock = ("--rehearsal-clock", str(self.openstack.clock_file))
        fast = ("--rehearsal-speed", "1000000")
        self.run("restore", self.url, folder, *clock, *fast, *words)
        return folder


@pytest.fixture(params=[(Style.TIERED, 220), (Style.DUPLICITY, 30)], ids=str)
def guide(
    openstack: OpenStack, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Guide]:
    """A machine with nothing but the config."""
    style, large_mib = request.param
    guide = Guide(tmp_path, openstack, style, large_mib << 20)
    stores = config(openstack, guide.cold, guide.hot)
    (guide.folder / "config.json").write_text(json.dumps(stores))
    yield guide
    shutil.rmtree(guide.folder)


def config(
    openstack: OpenStack, cold: str = "duplicity_cold", hot: str = "duplicity_hot"
) -> list[dict[str, object]]:
    def env(family: str) -> list[dict[str, str]]:
        values = {
            "AUTHURL": openstack.auth_url,
            "AUTHVERSION": "3",
            "PROJECT_DOMAIN_NAME": openstack.domain,
            "TENANTID": openstack.project_id,
            "USERNAME": openstack.user,
            "PASSWORD": openstack.password,
            "REGIONNAME": openstack.region,
        }
        return [{"name": f"{family}_{k}", "value": v} for k, v in values.items()]

    return [
        {
            "description": "Cold storage",
            "url": f"pca://{cold}",
            "env": env("PCA"),
            "prefixes": ["cold_"],
        },
        {
            "description": "Hot storage",
            "url": f"swift://{hot}",
            "env": env("SWIFT"),
            "prefixes": ["hot_"],
        },
    ]


def test_the_guide(guide: Guide) -> None:
    """One test, as each step stands on the one before."""
    openstack = guide.openstack
    openstack.forget()
    chance = random.Random(7)
    make_tree(guide.source, chance, guide.large_bytes)
    asked = ("--gpg-options=--no-tty",) if guide.style is Style.DUPLICITY else ()
    guide.run("full", guide.source, guide.url, *asked)
    pictures = [snapshot(guide.source, link_times=True)]
    for step in range(3):
        change_tree(guide.source, chance, step, guide.large_bytes)
        guide.run("incremental", guide.source, guide.url)
        pictures.append(snapshot(guide.source, link_times=True))

    status = json.loads(guide.run("collection-status", guide.url, "--json"))
    (chain,) = status["chains"]
    assert [s["type"] for s in chain] == ["full", "inc", "inc", "inc"]
    assert not status["incomplete"]
    listed = guide.run("list-current-files", guide.url).splitlines()
    assert len(listed) == len(pictures[-1])
    assert {s["style"] for s in chain} == {guide.style.value}
    assert cold_reads(guide) == []
    volumes = check_places(guide)
    assert len(volumes) >= (5 if guide.style is Style.TIERED else 4)

    check_thaw_survives_a_kill(guide, volumes)
    restored = guide.restore("newest")
    assert differences(pictures[-1], snapshot(restored, link_times=True)) == []
    check_each_volume_was_asked_once(guide, volumes)

    shutil.rmtree(restored)
    for each, picture in zip(chain[:-1], pictures, strict=False):
        restored = guide.restore("earlier", "--restore-time", each["end"])
        assert differences(picture, snapshot(restored, link_times=True)) == []
        shutil.rmtree(restored)
    one = guide.restore("one", "--path-to-restore", "docs/note3.txt")
    assert one.read_bytes() == (guide.source / "docs/note3.txt").read_bytes()


def check_places(guide: Guide) -> list[str]:
    """Volumes are only cold, all else is only hot; returns the volumes.  A copy of
    the key lies with the volumes.
    """
    admin = guide.openstack.admin()
    cold = [o["name"] for o in admin.get_container(guide.cold)[1]]
    hot = [o["name"] for o in admin.get_container(guide.hot)[1]]
    volumes = [n for n in cold if ".difftar" in n]
    assert all(n.startswith("cold_") for n in cold)
    assert all(n.startswith("hot_") and ".difftar" not in n for n in hot)
    native = guide.style is Style.TIERED
    copies = ["cold_tiered-keycopy.main.1.age"] if native else []
    assert [n for n in cold if n not in volumes] == copies
    assert len(hot) == (1 + 4 * 3 if native else 4 * 2)
    policy = admin.head_container(guide.cold)["x-storage-policy"]
    assert policy == "PCA"
    return volumes


def check_thaw_survives_a_kill(guide: Guide, volumes: list[str]) -> None:
    """Kill a restore while it waits: every volume is asked for by then, once."""
    guide.openstack.forget()
    process = guide.start("restore", guide.url, guide.folder / "newest")
    assert process.stderr is not None
    for line in process.stderr:
        if "waiting for" in line:
            break
    process.send_signal(signal.SIGKILL)
    process.communicate()
    asked = cold_reads(guide)
    assert sorted(r.name or "" for r in asked) == sorted(volumes)
    guide.openstack.move_clock(3600)  # still three hours to go


def check_each_volume_was_asked_once(guide: Guide, volumes: list[str]) -> None:
    """One GET while sealed, none while unsealing, then the download: of style tiered
    in parts.
    """
    reads = cold_reads(guide)
    states = Counter((r.name, r.state) for r in reads)
    assert {state for _, state in states} == {"sealed", "unsealed"}
    for volume in volumes:
        assert states[volume, "sealed"] == 1
        parts = states[volume, "unsealed"]
        assert parts >= 1 if guide.style is Style.TIERED else parts == 1


def cold_reads(guide: Guide) -> list[Request]:
    return [
        r
        for r in guide.openstack.requests()
        if r.method == "GET" and r.container == guide.cold and r.name
    ]


def make_tree(root: Path, chance: random.Random, large_bytes: int) -> None:
    docs = root / "docs"
    docs.mkdir(parents=True)
    for i in range(40):
        (docs / f"note{i}.txt").write_text(f"note {i}\n" * chance.randrange(1, 9000))
    (root / "empty").mkdir()
    (root / "empty file").touch()
    (root / "exactly").write_bytes(chance.randbytes(65536))
    (root / os.fsdecode(b"not \xff utf-8")).write_text("name")
    (root / ("long " * 30)).write_text("long name")
    (root / "link").symlink_to("docs/note1.txt")
    os.mkfifo(root / "fifo")
    os.mknod(root / "null", 0o020666, os.makedev(1, 3))
    (root / "setuid").write_text("#!")
    (root / "setuid").chmod(0o4755)
    os.chown(root / "docs/note5.txt", 1234, 4321)
    with (root / "large.img").open("wb") as file:
        for _ in range(large_bytes >> 20):
            file.write(chance.randbytes(1 << 20))
    for path in root.rglob("*"):
        if not path.is_symlink():
            os.utime(path, (1_700_000_000, 1_700_000_000))


def change_tree(root: Path, chance: random.Random, step: int, large_bytes: int) -> None:
    """Edits, deletions, renames, mode changes, and pages of the large file."""
    docs = root / "docs"
    (docs / f"note{10 + step}.txt").write_text(f"edited in step {step}\n")
    with (docs / f"note{3 + step}.txt").open("a") as file:
        file.write("one more line\n")
    (docs / f"note{20 + step}.txt").unlink()
    (docs / f"note{30 + step}.txt").rename(root / f"moved{step}.txt")
    (root / "setuid").chmod((0o2755, 0o0700, 0o4711)[step])
    (root / f"new {step}").mkdir()
    (root / f"new {step}" / "inside").write_bytes(chance.randbytes(70_000))
    if step == 1:
        (root / "empty file").unlink()
        (root / "empty file").mkdir()
        (root / "link").unlink()
        (root / "link").write_text("a file in place of a link")
    if step == 2:
        shutil.rmtree(root / "new 0")
        (root / "new 0").symlink_to("new 1")
    with (root / "large.img").open("r+b") as file:
        for _ in range(20):
            file.seek(chance.randrange(large_bytes - 5000))
            file.write(chance.randbytes(4096))
