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
  T5  an inc is whole, and the set it builds on is there without its manifest:
      it had one once, as nobody builds on a set that is not whole

A set that was begun, or whose deletion was begun, on this machine and not ended
there is what it looks like: incomplete.  It contradicts none of T1, T3 and T5.

A manifest that is gone together with its volumes, while others are there, was
deleted from another machine: that is no contradiction.  Nor is a set that lacks
some volumes, or its signatures or index, while others are there: that is damage,
which `status` shows and a new full overcomes.  Keys are of no set: that one is gone
may be because it was revoked.
"""

from collections.abc import Iterable, Iterator

from tiered.archive.collection import Collection
from tiered.archive.filename import SetId
from tiered.errors import ListingDoubtful


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
        ListingDoubtful: T1 to T5.
    """
    for doubt in _doubts(listed, frozenset(seen), frozenset(interrupted)):
        raise ListingDoubtful(
            doubt,
            hint="Nothing was changed.  Check that every store is the right one, "
            "mounted and complete.  If the loss is real, say --accept-loss.",
        )


def _doubts(
    listed: Collection, known: frozenset[SetId], own: frozenset[str]
) -> Iterator[str]:
    whole = {s.id for s in listed.sets}
    strange = [s for s in listed.incomplete if str(s.id) not in own]
    for each in strange:
        if each.id in known:  # T1
            yield f"the manifest of the {each.id} is gone, and its volumes are there"
    if known and not whole:  # T2
        yield f"no backup is listed, but this machine knows {len(known)}"
    for each in strange:
        if each.volumes and not whole:  # T3
            yield f"volumes of the {each.id} are listed, but not a single manifest"
    if whole and not any(s.volumes for s in listed.sets):  # T4
        yield f"the manifest of the {min(whole)} is listed, but not a single volume"
    parents = {s.id.parent for s in listed.sets}
    for each in strange:
        if (each.id.end_s, each.style) in parents:  # T5
            yield f"the manifest of the {each.id} is gone, and an inc builds on it"
