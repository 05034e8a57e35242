"""Every kind of store that keeps the contract, and what is said of it in
docs/reference/stores.md.  A new backend is one line in STORES.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from tests import store_openers as on
from tests.store_openers import Site
from tiered.testing.contract import Rig, r1_one_of_many_creators_wins
from tiered.wrap.base import Wrapped


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
        open=lambda s: on.at_once(on.file(s)),
        extras={"ranges", "stat", "create", "folders"},
        server="a folder",
    ),
    "wrapped": Case(
        open=lambda s: on.at_once(Wrapped(on.file(s))),
        extras={"ranges", "stat", "create", "folders"},
        server="the same, through a wrapper that changes nothing",
    ),
    "cold": Case(
        open=on.cold,
        extras={"thaw", "stat", "create", "folders"},
        server="the same, sealed as archive storage is (`cold+file://`)",
    ),
    "swift": Case(
        open=on.swift,
        extras={"ranges", "stat", "create"},
        server="OpenStack Swift and Keystone",
        exceptions=SWIFT_RACE,
    ),
    "pca": Case(
        open=on.pca,
        extras={"thaw", "ranges", "stat", "create"},
        server="the same Swift, with a storage policy that seals",
        exceptions=SWIFT_RACE,
    ),
    "s3-swift": Case(
        open=on.s3_on_swift,
        extras={"ranges", "stat"},
        server="the S3 interface of the same Swift",
        exceptions=SWIFT_RACE,
    ),
    "s3-glacier": Case(
        open=on.s3_glacier,
        extras={"thaw", "ranges", "stat"},
        server="moto, with archive classes that take their time",
    ),
    "azure": Case(
        open=lambda s: on.azure(s, "Hot"),
        extras={"ranges", "stat", "create"},
        server="Azurite",
    ),
    "azure-archive": Case(
        open=lambda s: on.azure(s, "Archive"),
        extras={"thaw", "ranges", "stat", "create"},
        server="Azurite, with a tier Archive that takes its time",
    ),
    "sftp": Case(
        open=on.sftp,
        extras={"ranges", "stat", "create", "folders"},
        server="OpenSSH",
    ),
    "webdav": Case(
        open=on.webdav,
        extras={"ranges", "stat", "create", "folders"},
        server="rclone",
        exceptions=DAV_RACE,
    ),
    "ftp": Case(
        open=lambda s: on.ftp(s, "ftp"),
        extras={"ranges", "stat", "create", "folders"},
        server="pyftpdlib",
        exceptions=FTP_RACE,
    ),
    "ftp-old": Case(
        open=lambda s: on.ftp(s, "ftp_old"),
        extras={"ranges", "stat", "create", "folders"},
        server="the same without MLSD",
        exceptions=FTP_RACE,
    ),
    "rsync": Case(
        open=on.rsync,
        extras={"stat", "create", "folders"},
        server="rsync as a daemon",
        exceptions=RSYNC_RACE,
    ),
    "rsync-ssh": Case(
        open=on.rsync_by_ssh,
        extras={"stat", "create", "folders"},
        server="rsync by OpenSSH",
        exceptions=RSYNC_RACE,
    ),
    "rclone": Case(
        open=on.rclone,
        extras={"ranges", "stat", "create", "folders"},
        server="rclone with a remote of type local",
        exceptions=RCLONE_RACE,
    ),
    "rclone-s3": Case(
        open=on.rclone_s3,
        extras={"ranges", "stat", "create", "folders"},
        server="rclone with moto",
        exceptions=RCLONE_RACE,
    ),
    "gs": Case(
        open=on.gs,
        extras={"ranges", "stat"},
        server="fake-gcs-server, which is made to ask for a login and keep conditions",
    ),
    "b2": Case(
        open=on.b2,
        extras={"ranges", "stat", "create"},
        server="the simulator of Backblaze's SDK, by HTTP",
        exceptions=B2_RACE,
    ),
}
