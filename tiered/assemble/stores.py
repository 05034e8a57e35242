"""One backend for each scheme: the table that a new backend adds a line to."""

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from tiered.archive.kinds import SAMPLES, Kind, kind_of
from tiered.assemble.wanted import Wanted
from tiered.clock import Clock
from tiered.errors import ConfigError
from tiered.store import Store
from tiered.url import StoreUrl


def open_backend(wanted: Wanted, options: Namespace, clock: Clock) -> Store:
    """The store itself, without wrappers; no I/O.

    Raises:
        ConfigError: There is no such scheme, or the URL or its variables are wrong.
        MissingDependency: The extra of this backend is not installed.
    """
    open_store = _SCHEMES.get(wanted.url.scheme)
    if open_store is None:
        raise ConfigError(
            f"there is no backend for {wanted.url.scheme}://",
            hint=f"Known are {', '.join(sorted([*_SCHEMES, 'multi']))}.",
        )
    return open_store(wanted, options, clock)


def folder_of(url: StoreUrl) -> Path:
    """`file:///abs` is absolute; `file://rel/path` is below the working folder."""
    return Path(url.host + url.path).absolute()


def seals_volumes(wanted: Wanted, options: Namespace) -> bool:
    """Is a volume sealed as soon as it is put?  Told by what was asked for; no I/O.

    Raises:
        ConfigError: As `open_backend`.
    """
    scheme = wanted.url.scheme
    if scheme == "azure":
        return callable(_blob_tier(wanted, options))
    if not scheme.endswith("s3"):
        return scheme in ("pca", "cold+file")
    from tiered.assemble import s3_options

    used = s3_options.storage_class(wanted, options)(SAMPLES[Kind.ARCHIVE])
    return used in s3_options.provider(wanted, options).cold_classes


def _open_file(wanted: Wanted, options: Namespace, clock: Clock) -> Store:
    wanted.url.refuse_query("A file URL has none.")
    from tiered.backends.file import FileSettings, FileStore

    return FileStore(FileSettings(root=folder_of(wanted.url)))


def _open_cold_file(wanted: Wanted, options: Namespace, clock: Clock) -> Store:
    """A folder that behaves cold: for rehearsals and the demo."""
    from tiered.backends.file import FileSettings, FileStore
    from tiered.testing.cold import DELAY_S, LIFE_S, ColdSettings, ColdStore

    root = folder_of(wanted.url)
    query = dict(wanted.url.query)
    try:
        settings = ColdSettings(
            states=root.with_name(root.name + ".thaws.json"),
            delay_s=float(query.pop("delay_s", DELAY_S)),
            life_s=float(query.pop("life_s", LIFE_S)),
        )
    except ValueError as e:
        raise ConfigError(f"{wanted.url.label}: {e}") from None
    if query:
        raise ConfigError(
            f"{wanted.url.label}: unknown query parameter {min(query)!r}",
            hint="Known are delay_s and life_s.",
        )
    return ColdStore(FileStore(FileSettings(root=root)), settings, clock)


def _open_swift(wanted: Wanted, options: Namespace, clock: Clock) -> Store:
    from tiered.backends.swift import swift_store

    return swift_store(
        wanted.url,
        wanted.env,
        timeout_s=options.timeout_s,
        policy=options.swift_policy,
    )


def _open_pca(wanted: Wanted, options: Namespace, clock: Clock) -> Store:
    from tiered.backends.swift import pca_store

    return pca_store(wanted.url, wanted.env, timeout_s=options.timeout_s)


def _open_s3(wanted: Wanted, options: Namespace, clock: Clock) -> Store:
    from tiered.assemble import s3_options
    from tiered.backends.s3 import s3_store

    return s3_store(
        wanted.url,
        wanted.env,
        timeout_s=options.timeout_s,
        region=options.s3_region,
        endpoint=options.s3_endpoint,
        storage_class=s3_options.storage_class(wanted, options),
        encryption=s3_options.encryption(wanted),
        retention=s3_options.retention(wanted, clock),
        addressing=s3_options.addressing(wanted),
    )


def _open_sftp(wanted: Wanted, options: Namespace, clock: Clock) -> Store:
    from tiered.backends.sftp import sftp_store

    return sftp_store(
        wanted.url,
        wanted.env,
        timeout_s=options.timeout_s,
        ssh_options=str(wanted.options.get("ssh_options", options.ssh_options)),
    )


