"""What stores say alike when a call fails: one text and one decision for all backends.

Each backend has a table of the statuses, codes or words of its own protocol; what is
here holds whatever the protocol is, or for all that speak HTTP.
"""

from collections.abc import Mapping

from tiered.errors import StoreError, TieredError, Unavailable

Kind = tuple[type[TieredError], str]
"""What a status or code means: a class, and a hint if the usual one will not do."""

LOGIN_HINT = (
    "Check the user in the URL and the password (BACKEND_PASSWORD or FTP_PASSWORD)."
)
TLS_HINT = (
    "Check the clock and the certificate of the server; name the certificate of its "
    "authority with --ssl-cacert-file."
)
_FAULT_HINT = (
    "The server has a fault of its own: try again later, and see the status page of "
    "the provider."
)


def task(label: str, verb: str, name: str = "") -> str:
    """What messages of a failed call begin with."""
    return f"{label}: cannot {verb}" + (f" {name!r}" if name else "")


def refused(
    what: str,
    status: int,
    known: Kind | None,
    *,
    said: str = "",
    headers: Mapping[str, str] | None = None,
    **facts: object,
) -> TieredError:
    """The error of an answer by HTTP that is not the one hoped for.

    Args:
        what: As `task` has it.
        known: By a table of the backend; None: 5xx can pass, all else cannot.
        said: Behind the status; never what the server wrote at will.
        headers: Of the answer: Retry-After counts.
    """
    from tiered.retry_after import retry_after_s  # a folder as a store needs no dates

    other: Kind = (Unavailable, _FAULT_HINT) if status >= 500 else (StoreError, "")
    kind, hint = known or other
    return kind(
        f"{what}: the server answered {status} {said}".rstrip(),
        hint=hint,
        wait_s=retry_after_s(headers),
        status=status,
        **facts,
    )


def no_answer(what: str, error: Exception, hint: str) -> Unavailable:
    """The line broke, or never was: all that is said of it is what kind of error."""
    return Unavailable(f"{what}: no answer ({type(error).__name__})", hint=hint)


def too_short(label: str, name: str, end: int) -> StoreError:
    """A part was asked for that ends behind the object."""
    return StoreError(
        f"{label}: {name!r} ends before byte {end}",
        hint="The object is shorter than it should be: look for a second copy.",
    )
