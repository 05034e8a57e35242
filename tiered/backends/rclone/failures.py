"""The one place where errors of rclone become ours (rule R5).

Facts [rclone.org/rc, rclone.org/docs/#exit-code]:
  * 404 is an object or a folder that is not there; all else is 500, whatever a
    provider said, so the words decide
  * which of these may be repeated, rclone knows and does not tell

What no words are known for is shown as rclone said it, without the values of
variables and without addresses, which may have signatures in them.
"""

import http.client
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from tiered.errors import (
    ConfigError,
    Denied,
    Frozen,
    Full,
    NotFound,
    StoreError,
    StoreMissing,
    TieredError,
    Unavailable,
)

_REMOTE_HINT = "Check the remote: `rclone lsd` with its name shows what it says."
_NET_HINT = "Check the address in the remote, and the network."
_SHOWN_CHARS = 300

Told = tuple[type[TieredError], str, str]

_BY_WORDS: Final[tuple[tuple[re.Pattern[str], Told], ...]] = tuple(
    (re.compile(words, re.IGNORECASE), told)
    for words, told in (
        (
            r"didn't find section in config file",
            (ConfigError, "rclone knows no such remote", "See `rclone listremotes`."),
        ),
        (
            r"config file|decrypt configuration",
            (
                ConfigError,
                "rclone cannot read its config",
                "If it is encrypted, set RCLONE_CONFIG_PASS.",
            ),
        ),
        (
            r"directory not found|bucket not found|NoSuchBucket|ContainerNotFound",
            (
                StoreMissing,
                "there is no such folder or bucket",
                "Create it, or correct the URL.",
            ),
        ),
        (
            r"object not found|is a directory not a file",
            (NotFound, "there is none", ""),
        ),
        (
            r"InvalidObjectState|BlobArchived|storage class is not valid",
            (
                Frozen,
                "the object is in cold storage",
                "rclone:// cannot thaw: use s3:// or azure:// for such a store.",
            ),
        ),
        (
            r"no space left|disk quota|quota ?exceeded|storageQuota|over_quota"
            r"|insufficient storage|too big for remaining|not enough (free )?space"
            r"|\b507\b",
            (Full, "there is no space", "Free space there, or move the archive."),
        ),
        (
            r"unable to authenticate|\b401\b|\b403\b|unauthorized|forbidden"
            r"|access ?denied|permission denied|invalid_grant|invalid_client"
            r"|SignatureDoesNotMatch|InvalidAccessKeyId|AuthenticationFailed"
            r"|530 login|login incorrect|not permitted",
            (Denied, "the server refuses it", _REMOTE_HINT),
        ),
        (
            r"is it obscured|couldn't find|failed to (make|create) (the )?(fs|oauth)"
            r"|empty token|unsupported protocol scheme",
            (ConfigError, "the remote is not set up well", _REMOTE_HINT),
        ),
        (
            r"connection (refused|reset)|broken pipe|no such host|no route|unreachable"
            r"|i/o timeout|timed? ?out|deadline exceeded|unexpected EOF|\bEOF\b"
            r"|rate ?limit|too many requests|\b(408|423|429|50[0234])\b|slow ?down"
            r"|temporar|try again|connection lost|use of closed|server misbehaving",
            (Unavailable, "the server does not answer, or not now", _NET_HINT),
        ),
    )
)


@contextmanager
def as_ours(what: str) -> Iterator[None]:
    """Run the body; what goes wrong between us and rclone leaves as a StoreError."""
    try:
        yield
    except (OSError, http.client.HTTPException) as e:
        raise Unavailable(
            f"{what}: rclone broke the answer off ({type(e).__name__})"
        ) from e
    except msgspec.MsgspecError as e:
        raise StoreError(
            f"{what}: rclone answers in another way than is known",
            hint="Install the newest rclone.",
        ) from e


def failure(status: int, said: str, shown: str, what: str) -> TieredError:
    """What it means that rclone said so.

    Args:
        said: Without names and paths, which may be any words.
        shown: The same without what may be secret.
    """
    for words, (kind, text, hint) in _BY_WORDS:
        if words.search(said):
            return kind(f"{what}: {text}", hint=hint, status=status)
    if status == 404:
        return NotFound(f"{what}: there is none", status=status)
    said = f"{what}: rclone says: {shown[:_SHOWN_CHARS]}"
    return StoreError(said, hint=_REMOTE_HINT, status=status)
