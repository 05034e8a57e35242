"""Where the cache of an archive lies: which archive a command line means."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from tiered.assemble import accounts
from tiered.assemble.stores import folder_of
from tiered.assemble.wanted import Environment
from tiered.url import StoreUrl


def cache_folder(
    url: StoreUrl, options: Namespace, env: Environment, folders: Sequence[str] = ()
) -> Path:
    """The folder of the archive at `url`, unless `--name` says another.

    Args:
        folders: See `archive_id`.
    """
    base = options.archive_dir or _default_cache(env)
    return Path(base) / (options.name or archive_id(url, options, env, folders))


def archive_id(
    url: StoreUrl, options: Namespace, env: Environment, folders: Sequence[str] = ()
) -> str:
    """Tells archives apart; a changed password or mode is the same archive.

    Args:
        folders: Of a config, where its manifests lie below its stores; whether the
            URL said so or the file.
    """
    is_file = url.scheme in ("file", "cold+file", "multi")
    account = sorted(
        (name, value.reveal())
        for name, value in env.items()
        if name.partition("_")[2] in accounts.SWIFT and url.scheme.upper() in name
    )
    # a folder may be below the home of the user; that of b2 is a key, which changes
    if url.user and not is_file and url.scheme != "b2":
        account.append(("user", url.user))
    if url.scheme == "azure":
        from tiered.backends.azure.access import account_of

        account.append(("account", account_of(env)))
    parts = (
        f"{url.scheme}:{folder_of(url)}" if is_file else url.label,
        [folder for folder in folders if folder],
        account,
        _s3_endpoint(options, env) if "s3" in url.scheme else None,
        options.prefix,
        options.prefix_archive,
        options.prefix_manifest,
        options.prefix_signature,
    )
    import hashlib  # who names the archive does not need it

    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _s3_endpoint(options: Namespace, env: Environment) -> str | None:
    """As the store will find it, if the URL does not name it."""
    told: str | None = options.s3_endpoint
    known = (env[name].reveal() for name in accounts.S3 if name in env)
    return told or next(filter(None, known), None)


def _default_cache(env: Environment) -> Path:
    if root := env.get("XDG_CACHE_HOME"):
        return Path(root.reveal()) / "tiered"
    return Path.home() / ".cache" / "tiered"
