"""Look after each put whether the store has what it was given.

A store may answer "created" and keep less: a full disk behind a gateway, a
proxy that cut the body, a duplicity multi store.  Found at once, it costs one
upload; found at the restore, it costs the backup.

What is compared: the size, and the MD5 where both sides know it.  A store
without `stat` is not checked, for a listing may be older than the put (R2).

A bad object that was created by this put is deleted, so that the put can be
repeated, unless it lies in cold storage: most providers bill each deletion there
as if the object had stayed for months.  Then nothing is repeated, and a person
decides.  Limit: classes that need no thaw and have a least time all the same
(STANDARD_IA) count as warm.
"""

from tiered.errors import NotFound, Retry, StoreError, UploadCorrupt
from tiered.store import Entry, PutMode, Source, Warmth
from tiered.wrap.base import Wrapped


def is_whole(entry: Entry, source: Source) -> bool:
    """Can the object that `entry` tells about be the bytes of `source`?

    A checksum that one side does not know says nothing, so the answer may be
    yes for other bytes of the same size.
    """
    if entry.size != source.size:
        return False
    if entry.md5 is None:  # a source may have to read all it has to know its own
        return True
    return source.md5 in (None, entry.md5)


class Verified(Wrapped):
    """`inner`, each put followed by a stat."""

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        """As the contract says.

        Raises:
            UploadCorrupt: The store kept something else, or nothing.  `retry` says
                whether the same put can be made again.
        """
        super().put(name, source, mode)
        stat = self.inner.extras.stat
        if stat is None:
            return
        try:
            entry = stat.stat(name)
        except NotFound as e:
            raise UploadCorrupt(
                f"{self.label}: {name!r} is not there after its upload",
                hint="Check the health of the store, then run the command again.",
                name=name,
            ) from e
        if not is_whole(entry, source):
            self._refuse(entry, source, mode)

    def _refuse(self, entry: Entry, source: Source, mode: PutMode) -> None:
        is_cold = self._is_cold(entry.name)
        is_removed = mode is PutMode.CREATE and not is_cold and self._delete(entry.name)
        state = "It was deleted" if is_removed else "The bad object is still there"
        if is_cold:
            state += ", in cold storage, where deleting it early may cost money"
        error = UploadCorrupt(
            f"{self.label}: {entry.name!r}: {_difference(entry, source)}",
            hint=f"{state}. Check space and health of the store, then run again.",
            name=entry.name,
            stored_bytes=entry.size,
            sent_bytes=source.size,
        )
        if not is_removed and (is_cold or mode is PutMode.CREATE):
            error.retry = Retry.NEVER  # the name is taken, or replacing it costs
        raise error

    def _is_cold(self, name: str) -> bool:
        """Also if the store does not say."""
        if (thaw := self.inner.extras.thaw) is None:
            return False
        try:
            return thaw.frost([name])[name].warmth is not Warmth.WARM
        except StoreError:
            return True

    def _delete(self, name: str) -> bool:
        try:
            self.inner.delete(name)
        except StoreError:
            return False  # the hint says so; what matters is that the put failed
        return True


def _difference(entry: Entry, source: Source) -> str:
    if entry.size != source.size:
        return f"stored {entry.size} of {source.size} bytes"
    return f"stored other bytes: MD5 {entry.md5} instead of {source.md5}"
