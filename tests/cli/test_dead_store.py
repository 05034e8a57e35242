"""A mirror goes on without a store that is dead: that costs one time-out, is said
once, and each copy that it missed is kept as a debt.
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from contrib.servers.fault_proxy import FaultProxy, Faults
from tests.crash.machine import Machine, Result
from tests.server_process import free_port
from tests.store_servers import Folder
from tiered.archive.debts import STEM, unpack_debts
from tiered.backends.webdav.store import WebdavStore
from tiered.store import PutMode, Source

ATTEMPTS = 2
MIB = 1 << 20
URLS = {
    "webdav": "webdav://me@127.0.0.1:{port}/x",
    "ftp": "ftp://me@127.0.0.1:{port}/x",
    "sftp": "sftp://me@127.0.0.1:{port}/x",
    "s3": "s3:///box",
    "swift": "swift://box",
    "azure": "azure://box",
}
AZURE = "AccountName=me;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:{port}/me"
VARIABLES = {
    "BACKEND_PASSWORD": "secret",
    "AWS_ACCESS_KEY_ID": "me",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:{port}",
    "SWIFT_AUTHURL": "http://127.0.0.1:{port}/auth/v1.0",
    "SWIFT_USERNAME": "me",
    "SWIFT_PASSWORD": "secret",
    "AZURE_CONNECTION_STRING": f"DefaultEndpointsProtocol=http;{AZURE}",
}


@dataclass(frozen=True)
class Site:
    """A machine with a mirror of a folder and of a store that is called `dead`."""

    machine: Machine

    @classmethod
    def make(cls, root: Path, url: str, port: int, volumes: int = 6) -> "Site":
        machine = Machine(
            root=root,
            folders=("alive",),
            query="mode=mirror&onfail=continue",
            options=(
                "--no-encryption",
                *("--volsize", "1", "--timeout", "1", "--concurrency", "2"),
                *("--num-retries", str(ATTEMPTS), "--backend-retry-delay", "0.1"),
            ),
        )
        env = [
            {"name": name, "value": value.format(port=port)}
            for name, value in VARIABLES.items()
        ]
        alive = {"name": "alive", "url": f"file://{root}/alive"}
        dead = {"name": "dead", "url": url.format(port=port), "env": env}
        machine.config_file.write_text(json.dumps([dead, alive]))
        (machine.source / "noise").write_bytes(os.urandom(volumes * MIB))
        return cls(machine)

    def back_up(self) -> Result:
        return self.machine.run("full", "SOURCE", "URL", "--json").succeeded()

    def check(self, result: Result, *, had: tuple[int, int] = (0, 0)) -> None:
        """What was said and kept after a backup.

        Args:
            had: How many objects the store had said it has, at least and at most.
        """
        objects = {name for name in self.machine.objects() if STEM not in name}
        lists = [name for name in self.machine.objects() if STEM in name]
        assert len(objects) >= 6 + 3
        kept = (self.machine.root / "alive" / lists[0]).read_bytes()
        debts = unpack_debts(kept, lists[0])
        assert (len(lists), {debt.label for debt in debts}) == (1, {"dead"})
        assert {debt.name for debt in debts} <= objects
        assert had[0] <= len(objects) - len(debts) <= had[1]
        assert json.loads(result.out)["missed"] == {"dead": len(debts)}
        warnings = [w for w in result.err.splitlines() if "warning" in w]
        assert len([w for w in warnings if "missed on dead: " in w]) == 1
        assert f"{len(debts)} objects are missing on dead" in warnings[-1]
        assert len(warnings) <= 3  # the first is that it cannot be listed


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    with FaultProxy(target_port=9) as made:
        yield made


@pytest.mark.parametrize("kind", URLS)
@pytest.mark.parametrize("faults", ["refuse", "blackhole"])
def test_it_is_tried_as_often_as_one_call_may_be(
    kind: str, faults: str, proxy: FaultProxy, tmp_path: Path
) -> None:
    site = Site.make(tmp_path, URLS[kind], proxy.port)
    proxy.faults = Faults(**{faults: True})
    result = site.back_up()
    assert 1 <= proxy.seen <= ATTEMPTS
    site.check(result)


def test_nobody_listens(tmp_path: Path) -> None:
    site = Site.make(tmp_path, URLS["webdav"], free_port())
    result = site.back_up()
    site.check(result)
    calls = json.loads(result.out)["stores"]["dead"]["calls"]
    assert calls == {"list": ATTEMPTS}


@pytest.mark.parametrize("faults", [Faults(refuse=True), Faults(blackhole=True)])
def test_it_dies_on_the_way(
    faults: Faults, webdav: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only those that were under way find out."""
    folder = webdav.new_folder()
    with FaultProxy(webdav.port) as proxy:
        url = f"webdav://{webdav.user}@127.0.0.1:{{port}}/{folder}"
        site = Site.make(tmp_path, url, proxy.port, volumes=12)
        config = site.machine.config_file
        text = config.read_text().replace('"secret"', json.dumps(webdav.password))
        config.write_text(text)
        put: Callable[[WebdavStore, str, Source, PutMode], None] = WebdavStore.put
        begun: list[str] = []
        done: list[str] = []

        def dying(self: WebdavStore, name: str, source: Source, mode: PutMode) -> None:
            begun.append(name)
            if len(begun) == 4:
                proxy.faults = faults
            put(self, name, source, mode)
            done.append(name)

        monkeypatch.setattr(WebdavStore, "put", dying)
        result = site.back_up()
        under_way = 2  # uploads at a time
        assert len(begun) <= 3 + under_way * ATTEMPTS
        each = 2  # connections: the part file, and its removal
        assert proxy.seen <= under_way * ATTEMPTS * each
    had = {path.name for path in (webdav.data / folder).iterdir()}
    assert {*done} <= had
    assert len(done) in (2, 3)  # one may be there, and nobody could look whether
    site.check(result, had=(2, len(done)))
