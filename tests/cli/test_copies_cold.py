"""Copies in cold storage: read with --thaw only, asked for once."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.machine import PASSPHRASE, Machine, digests
from tests.guide.test_ovh_guide import config as guide_config
from tests.mirrors import TIERED, back_up, copies, debts, find, flip, mirror
from tests.servers import OpenStack, Request
from tiered.testing.cold import ColdStore

pytestmark = pytest.mark.usefixtures("key_at_hand")
TIERS = json.dumps(
    [
        {"url": "file://%(root)s/hot", "name": "hot", "tier": "hot"},
        {"url": "cold+file://%(root)s/ice", "name": "ice", "tier": "cold"},
        {"url": "cold+file://%(root)s/snow", "name": "snow", "tier": "cold"},
    ]
)
MIXED = json.dumps(
    [
        {"url": "cold+file://%(root)s/ice", "name": "ice"},
        {"url": "file://%(root)s/disk", "name": "disk"},
        {"url": "file://%(root)s/hot", "name": "hot"},
    ]
)
FAST, REAL = "100000000", "1"


def cold_machine(root: Path, config: str, *folders: str, speed: str = FAST) -> Machine:
    """With a clock that stands still while nobody waits for it."""
    plain = mirror(root, TIERED, config, folders)
    clock = ("--rehearsal-clock", str(root / "clock"), "--rehearsal-speed", speed)
    return Machine(
        root=root,
        config=config,
        query=plain.query,
        options=(*plain.options, *clock),
        folders=plain.folders,
        env=plain.env,
    )


@pytest.fixture
def tiers(tmp_path: Path) -> Machine:
    """A hot folder and two cold ones, with a full."""
    machine = cold_machine(tmp_path / "machine", TIERS, "hot", "ice", "snow")
    back_up(machine, 0)
    return machine


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What cold folders are asked to thaw in this process, each time."""
    names: list[str] = []
    real = ColdStore.thaw

    def thaw(store: ColdStore, wanted: Iterator[str]) -> None:
        given = tuple(wanted)
        names.extend(given)
        real(store, given)

    monkeypatch.setattr(ColdStore, "thaw", thaw)
    return names


def test_without_thaw_it_is_left(tiers: Machine, asked: list[str]) -> None:
    lost = find(tiers, "snow", "volume")
    lost.unlink()
    find(tiers, "hot", "manifest")
    before = digests(tiers.root / "ice", tiers.root / "snow")
    result = tiers.run("repair", "URL")
    assert (result.status, result.code) == (34, "copies-differ")
    assert "1 object can be copied from sealed copies only" in result.error
    assert "1 object must thaw on ice first" in result.err
    for words in (("repair", "URL"), ("drop-store", "snow", "URL")):
        tiers.run(*words, "--thaw", "--dry-run").succeeded()
    assert asked == []
    assert digests(tiers.root / "ice", tiers.root / "snow") == before


def test_with_thaw_it_is_asked_for_once(tiers: Machine, asked: list[str]) -> None:
    lost = find(tiers, "snow", "volume")
    data = lost.read_bytes()
    lost.unlink()
    result = tiers.run("repair", "URL", "--thaw").succeeded()
    assert asked == [lost.name]
    assert "waiting for 1 of 1 volume to thaw" in result.err
    assert "made 1 copy on snow\n" in result.out
    assert lost.read_bytes() == data
    tiers.run("scrub", "URL").succeeded()


def test_a_wait_that_is_killed_holds_up_no_backup(
    tiers: Machine, asked: list[str]
) -> None:
    """What is warm is copied before; what was asked for is not asked for again."""
    find(tiers, "snow", "volume").unlink()
    keys = list((tiers.root / "snow").glob("cold_tiered-keycopy*"))
    waiting = cold_machine(tiers.root, TIERS, *tiers.folders, speed=REAL)
    process = waiting.start("repair", "URL", "--thaw")
    assert process.stderr
    for line in process.stderr:
        if "waiting for" in line:
            break
    (tiers.source / "more").write_text("more")
    back_up(tiers, 1)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert keys
    result = tiers.run("repair", "URL", "--thaw").succeeded()
    assert asked == []
    assert "made 1 copy on snow\n" in result.out
    assert copies(tiers, "ice")["ice"] == copies(tiers, "snow")["snow"]


def test_the_warm_part_is_copied_before_the_wait(tmp_path: Path) -> None:
    machine = cold_machine(tmp_path / "m", MIXED, "ice", "disk", "hot", speed=REAL)
    back_up(machine, 0)
    for label in ("disk", "hot"):
        find(machine, label, "volume").unlink()
    index = find(machine, "hot", "index")
    index.unlink()
    process = machine.start("repair", "URL", "--thaw")
    assert process.stderr
    for line in process.stderr:
        if "waiting for" in line:
            break
    assert index.exists()
    process.kill()
    process.communicate()


