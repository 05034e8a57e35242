"""Every store keeps the contract.  A new backend is one line in STORES."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from tests.accounts import (
    b2_variables,
    gs_variables,
    keystone,
    program_variables,
    s3_keys,
    variables,
)
from tests.cloud_servers import B2, Gs
from tests.rules_table import HOLDS, NOT_OFFERED, Recorder
from tests.servers import Glacier, OpenStack
from tests.store_servers import Azure, Folder, Ssh
from tiered.backends.azure import azure_store
from tiered.backends.b2 import b2_store
from tiered.backends.file import FileSettings, FileStore
from tiered.backends.ftp import ftp_store
from tiered.backends.gs import gs_store
from tiered.backends.rclone import rclone_store
from tiered.backends.rsync_program import rsync_store
from tiered.backends.s3 import s3_store
from tiered.backends.sftp import sftp_store
from tiered.backends.swift import pca_store, swift_store
from tiered.backends.webdav import webdav_store
from tiered.store import Store
from tiered.testing.clocks import JumpingClock
from tiered.testing.cold import ColdSettings, ColdStore
from tiered.testing.contract import (
    ABSENT,
    ALL,
    Check,
    Outcome,
    Rig,
    offered,
    r1_one_of_many_creators_wins,
)
from tiered.url import parse_url
from tiered.wrap.base import Wrapped

PAGE_ROWS = 100
"""Fewer than the objects that the listing check writes."""
HALF_A_DAY_S = 43_200.0
"""S3 does not say how long a thaw takes; at Deep Archive it is this."""


class Site:
    """What a test has to put a store on.

    Args:
        folder: Of its own; its parent exists.
        exists: Shall the container be there already?
    """

    def __init__(
        self, folder: Path, request: pytest.FixtureRequest, *, exists: bool
    ) -> None:
        self.folder, self.exists, self._request = folder, exists, request
        if exists:
            folder.mkdir()

    @property
    def openstack(self) -> OpenStack:
        found = self._request.getfixturevalue("openstack")
        assert isinstance(found, OpenStack)
        return found

    def ssh(self, fixture: str) -> Ssh:
        found = self._request.getfixturevalue(fixture)
        assert isinstance(found, Ssh)
        return found

    @property
    def azure(self) -> Azure:
        found = self._request.getfixturevalue("azure")
        assert isinstance(found, Azure)
        return found

    @property
    def gs(self) -> Gs:
        found = self._request.getfixturevalue("gs")
        assert isinstance(found, Gs)
        return found

    @property
    def b2(self) -> B2:
        found = self._request.getfixturevalue("b2")
        assert isinstance(found, B2)
        return found

    def folder_server(self, fixture: str) -> Folder:
        found = self._request.getfixturevalue(fixture)
        assert isinstance(found, Folder)
        return found

    @property
    def glacier(self) -> Glacier:
        found = self._request.getfixturevalue("glacier")
        assert isinstance(found, Glacier)
        return found


@dataclass(frozen=True, kw_only=True)
class Case:
    """How to open an empty store, and what it must be able to do."""

    open: Callable[[Site], Rig]
    extras: set[str]
    """Written down, so that a capability cannot disappear unnoticed."""
    server: str
    """What the store is tested against, for docs/reference/stores.md."""
    exceptions: Mapping[str, str] = field(default_factory=dict)
    """Optional checks that the store may fail, with the reason for the same page."""


def at_once(store: Store) -> Rig:
    def wait(_: float) -> None:
        raise AssertionError("this store is never cold")

    return Rig(store=store, wait=wait)


def file(site: Site) -> FileStore:
    return FileStore(FileSettings(root=site.folder, durable=False))


def cold(site: Site) -> Rig:
    clock = JumpingClock()
    states = site.folder.with_name(site.folder.name + ".states")
    settings = ColdSettings(states=states)
    return Rig(store=ColdStore(file(site), settings, clock), wait=clock.sleep_s)


def swift(site: Site) -> Rig:
    server, policy = site.openstack, "PCS"
    container = server.make_container() if site.exists else server.new_name()
    store = swift_store(
        parse_url(f"swift://{container}/a/prefix"),
        keystone(server, "SWIFT_"),
        timeout_s=30.0,
        policy=policy,
        page_rows=PAGE_ROWS,
    )
    return at_once(store)


def pca(site: Site) -> Rig:
    server = site.openstack
    container = server.make_container("PCA") if site.exists else server.new_name()
    store = pca_store(
        parse_url(f"pca://{container}"),
        keystone(server, "PCA_"),
        timeout_s=30.0,
        page_rows=PAGE_ROWS,
    )
    return Rig(store=store, wait=server.move_clock)


def s3_on_swift(site: Site) -> Rig:
    server = site.openstack
    bucket = server.make_container() if site.exists else server.new_name()
    env = s3_keys(server.s3_access, server.s3_secret)
    url = parse_url(f"s3:///{bucket}/a/prefix")
    store = s3_store(
        url, env, timeout_s=30.0, endpoint=server.s3_url, page_rows=PAGE_ROWS
    )
    return at_once(store)


def s3_glacier(site: Site) -> Rig:
    server = site.glacier
    bucket = server.make_bucket() if site.exists else "test-there-is-none"
    store = s3_store(
        parse_url(f"s3:///{bucket}"),
        s3_keys(server.access, server.secret),
        timeout_s=30.0,
        endpoint=server.url,
        storage_class="DEEP_ARCHIVE",
        page_rows=PAGE_ROWS,
    )
    wait = partial(_wait_at_least, server, HALF_A_DAY_S)
    return Rig(store=store, wait=wait)


def sftp(site: Site) -> Rig:
    server = site.ssh("sshd")
    place = server.data / server.new_folder(exists=site.exists)
    url = parse_url(f"sftp://{server.user}@127.0.0.1:{server.port}/{place}")
    return at_once(sftp_store(url, {}, timeout_s=30.0, ssh_options=server.options))


def webdav(site: Site) -> Rig:
    server = site.folder_server("rclone_webdav")
    at, folder = f"127.0.0.1:{server.port}", server.new_folder(exists=False)
    url = parse_url(f"webdav://{server.user}@{at}/{folder}")
    env = variables("FTP_", PASSWORD=server.password)
    store = webdav_store(url, env, timeout_s=30.0)
    if site.exists:
        store.create()
    return at_once(store)


def rsync(site: Site) -> Rig:
    server = site.folder_server("rsyncd")
    at, folder = f"127.0.0.1:{server.port}", server.new_folder(exists=site.exists)
    url = parse_url(f"rsync://{server.user}@{at}::login/{folder}")
    env = program_variables("RSYNC_", PASSWORD=server.password)
    scratch = site.folder.parent
    return at_once(rsync_store(url, env, timeout_s=30.0, scratch=scratch))


def rsync_by_ssh(site: Site) -> Rig:
    server = site.ssh("sshd_with_shell")
    place = server.data / server.new_folder(exists=site.exists)
    url = parse_url(f"rsync://{server.user}@127.0.0.1:{server.port}/{place}")
    shared = f"-oControlMaster=auto -oControlPath={server.identity.parent}/%C"
    store = rsync_store(
        url,
        program_variables(""),
        timeout_s=30.0,
        scratch=site.folder.parent,
        ssh_options=f"{server.options} {shared} -oControlPersist=60",
    )
    return at_once(store)


def rclone(site: Site) -> Rig:
    env = program_variables("RCLONE_CONFIG_THERE_", TYPE="local")
    url, scratch = parse_url(f"rclone://there:/{site.folder}"), site.folder.parent
    return at_once(rclone_store(url, env, timeout_s=30.0, scratch=scratch))


def rclone_s3(site: Site) -> Rig:
    server = site.glacier
    bucket = server.make_bucket() if site.exists else f"test-{uuid.uuid4().hex[:12]}"
    env = program_variables(
        "RCLONE_CONFIG_THERE_",
        TYPE="s3",
        PROVIDER="Other",
        ENDPOINT=server.url,
        ACCESS_KEY_ID=server.access,
        SECRET_ACCESS_KEY=server.secret,
    )
    url, scratch = parse_url(f"rclone://there:{bucket}/a/prefix"), site.folder.parent
    return at_once(rclone_store(url, env, timeout_s=30.0, scratch=scratch))


def ftp(site: Site, fixture: str) -> Rig:
    server = site.folder_server(fixture)
    at, folder = f"127.0.0.1:{server.port}", server.new_folder(exists=site.exists)
    url = parse_url(f"ftp://{server.user}@{at}/{folder}")
    env = variables("FTP_", PASSWORD=server.password)
    return at_once(ftp_store(url, env, timeout_s=30.0))


def azure(site: Site, tier: str) -> Rig:
    server = site.azure
    store = azure_store(
        parse_url(f"azure://test-{uuid.uuid4().hex[:12]}/a/prefix"),
        variables("AZURE_", CONNECTION_STRING=server.connection_string),
        timeout_s=30.0,
        tier=tier,
        page_rows=PAGE_ROWS,
    )
    if site.exists:
        store.create()
    return Rig(store=store, wait=partial(_wait_at_least, server, HALF_A_DAY_S * 2))


def gs(site: Site) -> Rig:
    server = site.gs
    store = gs_store(
        parse_url(f"gs://{server.new_bucket(exists=site.exists)}/a/prefix"),
        gs_variables(server),
        timeout_s=30.0,
        storage_class="ARCHIVE",  # no colder than the others
        page_rows=PAGE_ROWS,
    )
    return at_once(store)


def b2(site: Site) -> Rig:
    server = site.b2
    store = b2_store(
        parse_url(f"b2://{server.new_name()}/a/prefix"),
        b2_variables(server),
        timeout_s=30.0,
        page_rows=PAGE_ROWS,
        single_bytes=8_000_000,
    )
    if site.exists:
        store.create()
    return at_once(store)


def _wait_at_least(server: Glacier | Azure, least_s: float, seconds: float) -> None:
    server.move_clock(max(seconds, least_s))


RACE: Final = r1_one_of_many_creators_wins.__name__
SWIFT_RACE: Final = {RACE: "Swift looks when an upload begins, not when it ends"}
FTP_RACE: Final = {RACE: "FTP has no rename that refuses: it is a look and a rename"}
B2_RACE: Final = {RACE: "B2 knows no condition: every upload makes a version"}
DAV_RACE: Final = {RACE: "rclone looks whether the target is there, then moves"}
RSYNC_RACE: Final = {RACE: "rsync looks when a transfer begins, and renames later"}
RCLONE_RACE: Final = {
    RACE: "rclone looks, then sends: only threads of one process wait"
}

STORES = {
    "file": Case(
        open=lambda s: at_once(file(s)),
        extras={"ranges", "stat", "create", "folders"},
        server="a folder",
    ),
    "wrapped": Case(
        open=lambda s: at_once(Wrapped(file(s))),
        extras={"ranges", "stat", "create", "folders"},
        server="the same, through a wrapper that changes nothing",
    ),
    "cold": Case(
        open=cold,
        extras={"thaw", "stat", "create", "folders"},
        server="the same, sealed as archive storage is (`cold+file://`)",
    ),
    "swift": Case(
        open=swift,
        extras={"ranges", "stat", "create"},
        server="OpenStack Swift and Keystone",
        exceptions=SWIFT_RACE,
    ),
    "pca": Case(
        open=pca,
        extras={"thaw", "ranges", "stat", "create"},
        server="the same Swift, with a storage policy that seals",
        exceptions=SWIFT_RACE,
    ),
    "s3-swift": Case(
        open=s3_on_swift,
        extras={"ranges", "stat"},
        server="the S3 interface of the same Swift",
        exceptions=SWIFT_RACE,
    ),
    "s3-glacier": Case(
        open=s3_glacier,
        extras={"thaw", "ranges", "stat"},
        server="moto, with archive classes that take their time",
    ),
    "azure": Case(
        open=lambda s: azure(s, "Hot"),
        extras={"ranges", "stat", "create"},
        server="Azurite",
    ),
    "azure-archive": Case(
        open=lambda s: azure(s, "Archive"),
        extras={"thaw", "ranges", "stat", "create"},
        server="Azurite, with a tier Archive that takes its time",
    ),
    "sftp": Case(
        open=sftp,
        extras={"ranges", "stat", "create", "folders"},
        server="OpenSSH",
    ),
    "webdav": Case(
        open=webdav,
        extras={"ranges", "stat", "create", "folders"},
        server="rclone",
        exceptions=DAV_RACE,
    ),
    "ftp": Case(
        open=lambda s: ftp(s, "ftp"),
        extras={"ranges", "stat", "create", "folders"},
        server="pyftpdlib",
        exceptions=FTP_RACE,
    ),
    "ftp-old": Case(
        open=lambda s: ftp(s, "ftp_old"),
        extras={"ranges", "stat", "create", "folders"},
        server="the same without MLSD",
        exceptions=FTP_RACE,
    ),
    "rsync": Case(
        open=rsync,
        extras={"stat", "create", "folders"},
        server="rsync as a daemon",
        exceptions=RSYNC_RACE,
    ),
    "rsync-ssh": Case(
        open=rsync_by_ssh,
        extras={"stat", "create", "folders"},
        server="rsync by OpenSSH",
        exceptions=RSYNC_RACE,
    ),
    "rclone": Case(
        open=rclone,
        extras={"ranges", "stat", "create", "folders"},
        server="rclone with a remote of type local",
        exceptions=RCLONE_RACE,
    ),
    "rclone-s3": Case(
        open=rclone_s3,
        extras={"ranges", "stat", "create", "folders"},
        server="rclone with moto",
        exceptions=RCLONE_RACE,
    ),
    "gs": Case(
        open=gs,
        extras={"ranges", "stat"},
        server="fake-gcs-server, which is made to ask for a login and keep conditions",
    ),
    "b2": Case(
        open=b2,
        extras={"ranges", "stat", "create"},
        server="the simulator of Backblaze's SDK, by HTTP",
        exceptions=B2_RACE,
    ),
}

for_every_store = pytest.mark.parametrize("store", STORES)


@contextmanager
def opened(store: str, site: Site) -> Iterator[Rig]:
    rig = STORES[store].open(site)
    try:
        yield rig
    finally:
        rig.store.close()


def cell(store: str, check: Check, rig: Rig) -> str:
    """Run a check: what the table of stores says of it; fails if that may not be."""
    finding = check(rig)
    if reason := STORES[store].exceptions.get(check.__name__):
        assert check.is_optional, "a rule has no exceptions"
        return reason
    if finding.outcome is Outcome.HOLDS:
        return HOLDS
    assert finding.outcome is Outcome.NOT_OFFERED, finding.remark
    assert not check.is_optional, finding.remark
    return NOT_OFFERED


@for_every_store
@pytest.mark.parametrize("check", ALL, ids=lambda c: c.__name__)
def test_contract(
    check: Check,
    store: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    rules: Recorder,
) -> None:
    site = Site(tmp_path / "store", request, exists=check is not ABSENT)
    with opened(store, site) as rig:
        rules.record(store, check, cell(store, check, rig))


@for_every_store
def test_offers_exactly_the_declared_extras(
    store: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with opened(store, Site(tmp_path / "store", request, exists=True)) as rig:
        assert offered(rig.store.extras) == STORES[store].extras