def _open_webdav(wanted: Wanted, options: Namespace, clock: Clock) -> Store:
    from tiered.backends.webdav import webdav_store

    return webdav_store(
        wanted.url,
        wanted.env,
        timeout_s=options.timeout_s,
        authorities=options.ssl_cacert_file,
    )


def _open_ftp(wanted: Wanted, options: Namespace, clock: Clock) -> Store:
    from tiered.backends.ftp import ftp_store

    return ftp_store(
        wanted.url,
        wanted.env,
        timeout_s=options.timeout_s,
        authorities=options.ssl_cacert_file,
        passive=options.ftp_passive is not False,
    )


def _open_azure(wanted: Wanted, options: Namespace, clock: Clock) -> Store:
    from tiered.backends.azure import azure_store

    return azure_store(
        wanted.url,
        wanted.env,
        timeout_s=options.timeout_s,
        tier=_blob_tier(wanted, options),
    )


def _open_rsync(wanted: Wanted, options: Namespace, clock: Clock) -> Store:
    from tiered.backends.rsync_program import rsync_store

    return rsync_store(
        wanted.url,
        wanted.env,
        timeout_s=options.timeout_s,
        scratch=_scratch(options),
        ssh_options=str(wanted.options.get("ssh_options", options.ssh_options)),
    )


def _open_rclone(wanted: Wanted, options: Namespace, clock: Clock) -> Store:
    from tiered.backends.rclone import rclone_store

    return rclone_store(
        wanted.url,
        wanted.env,
        timeout_s=options.timeout_s,
        scratch=_scratch(options),
    )


def _scratch(options: Namespace) -> Path:
    import tempfile

    return Path(options.tempdir or tempfile.gettempdir())


def _blob_tier(
    wanted: Wanted, options: Namespace
) -> Callable[[str], str | None] | str | None:
    """Volumes may lie cold; what every command reads never does."""
    from tiered.backends.azure.access import ARCHIVE, checked_tier
    from tiered.router.rules import Tier

    asked = ARCHIVE if wanted.tier is Tier.COLD else options.azure_blob_tier
    asked = wanted.options.get("blob_tier", asked)
    tier = None if asked is None else checked_tier(str(asked))
    if tier != ARCHIVE:
        return tier
    return lambda name: tier if kind_of(name) is Kind.ARCHIVE else None


def _open_b2(wanted: Wanted, options: Namespace, clock: Clock) -> Store:
    from tiered.backends.b2 import b2_store

    return b2_store(
        wanted.url,
        wanted.env,
        timeout_s=options.timeout_s,
        hide=bool(wanted.options.get("hide_files", options.b2_hide_files)),
    )


def _open_gs(wanted: Wanted, options: Namespace, clock: Clock) -> Store:
    from tiered.backends.gs import gs_store

    return gs_store(
        wanted.url,
        wanted.env,
        timeout_s=options.timeout_s,
        storage_class=_gs_class(wanted, options),
    )


def _gs_class(wanted: Wanted, options: Namespace) -> Callable[[str], str | None] | None:
    """Volumes may cost more to read; what every command reads never does."""
    from tiered.backends.gs.access import COLDEST, checked_class
    from tiered.router.rules import Tier

    asked = COLDEST if wanted.tier is Tier.COLD else options.gs_storage_class
    asked = wanted.options.get("storage_class", asked)
    if asked is None:
        return None
    of_volumes = checked_class(str(asked))
    return lambda name: of_volumes if kind_of(name) is Kind.ARCHIVE else "STANDARD"


_SFTP = (
    *("sftp", "paramiko+sftp", "pexpect+sftp", "lftp+sftp"),
    *("scp", "paramiko+scp", "pexpect+scp"),
)
_FTP = ("ftp", "ftps", "ftpes", "lftp+ftp", "lftp+ftps", "lftp+ftpes", "ncftp+ftp")
_WEBDAV = ("webdav", "webdavs", "http", "https", "lftp+webdav", "lftp+webdavs")
"""duplicity names its program in a scheme; here that makes no difference."""

_SCHEMES: dict[str, Callable[[Wanted, Namespace, Clock], Store]] = {
    "file": _open_file,
    "cold+file": _open_cold_file,
    "swift": _open_swift,
    "pca": _open_pca,
    **dict.fromkeys(("s3", "boto3+s3"), _open_s3),
    **dict.fromkeys(_SFTP, _open_sftp),
    "rsync": _open_rsync,
    "rclone": _open_rclone,
    **dict.fromkeys(_FTP, _open_ftp),
    "azure": _open_azure,
    "gs": _open_gs,
    "b2": _open_b2,
    **dict.fromkeys(_WEBDAV, _open_webdav),
}
