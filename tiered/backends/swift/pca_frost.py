"""How OVHcloud PCA (Swift with a cold policy) says how cold an object is.

Pure: a listing row or headers in, a `Frost` out.  The calls are in `pca.py`.

Facts:
  * a container listing with `?policy_extra=true` has `policy_retrieval_state`
    and `policy_retrieval_delay` (seconds or null) in each row  [duplicity
    3.0.1, duplicity/backends/pcabackend.py, commit c147628c, read 2026-11-21]
  * HEAD of an object has `X-Ovh-Retrieval-State` and, while it is unsealing,
    `X-Ovh-Retrieval-Delay`  [docs.ovh.com, pca_unlock]
"""

from collections.abc import Mapping

from tiered.errors import StoreError
from tiered.store import Frost, Warmth

LISTING_QUERY = "policy_extra=true"
STATE_HEADER = "x-ovh-retrieval-state"
DELAY_HEADER = "x-ovh-retrieval-delay"

_WARMTH = {"sealed": Warmth.COLD, "unsealing": Warmth.THAWING, "unsealed": Warmth.WARM}


def frost_of_row(name: str, row: Mapping[str, object]) -> Frost:
    """Read one row of a JSON listing.

    Raises:
        StoreError: The state is missing or unknown.  Guessing "warm" would
            make a restore start thaws that nobody planned.
    """
    state, delay = row.get("policy_retrieval_state"), row.get("policy_retrieval_delay")
    return _frost(name, state, delay)


def frost_of_headers(name: str, headers: Mapping[str, str]) -> Frost:
    """Read the headers of a HEAD, names in lower case; raises as above."""
    return _frost(name, headers.get(STATE_HEADER), headers.get(DELAY_HEADER))


def _frost(name: str, state: object, delay: object) -> Frost:
    warmth = _WARMTH.get(str(state))
    if warmth is None:
        raise StoreError(
            f"PCA reports retrieval state {state!r} for {name!r}",
            hint="Check that the container is on PCA; if it is, report this.",
            state=state,
        )
    return Frost(warmth, _wait_s(delay) if warmth is Warmth.THAWING else None)


def _wait_s(delay: object) -> float | None:
    """Seconds, never negative; None if the store does not say."""
    try:
        return max(0.0, float(str(delay)))
    except ValueError:
        return None
