"""May this listing be believed?  Pure.

duplicity 3.2.1 deletes volumes when a listing of the hot store comes back
empty.  Here a listing that contradicts what is known is an error, before
anything is written or deleted.  The contradictions:

  T1  a manifest that this machine has seen is not listed, and volumes of its
      set are: the hot side lost it, or lies
  T2  this machine has seen manifests, and none at all is listed
  T3  volumes are listed, and no manifest at all
  T4  manifests are listed, and not a single volume of any of their sets: the
      cold side lost them, or lies

A set that was begun, or whose deletion was begun, on this machine and not ended
there is what it looks like: incomplete.  It contradicts neither T1 nor T3.

A manifest that is gone together with its volumes, while others are there, was
deleted from another machine: that is no contradiction.  Nor is a set that lacks
some volumes, while others are there: that is damage, which `status` shows and a
new full overcomes.
"""

from collections.abc import Iterable

from tiered.archive.collection import Collection
from tiered.archive.filename import SetId
from tiered.errors import ListingDoubtful

_HINT = (
    "Nothing was changed.  Check that every store is the right one, mounted and "
    "complete.  If the loss is real, say --accept-loss."
)


def check_listing(
    listed: Collection, seen: Iterable[SetId], interrupted: Iterable[str]
) -> None:
    """Compare a listing with what this machine knows.

    Args:
        listed: What the stores say.
        seen: Sets whose manifest this machine has read or written.
        interrupted: Sets (as text) that were begun here and not committed, or
            not deleted to the end.

    Raises:
        ListingDoubtful: T1, T2, T3 or T4.
    """
    whole = {s.id for s in listed.sets}
    own = set(interrupted)
    strange = [s for s in listed.incomplete if str(s.id) not in own]
    known = set(seen)
    if lost := sorted((known - whole) & {s.id for s in strange}):
        raise ListingDoubtful(
            f"the manifest of the {lost[0]} is gone, and its volumes are there",
            hint=_HINT,
        )
    if known and not whole:
        raise ListingDoubtful(
            f"no backup is listed, but this machine knows {len(known)}",
            hint=_HINT,
        )
    if not whole and (stray := [s for s in strange if s.volumes]):
        raise ListingDoubtful(
            f"volumes of the {stray[0].id} are listed, but not a single manifest",
            hint=_HINT,
        )
    if whole and not any(s.volumes for s in listed.sets):
        raise ListingDoubtful(
            f"the manifest of the {min(whole)} is listed, but not a single volume",
            hint=_HINT,
        )
