"""The one place where exit statuses and messages of rsync become our errors (rule R5).

Facts:
  * one status stands for many things: 23 is a missing file, a missing folder, or
    one that may not be read; so what was said counts first [rsync(1), EXIT VALUES]
  * errors of the system end in their number, which Linux, the BSDs and macOS
    share, but for a used up quota  [rsync, log.c]

No message of ours holds what the server wrote.
"""

import re
from typing import Final, NoReturn

from tiered.errors import Denied, Full, NotFound, StoreError, StoreMissing, Unavailable

_NET_HINT = "Check host, port and network."
_MODE_HINT = "Check owner and mode of the folder on the server."
_FOLDER_HINT = (
    "Create it, or correct the URL: host/folder is below the home of the user, "
    "host//folder is absolute, host::module/folder is below a module."
)
_PASSWORD_HINT = (
    "Check the user, and the password (BACKEND_PASSWORD, FTP_PASSWORD or "
    "RSYNC_PASSWORD)."
)
_KEY_HINT = (
    "Check the user and the key (~/.ssh, or in ssh-agent): there is no password."
)
_HOST_HINT = (
    "Compare its key with what its owner says, and log in once by `ssh` to accept it."
)

Told = tuple[type[StoreError], str, str]
"""What it is, what is said of it, and what can be done."""

_BY_WORDS: Final[tuple[tuple[re.Pattern[str], Told], ...]] = tuple(
    (re.compile(words, re.MULTILINE), told)
    for words, told in (
        (
            r"^@ERROR: auth failed",
            (Denied, "the server refuses the login", _PASSWORD_HINT),
        ),
        (
            r"^@ERROR: Unknown module",
            (StoreMissing, "there is no such module", "Correct the URL."),
        ),
        (
            r"^@ERROR: ch(dir|root) failed",
            (
                StoreMissing,
                "the folder of the module is not there",
                "Mount the disk that holds it, or correct rsyncd.conf.",
            ),
        ),
        (
            r"^@ERROR: access denied",
            (Denied, "the server refuses this machine", "See `hosts allow` there."),
        ),
        (
            r"^@ERROR: max connections",
            (Unavailable, "too many connections to the server", "Try again later."),
        ),
        (
            r"^(@ERROR|ERROR): .*(read|write) only",
            (Denied, "the module does not allow it", "See rsyncd.conf there."),
        ),
        (
            r"configured to refuse|not allowed|was disabled",
            (Denied, "the server refuses an option", "See docs/backends/rsync.md."),
        ),
        (
            r"Host key verification failed|IDENTIFICATION HAS CHANGED",
            (
                StoreError,
                "the key of the server is not the one that is known",
                _HOST_HINT,
            ),
        ),
        (
            r"Permission denied \([a-z,-]+\)",
            (Denied, "the server refuses the login", _KEY_HINT),
        ),
        (
            r"Could not resolve|getaddrinfo|Connection refused|timed out|No route to",
            (Unavailable, "no connection", _NET_HINT),
        ),
        (
            r"(No space left on device|: File too large) \(\d+\)$",
            (Full, "there is no space", "Free space on the server."),
        ),
        (
            r"[Qq]uota exceeded \(\d+\)$",
            (Full, "there is no space", "The quota of this user is used up."),
        ),
        (
            r"(mkdir \"[^\n]*/\.\"|change_dir \"[^\n]*\").* failed: No such file or "
            r"directory \(2\)$",
            (StoreMissing, "there is no such folder on the server", _FOLDER_HINT),
        ),
        (
            r"(mkdir|change_dir) .* failed: Not a directory \(20\)$",
            (StoreError, "a file is where a folder must be", _FOLDER_HINT),
        ),
        (r"link_stat .* failed: No such file or directory \(2\)$", (NotFound, "", "")),
        (
            r": (Permission denied|Operation not permitted) \(\d+\)",
            (Denied, "permission denied", _MODE_HINT),
        ),
        (
            r"Read-only file system \(30\)$",
            (Denied, "the file system is read-only", _MODE_HINT),
        ),
        (
            r"could not make way for|Is a directory \(21\)",
            (StoreError, "a folder has that name", "Remove it on the server."),
        ),
        (
            r"unknown option",
            (StoreError, "the server's rsync is too old", "It must be 3.1 or newer."),
        ),
    )
)

_GONE: Told = (Unavailable, "the connection was lost", _NET_HINT)
_SILENT: Told = (Unavailable, "no answer in time", _NET_HINT)

_BY_STATUS: Final[dict[int, Told]] = {
    2: (StoreError, "what answers is no rsync", "Does the login print anything there?"),
    10: _GONE,
    12: _GONE,
    20: (Unavailable, "it was ended from outside", ""),
    30: _SILENT,
    35: _SILENT,
    127: (StoreError, "the server has no rsync", "Install it there."),
    255: _GONE,
}


def fail(status: int, complaints: str, what: str, name: str) -> NoReturn:
    """Raise what a run that failed means."""
    kind, said, hint = _meaning(status, complaints)
    if kind is NotFound:
        raise NotFound(f"{what}: there is none", name=name)
    raise kind(f"{what}: {said}", hint=hint, name=name, rsync_status=status)


def refuses_fsync(complaints: str) -> bool:
    """Was that one option the reason?  rsync before 3.2.4 does not know it."""
    return bool(re.search(r"--fsync: unknown option|refuse --fsync", complaints))


def _meaning(status: int, complaints: str) -> Told:
    for words, told in _BY_WORDS:
        if words.search(complaints):
            return told
    if "command not found" in complaints or "rsync: not found" in complaints:
        return _BY_STATUS[127]
    unknown = (StoreError, f"rsync ended with status {status}", _TRY_HINT)
    return _BY_STATUS.get(status, unknown)


_TRY_HINT = "Try it by hand: `rsync --list-only` on the same place says more."
