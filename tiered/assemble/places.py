"""What two stores may share, so that one accident takes both copies.  No secret is
fetched for it: two references that say the same are taken for the same.
"""

from pathlib import Path

from tiered.assemble import accounts
from tiered.assemble.stores import folder_of
from tiered.assemble.wanted import Environment
from tiered.errors import ConfigError
from tiered.secret import Secret
from tiered.settings.members import MemberConfig, Value
from tiered.url import StoreUrl

_OF_AZURE = ("AZURE_CONNECTION_STRING", "AZURE_STORAGE_CONNECTION_STRING")

Place = tuple[str, tuple[Value | str | int | None, ...]]
"""How people call it, and what tells it from others."""


def place_of(member: MemberConfig, url: StoreUrl, process: Environment) -> Place | None:
    """What a store shares with each one that has the same; None: not known.

    Args:
        member: Of a config.
        url: Its URL, with the folders of the config.
        process: The variables of the process, which hold where `env` is silent.
    """

    def told(*names: str) -> tuple[Value | None, ...]:
        return tuple(member.env.get(name, process.get(name)) for name in names)

    scheme = url.scheme.rpartition("+")[2]
    parts = [part for part in (url.host, *url.path.split("/")) if part]
    box = parts[0] if parts else ""
    if url.scheme in ("file", "cold+file"):
        return _file_system(folder_of(url))
    if scheme in ("swift", "pca"):
        known = told(*(f"{scheme.upper()}_{name}" for name in accounts.SWIFT))
        return f"the container {box}", (*known, box)
    if scheme == "s3":
        return _bucket(url, parts, told(*accounts.S3))
    if scheme == "azure":
        return f"the container {box}", (*told(*_OF_AZURE), box)
    if scheme in ("gs", "b2"):
        return f"the bucket {box}", (scheme, box)
    if scheme == "rclone" or not url.host:
        return None
    host = url.host.lower()
    return f"the host {host}", (host,)


def _bucket(
    url: StoreUrl, parts: list[str], endpoints: tuple[Value | None, ...]
) -> Place:
    """A first part with a dot or a port is a host (docs/backends/s3.md)."""
    if url.scheme == "s3" and url.host and ("." in url.host or url.port):
        box, endpoint = "/".join(parts[1:2]), Secret(f"https://{url.host}")
        return f"the bucket {box}", (endpoint, url.port, box)
    known = next((value for value in endpoints if value), None)
    box = parts[0] if parts else ""
    return f"the bucket {box}", (known, None, box)


def _file_system(folder: Path) -> Place:
    """Two folders of one disk.  One that is to be made is where its parent is; what is
    not there at all cannot be told apart.
    """
    for each in (folder, folder.parent):
        try:
            return "one file system", (each.stat().st_dev,)
        except OSError:
            continue
    return f"the folder {folder}", (str(folder),)


def mode_of(path: Path) -> int:
    """Who may do what with a file.

    Raises:
        ConfigError: It is not there.
    """
    try:
        return path.stat().st_mode
    except OSError as e:
        raise ConfigError(f"{path}: {e.strerror}", hint="Check the path.") from e
