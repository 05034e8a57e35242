"""Thawing blobs of the tier Archive: Set Blob Tier, and how far it is.

Facts [learn.microsoft.com, "Blob rehydration from the archive tier"]:
  * a blob in Archive cannot be read; its tier and the state of its rehydration
    stand in every listing
  * setting an online tier begins the rehydration, up to 15 hours with standard
    priority; until it is done the tier stays Archive and ArchiveStatus says
    what it will be.  To set it again changes nothing, or is a conflict
  * afterwards the blob has that tier until somebody changes it
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Final

from azure.storage.blob import BlobProperties, ContainerClient, StandardBlobTier

from tiered.backends.azure.access import ARCHIVE
from tiered.errors import Frozen, NotFound
from tiered.names import check_name, shared_prefix
from tiered.store import Frost, Warmth

_THAWED_TIER = StandardBlobTier.HOT
Blobs = Callable[[str], Iterator[tuple[str, BlobProperties]]]
Guard = Callable[[str, str], AbstractContextManager[None]]


class Rehydration:
    """A `tiered.store.Thaw` over one container."""

    tier: Final = "Standard"
    """The priority: that of a request which names none."""

    def __init__(
        self, container: ContainerClient, blobs: Blobs, prefix: str, guard: Guard
    ) -> None:
        self._container, self._blobs = container, blobs
        self._prefix, self._guard = prefix, guard

    def frost(self, names: Iterable[str]) -> Mapping[str, Frost]:
        """From one listing."""
        wanted = sorted({check_name(name) for name in names})
        if not wanted:
            return {}
        shared = shared_prefix(wanted)
        with self._guard("list", shared):
            listed = {name: _frost(blob) for name, blob in self._blobs(shared)}
        for name in wanted:
            if name not in listed:
                raise NotFound(f"{name!r} is not there", name=name)
        return {name: listed[name] for name in wanted}

    def thaw(self, names: Iterable[str]) -> None:
        for name, frost in self.frost(names).items():
            if frost.warmth is Warmth.COLD:
                self._begin(name)

    def _begin(self, name: str) -> None:
        client = self._container.get_blob_client(self._prefix + name)
        try:
            with self._guard("thaw", name):
                client.set_standard_blob_tier(_THAWED_TIER)
        except Frozen as e:
            if e.facts.get("azure_code") != "BlobBeingRehydrated":
                raise


def _frost(blob: BlobProperties) -> Frost:
    if blob.blob_tier != ARCHIVE:
        return Frost(Warmth.WARM)
    return Frost(Warmth.THAWING if blob.archive_status else Warmth.COLD)
