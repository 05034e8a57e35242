"""Which server, module and folder rsync is asked for: URL, variables and options in,
values out.  Pure: it never looks at the process environment.

URLs, as duplicity has them (man page, "URL FORMAT"):

    rsync://[user[:password]@]host[:port]::[/]module[/folder]   a daemon
    rsync://[user@]host[:port]/folder                           SSH, below the home
    rsync://[user@]host[:port]//folder                          SSH, from the root

See docs/backends/rsync.md.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from tiered.errors import ConfigError
from tiered.secret import Secret
from tiered.url import PASSWORDS, StoreUrl

_PASSWORDS = (*PASSWORDS, "RSYNC_PASSWORD")
"""The last one is that of rsync itself."""

_PATTERN = frozenset("*?[\\")
"""What a server would take for a pattern."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where the folder is, and who asks."""

    host: str
    port: int | None
    user: str | None
    password: Secret | None
    """None for SSH, which has keys."""
    module: str | None
    """None: by SSH."""
    folder: str
    """Below the module, or the home of the user; absolute if it begins with "/"."""
    ssh_options: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """The folder, as rsync takes it; without a slash at its end."""
        return self._at(self.folder)

    @property
    def base(self) -> tuple[str, str]:
        """Place to read from, and what stands before names there.

        rsync 3.5.0 does not find files below a folder of a module that it did not
        chroot into; from the module itself it does.
        """
        if self.module is None:
            return self.place, ""
        return self._at(""), f"{self.folder}/" if self.folder else ""

    def _at(self, folder: str) -> str:
        host = f"{self.user}@{self.host}" if self.user else self.host
        if self.module is None:
            return f"{host}:{folder}"
        return f"{host}::{self.module}/{folder}".rstrip("/")


def read_access(url: StoreUrl, env: Mapping[str, Secret], ssh_options: str) -> Access:
    """Who asks where.

    Raises:
        ConfigError: Host, module or folder cannot be used, or an option.
    """
    _check(url)
    is_daemon = url.path.startswith("::")
    module, folder = None, _joined(url.path.removeprefix("::"))
    if is_daemon:
        module, _, folder = folder.partition("/")
        if not module:
            raise ConfigError(
                f"{url.label} names no module",
                hint="Write rsync://host::module/folder.",
            )
    else:
        folder = f"/{folder}" if url.path.startswith("//") else folder or "."
    return Access(
        host=url.host,
        port=url.port,
        user=url.user,
        password=url.password_or(env, _PASSWORDS) if is_daemon else None,
        module=module,
        folder=folder,
        ssh_options=() if is_daemon else tuple(_options(ssh_options)),
    )


def _check(url: StoreUrl) -> None:
    if not url.host or url.host.startswith("-") or (url.user or "").startswith("-"):
        raise ConfigError(
            "rsync:// names no host",
            hint="Write rsync://user@host::module/folder, or rsync://user@host/folder.",
        )
    url.refuse_query("An rsync URL has none.")
    if not url.path.isprintable() or _PATTERN.intersection(url.path):
        raise ConfigError(
            f"{url.label}: the folder has a character that rsync takes for a pattern",
            hint="Choose a folder without *, ?, [ and \\.",
        )


def _joined(path: str) -> str:
    return "/".join(part for part in path.split("/") if part)


def _options(text: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError as e:
        raise ConfigError(f"the ssh options cannot be read: {e}") from None
    given = iter(words)
    for word in given:
        if word in ("-o", "-i") and next(given, ""):
            continue
        if len(word) < 3 or not word.startswith(("-o", "-i")):
            raise ConfigError(
                f"the ssh option {word} is not known",
                hint="Known are -oName=value and -i FILE.",
            )
    return words
