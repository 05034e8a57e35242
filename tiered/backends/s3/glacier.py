"""Thawing objects of the archive classes: RestoreObject, and how far it is.

Facts:
  * RestoreObject is answered with 202 when it starts, 200 when the object is
    readable already (its window then counts from now), 409
    RestoreAlreadyInProgress while it runs  [botocore, RestoreObject]
  * each restore is a paid request, so it is sent for cold objects only
"""

from collections.abc import Iterable, Mapping

from tiered.backends.s3.archive_class import frost_of_head, frost_of_row
from tiered.backends.s3.bucket import Bucket, Row
from tiered.errors import NotFound, StoreError
from tiered.names import check_name, shared_prefix
from tiered.store import Frost, Warmth


class GlacierThaw:
    """A `tiered.store.Thaw` over one bucket."""

    def __init__(self, bucket: Bucket, label: str) -> None:
        self._bucket, self._label = bucket, label

    @property
    def tier(self) -> str:
        """The retrieval tier that is asked for; empty: there is none."""
        return self._bucket.settings.thaw_tier or ""

    def frost(self, names: Iterable[str]) -> Mapping[str, Frost]:
        """From one listing; where it does not tell, from a HEAD of each."""
        wanted = sorted({check_name(name) for name in names})
        if not wanted:
            return {}
        asks = self._bucket.settings.provider.lists_restores
        shared = shared_prefix(wanted)
        listed = dict(self._bucket.rows(shared, restores=asks))
        return {name: self._frost(name, listed.get(name)) for name in wanted}

    def thaw(self, names: Iterable[str]) -> None:
        for name, frost in self.frost(names).items():
            if frost.warmth is Warmth.COLD:
                self._restore(name)

    def _frost(self, name: str, row: Row | None) -> Frost:
        if row is None:
            raise NotFound(f"{self._label}: {name!r} is not there")
        provider = self._bucket.settings.provider
        if (frost := frost_of_row(provider, row)) is not None:
            return frost
        head = self._bucket.head(name)
        return frost_of_head(
            provider, name, head.get("StorageClass"), head.get("Restore")
        )

    def _restore(self, name: str) -> None:
        try:
            self._bucket.restore(name)
        except StoreError as e:
            if e.facts.get("s3_code") != "RestoreAlreadyInProgress":
                raise