def test_a_copy_that_can_be_read_is_preferred(tmp_path: Path, asked: list[str]) -> None:
    machine = cold_machine(tmp_path / "machine", MIXED, "ice", "disk", "hot")
    back_up(machine, 0)
    find(machine, "hot", "volume").unlink()
    find(machine, "ice", "index").unlink()
    machine.run("repair", "URL").succeeded()
    assert copies(machine, "ice")["ice"] == copies(machine, "hot")["hot"]
    machine.run("scrub", "URL", "--sample", "100").succeeded()  # reads what is warm
    assert asked == []


def test_the_thawed_copy_is_damaged_too(tmp_path: Path, asked: list[str]) -> None:
    """Then the next sealed one is asked for, in the same run."""
    names = ("hot", "ice", "snow", "rain")
    rain = {"url": "cold+file://%(root)s/rain", "name": "rain", "tier": "cold"}
    config = json.dumps([*json.loads(TIERS), rain])
    machine = cold_machine(tmp_path / "machine", config, *names)
    back_up(machine, 0)
    good = find(machine, "rain", "volume").read_bytes()
    find(machine, "snow", "volume").unlink()
    flip(find(machine, "ice", "volume"))
    machine.run("repair", "URL", "--thaw").succeeded()
    assert len(asked) == 2
    for label in ("ice", "snow", "rain"):
        assert find(machine, label, "volume").read_bytes() == good
    assert debts(machine) == set()


def test_copy_to_a_folder(tiers: Machine, asked: list[str]) -> None:
    """Without --thaw nothing looks whole there."""
    url = f"file://{tiers.root}/four"
    result = tiers.run("copy", "URL", url)
    assert (result.status, result.code) == (34, "copies-differ")
    assert asked == []
    held = copies(tiers, "four")["four"]
    assert held
    assert not any("manifest" in name for name in held)
    tiers.run("copy", "URL", url, "--thaw").succeeded()
    assert sorted(set(asked)) == sorted(asked)
    tiers.run("restore", url, tiers.root / "restored").succeeded()


def test_a_folder_to_a_cold_folder(tiers: Machine, asked: list[str]) -> None:
    plain = mirror(tiers.root / "plain", TIERED)
    back_up(plain, 0)
    url = f"file://{plain.root}/one"
    other = tiers.root / "empty"
    fresh = cold_machine(other, TIERS, "hot", "ice", "snow")
    fresh.run("copy", url, "URL").succeeded()
    assert asked == []
    held = copies(fresh)
    assert held["ice"] == held["snow"]
    assert held["hot"] | held["ice"] == copies(plain, "one")["one"]


class TestSwift:
    """Two archive containers and a hot one, on real Swift."""

    @pytest.fixture
    def site(self, openstack: OpenStack, tmp_path: Path) -> "Site":
        return Site(openstack, tmp_path / "machine")

    def test_repair(self, site: "Site") -> None:
        openstack, machine = site.openstack, site.machine
        back_up(machine, 0)
        [volume, *_] = site.volumes(site.rome)
        openstack.admin().delete_object(site.rome, volume)
        openstack.forget()
        assert machine.run("scrub", "URL").status == 34
        result = machine.run("repair", "URL")
        assert "can be copied from sealed copies only" in result.error
        assert site.gets() == []
        machine.run("repair", "URL", "--thaw").succeeded()
        assert [r.state for r in site.gets()] == ["sealed", "unsealed"]
        assert {(r.container, r.name) for r in site.gets()} == {(site.paris, volume)}
        assert site.volumes(site.rome) == site.volumes(site.paris)
        openstack.forget()
        machine.run("scrub", "URL").succeeded()
        assert {r.method for r in openstack.requests()} <= {"GET", "HEAD"}
        assert [r for r in openstack.requests() if r.method == "GET" and r.name] == []


class Site:
    """A machine with a config for two archive containers and a hot one."""

    def __init__(self, openstack: OpenStack, root: Path) -> None:
        self.openstack = openstack
        self.paris, self.rome = (openstack.make_container("PCA") for _ in "12")
        hot = openstack.make_container("PCS")
        stores = []
        for name, container in (("paris", self.paris), ("rome", self.rome)):
            cold, warm = guide_config(openstack, container, hot)
            stores.append({**cold, "name": name, "tier": "cold", "prefixes": []})
        stores.append({**warm, "name": "hot", "tier": "hot", "prefixes": []})
        for each in stores:
            del each["prefixes"]
        config = json.dumps(stores).replace("%", "%%")
        plain = mirror(root, TIERED, config, ())
        clock = ("--rehearsal-clock", str(openstack.clock_file))
        options = (*plain.options, *clock, "--rehearsal-speed", FAST)
        self.machine = Machine(
            root=root,
            config=config,
            query=plain.query,
            options=options,
            folders=(),
            env={"PASSPHRASE": PASSPHRASE},
        )

    def volumes(self, container: str) -> list[str]:
        listed = self.openstack.admin().get_container(container)[1]
        return [o["name"] for o in listed if ".difftar" in o["name"]]

    def gets(self) -> list[Request]:
        """Of volumes."""
        requests = self.openstack.requests()
        return [r for r in requests if r.method == "GET" and "vol" in (r.name or "")]
