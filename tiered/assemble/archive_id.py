"""Where the cache of an archive lies: which archive a command line means."""

from argparse import Namespace
from pathlib import Path

from tiered.assemble.stores import folder_of
from tiered.assemble.wanted import Environment
from tiered.url import StoreUrl

_ACCOUNT = frozenset(
    (
        "AUTHURL",
        "PREAUTHURL",
        "REGIONNAME",
        "TENANTID",
        "TENANTNAME",
        "PROJECT_ID",
        "PROJECT_NAME",
    )
)
"""Variables (behind `SWIFT_`, `PCA_`) that tell in which account a container lies."""


def cache_folder(url: StoreUrl, options: Namespace, env: Environment) -> Path:
    """The folder of the archive at `url`, unless `--name` says another."""
    base = options.archive_dir or _default_cache(env)
    return Path(base) / (options.name or archive_id(url, options, env))


def archive_id(url: StoreUrl, options: Namespace, env: Environment) -> str:
    """Tells archives apart; a changed password or mode is the same archive."""
    is_file = url.scheme in ("file", "cold+file", "multi")
    account = sorted(
        (name, value.reveal())
        for name, value in env.items()
        if name.partition("_")[2] in _ACCOUNT and url.scheme.upper() in name
    )
    # a folder may be below the home of the user; that of b2 is a key, which changes
    if url.user and not is_file and url.scheme != "b2":
        account.append(("user", url.user))
    if url.scheme == "azure":
        from tiered.backends.azure.access import account_of

        account.append(("account", account_of(env)))
    parts = (
        f"{url.scheme}:{folder_of(url)}" if is_file else url.label,
        [v for k, v in url.query if k == "subpath"],
        account,
        options.s3_endpoint if "s3" in url.scheme else None,
        options.prefix,
        options.prefix_archive,
        options.prefix_manifest,
        options.prefix_signature,
    )
    import hashlib  # who names the archive does not need it

    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _default_cache(env: Environment) -> Path:
    if root := env.get("XDG_CACHE_HOME"):
        return Path(root.reveal()) / "tiered"
    return Path.home() / ".cache" / "tiered"
