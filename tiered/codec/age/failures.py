"""The ways in which reading an age file fails, in the words of age's own vectors.

    no match         it is an age file, and not for any identity that was given
    header failure   the text in front is not what the format allows
    HMAC failure     the file key opened, and the header was changed
    payload failure  a chunk is damaged, missing or too many

Each error has its class in the message and as fact `failure`.  No match is a
`PassphraseError`, since the user can give another key or passphrase; all others
are `ArchiveDamaged`.

A changed wrapped key and a wrong key cannot be told apart: both are "no match".
Who knows a hash of the object must check that first.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tiered.errors import ArchiveDamaged, PassphraseError

NO_MATCH: Final = "no match"
HEADER: Final = "header failure"
HMAC: Final = "HMAC failure"
PAYLOAD: Final = "payload failure"

_ANOTHER_COPY = "Read another copy of it, if there is one."


def header_failure(reason: str, hint: str = _ANOTHER_COPY) -> ArchiveDamaged:
    """`reason` is a clause without secrets: "the line is too long"."""
    return ArchiveDamaged(
        f"not a valid age file (header failure): {reason}", hint=hint, failure=HEADER
    )


def hmac_failure() -> ArchiveDamaged:
    """The header is not the one that was written with this file key."""
    return ArchiveDamaged(
        "the header was changed after it was written (HMAC failure)",
        hint=_ANOTHER_COPY,
        failure=HMAC,
    )


def payload_failure(reason: str, chunk: int | None = None) -> ArchiveDamaged:
    """`reason` is a clause without secrets: "chunk 3 is damaged"."""
    return ArchiveDamaged(
        f"the encrypted data is damaged (payload failure): {reason}",
        hint=_ANOTHER_COPY,
        failure=PAYLOAD,
        chunk=chunk,
    )


def no_match() -> PassphraseError:
    """None of the identities opens any of the stanzas."""
    return PassphraseError(
        "no key or passphrase that was given opens it (no match)",
        hint="Give the key or passphrase that it was encrypted for.",
        failure=NO_MATCH,
    )


@contextmanager
def about(name: str) -> Iterator[None]:
    """Put the name of the object in front of what went wrong inside.

    With an empty name nothing is changed.
    """
    try:
        yield
    except (ArchiveDamaged, PassphraseError) as e:
        if not name:
            raise
        e.args = (f"{name!r}: {e}",)
        raise
