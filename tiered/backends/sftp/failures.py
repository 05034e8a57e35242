"""The one place where errors of asyncssh become ours (rule R5).

Facts:
  * SFTP version 3, which OpenSSH speaks, has few statuses: "no such file" and
    "permission denied" are told apart, everything else is "failure", a full
    disk and a taken name as well  [draft-ietf-secsh-filexfer-02, section 7]
  * asyncssh raises OSError for what goes wrong before the server has spoken

No message holds what the server wrote.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncssh
from asyncssh import sftp

from tiered.errors import (
    AlreadyExists,
    Denied,
    Full,
    NotFound,
    StoreError,
    Unavailable,
)

_LOGIN_HINT = (
    "Check the user, the key (~/.ssh, or in ssh-agent) and the password "
    "(BACKEND_PASSWORD or FTP_PASSWORD)."
)
_HOST_HINT = (
    "Compare its key with what its owner says, and log in once by `ssh` to accept it; "
    "or name a file with the key by -oUserKnownHostsFile."
)
_NET_HINT = "Check host, port and network."
_MODE_HINT = "Check owner and mode of the folder on the server."

_BY_STATUS: Final[dict[type[asyncssh.Error], tuple[type[StoreError], str]]] = {
    sftp.SFTPNoSuchFile: (NotFound, ""),
    sftp.SFTPNoSuchPath: (NotFound, ""),
    sftp.SFTPFileAlreadyExists: (AlreadyExists, ""),
    sftp.SFTPPermissionDenied: (Denied, _MODE_HINT),
    sftp.SFTPWriteProtect: (Denied, "The file system is read-only."),
    sftp.SFTPNoSpaceOnFilesystem: (Full, "Free space on the server."),
    sftp.SFTPQuotaExceeded: (Full, "The quota of this user is used up."),
    sftp.SFTPConnectionLost: (Unavailable, _NET_HINT),
    sftp.SFTPNoConnection: (Unavailable, _NET_HINT),
    asyncssh.PermissionDenied: (Denied, _LOGIN_HINT),
    asyncssh.HostKeyNotVerifiable: (StoreError, _HOST_HINT),
    asyncssh.IllegalUserName: (Denied, _LOGIN_HINT),
    asyncssh.KeyExchangeFailed: (
        StoreError,
        "Client and server know no common algorithm: update the older one.",
    ),
    asyncssh.ProtocolNotSupported: (StoreError, "Is this an SSH server?"),
    asyncssh.ChannelOpenError: (Unavailable, "Does the server offer SFTP?"),
}
_SAID: Final[dict[type[asyncssh.Error], str]] = {
    asyncssh.PermissionDenied: "the server refuses the login",
    asyncssh.HostKeyNotVerifiable: "the key of the server is not the one that is known",
}


@contextmanager
def as_ours(what: str) -> Iterator[None]:
    """Run the body of the task `what`; foreign errors leave it as a StoreError."""
    try:
        yield
    except asyncssh.Error as e:
        kind, hint = _kind_of(e)
        said = _SAID.get(type(e), _status(e))
        raise kind(f"{what}: {said}", hint=hint) from e
    except TimeoutError as e:
        raise Unavailable(f"{what}: no answer in time", hint=_NET_HINT) from e
    except OSError as e:
        said = e.strerror or type(e).__name__
        raise Unavailable(f"{what}: no connection ({said})", hint=_NET_HINT) from e


def _kind_of(error: asyncssh.Error) -> tuple[type[StoreError], str]:
    if found := _BY_STATUS.get(type(error)):
        return found
    if isinstance(error, asyncssh.DisconnectError):
        return Unavailable, _NET_HINT
    return StoreError, ""


def _status(error: asyncssh.Error) -> str:
    """What kind of error it is, in words: the class is called after the status."""
    name = type(error).__name__.removeprefix("SFTP")
    return "".join(f" {c.lower()}" if c.isupper() else c for c in name).strip()
