"""Which server, user and folder an SFTP store uses: URL, variables and options in,
values out.  Pure: it never looks at the process environment.

URLs, as duplicity has them (man page, "URL FORMAT"):

    sftp://[user[:password]@]host[:port]/folder    below the home of the user
    sftp://[user[:password]@]host[:port]//folder   from the root of the server

See docs/backends/sftp.md.
"""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tiered.errors import ConfigError
from tiered.secret import Secret, text_of
from tiered.url import StoreUrl

_OPTIONS_HINT = (
    "Known are -oIdentityFile=FILE and -oUserKnownHostsFile=FILE; everything else "
    "belongs into ~/.ssh/config, which is read."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a login needs.  What is None or empty, ~/.ssh tells."""

    host: str
    port: int | None
    user: str | None
    password: Secret | None
    agent: str | None
    """Path of the socket of ssh-agent."""
    identities: tuple[str, ...] = ()
    """Files with private keys."""
    known_hosts: tuple[str, ...] = ()
    """Files with the keys of servers."""


def read_access(url: StoreUrl, env: Mapping[str, Secret], ssh_options: str) -> Access:
    """Who logs in where.

    Args:
        ssh_options: As the option of duplicity: "-oName=value …".

    Raises:
        ConfigError: There is no host, or an option that is not known.
    """
    url.require_host()
    url.refuse_query("An SFTP URL has none.")
    given: dict[str, list[str]] = {"identityfile": [], "userknownhostsfile": []}
    for name, value in _options(ssh_options):
        if name.lower() not in given or not value:
            raise ConfigError(f"the ssh option {name} is not known", hint=_OPTIONS_HINT)
        given[name.lower()].append(value)
    return Access(
        host=url.host,
        port=url.port,
        user=url.user,
        password=url.password_or(env),
        agent=text_of(env, "SSH_AUTH_SOCK"),
        identities=tuple(given["identityfile"]),
        known_hosts=tuple(given["userknownhostsfile"]),
    )


def folder_of(url: StoreUrl) -> str:
    """The folder as SFTP servers read it: relative to the home, or absolute."""
    return url.path.removeprefix("/").rstrip("/") or ("/" if url.path == "//" else ".")


def _options(text: str) -> Iterator[tuple[str, str]]:
    try:
        words = iter(shlex.split(text))
    except ValueError as e:
        raise ConfigError(f"the ssh options cannot be read: {e}") from None
    for word in words:
        if word == "-i":
            yield "IdentityFile", next(words, "")
        elif word.startswith("-o"):
            name, _, value = (word[2:] or next(words, "")).partition("=")
            yield name.strip(), value.strip()
        else:
            yield word, ""
