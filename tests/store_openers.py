"""How a test opens an empty store of each kind, on its server."""

import uuid
from functools import partial
from pathlib import Path
from typing import TypeVar

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
from tiered.testing.contract import Rig
from tiered.url import parse_url

PAGE_ROWS = 100
"""Fewer than the objects that the listing check writes."""
HALF_A_DAY_S = 43_200.0
"""S3 does not say how long a thaw takes; at Deep Archive it is this."""

T = TypeVar("T")


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

    def server(self, fixture: str, kind: type[T]) -> T:
        """The server of that name, which is of that kind."""
        found = self._request.getfixturevalue(fixture)
        assert isinstance(found, kind)
        return found


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
    server, policy = site.server("openstack", OpenStack), "PCS"
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
    server = site.server("openstack", OpenStack)
    container = server.make_container("PCA") if site.exists else server.new_name()
    store = pca_store(
        parse_url(f"pca://{container}"),
        keystone(server, "PCA_"),
        timeout_s=30.0,
        page_rows=PAGE_ROWS,
    )
    return Rig(store=store, wait=server.move_clock)


def s3_on_swift(site: Site) -> Rig:
    server = site.server("openstack", OpenStack)
    bucket = server.make_container() if site.exists else server.new_name()
    env = s3_keys(server.s3_access, server.s3_secret)
    url = parse_url(f"s3:///{bucket}/a/prefix")
    store = s3_store(
        url, env, timeout_s=30.0, endpoint=server.s3_url, page_rows=PAGE_ROWS
    )
    return at_once(store)


def s3_glacier(site: Site) -> Rig:
    server = site.server("glacier", Glacier)
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
    server = site.server("sshd", Ssh)
    place = server.data / server.new_folder(exists=site.exists)
    url = parse_url(f"sftp://{server.user}@127.0.0.1:{server.port}/{place}")
    return at_once(sftp_store(url, {}, timeout_s=30.0, ssh_options=server.options))


def webdav(site: Site) -> Rig:
    server = site.server("rclone_webdav", Folder)
    at, folder = f"127.0.0.1:{server.port}", server.new_folder(exists=False)
    url = parse_url(f"webdav://{server.user}@{at}/{folder}")
    env = variables("FTP_", PASSWORD=server.password)
    store = webdav_store(url, env, timeout_s=30.0)
    if site.exists:
        store.create()
    return at_once(store)


def rsync(site: Site) -> Rig:
    server = site.server("rsyncd", Folder)
    at, folder = f"127.0.0.1:{server.port}", server.new_folder(exists=site.exists)
    url = parse_url(f"rsync://{server.user}@{at}::login/{folder}")
    env = program_variables("RSYNC_", PASSWORD=server.password)
    scratch = site.folder.parent
    return at_once(rsync_store(url, env, timeout_s=30.0, scratch=scratch))


def rsync_by_ssh(site: Site) -> Rig:
    server = site.server("sshd_with_shell", Ssh)
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
    server = site.server("glacier", Glacier)
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
    server = site.server(fixture, Folder)
    at, folder = f"127.0.0.1:{server.port}", server.new_folder(exists=site.exists)
    url = parse_url(f"ftp://{server.user}@{at}/{folder}")
    env = variables("FTP_", PASSWORD=server.password)
    return at_once(ftp_store(url, env, timeout_s=30.0))


def azure(site: Site, tier: str) -> Rig:
    server = site.server("azure", Azure)
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
    server = site.server("gs", Gs)
    store = gs_store(
        parse_url(f"gs://{server.new_bucket(exists=site.exists)}/a/prefix"),
        gs_variables(server),
        timeout_s=30.0,
        storage_class="ARCHIVE",  # no colder than the others
        page_rows=PAGE_ROWS,
    )
    return at_once(store)


def b2(site: Site) -> Rig:
    server = site.server("b2", B2)
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
