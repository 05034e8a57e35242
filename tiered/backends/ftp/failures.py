"""The one place where replies and errors of ftplib become ours (rule R5).

Facts [RFC 959, section 4.2]:
  * 4xx can succeed later, 5xx cannot; 452 and 552 are a full disk or quota
  * 550 is a missing file as well as one that may not be read: only a listing
    tells them apart, so it leaves here as a plain StoreError with `reply`

No message holds what the server wrote.
"""

import ftplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tiered.errors import Denied, Full, StoreError, Unavailable
from tiered.store_failure import LOGIN_HINT, TLS_HINT, no_answer

_NET_HINT = "Check host, port and network."
REFUSED: Final = 550

_BY_REPLY: Final[dict[int, tuple[type[StoreError], str]]] = {
    452: (Full, "Free space on the server."),
    500: (StoreError, "This server lacks something that tiered needs."),
    502: (StoreError, "This server lacks something that tiered needs."),
    521: (Denied, "This server wants TLS: write ftps://."),
    530: (Denied, LOGIN_HINT),
    532: (Denied, LOGIN_HINT),
    534: (Denied, "This server offers no TLS, or no other than its own."),
    552: (Full, "Raise the quota, or free space on the server."),
    553: (Denied, "This user may not write there: check it on the server."),
}


@contextmanager
def as_ours(what: str) -> Iterator[None]:
    """Run the body of the task `what`; foreign errors leave it as a StoreError."""
    try:
        yield
    except (ftplib.error_perm, ftplib.error_temp) as e:
        code = reply_of(e)
        later = (Unavailable, "") if code < 500 else (StoreError, "")
        kind, hint = _BY_REPLY.get(code, later)
        raise kind(f"{what}: the server answered {code}", hint=hint, reply=code) from e
    except ssl.SSLCertVerificationError as e:
        raise StoreError(f"{what}: TLS failed", hint=TLS_HINT) from e
    except UnicodeError as e:
        raise StoreError(
            f"{what}: the name of a file there is not UTF-8",
            hint="Rename it, or move it out of the folder.",
        ) from e
    except ValueError as e:  # ftplib sends no line that is two
        said = "there is a line break in the user, the password or a name"
        raise StoreError(f"{what}: {said}", hint=LOGIN_HINT) from e
    except (ftplib.Error, EOFError, OSError) as e:
        raise no_answer(what, e, _NET_HINT) from e


def reply_of(error: ftplib.Error) -> int:
    """The code of a reply; 0 if it is none."""
    code = str(error)[:3]
    return int(code) if code.isdecimal() else 0
