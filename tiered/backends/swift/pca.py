"""OVHcloud Public Cloud Archive: Swift whose objects are sealed at once.

Facts this backend stands on:
  * a container is on PCA only if it was made with `X-Storage-Policy: PCA`;
    without that header it is a hot one, silently  [docs.ovh.com, pca_capabilities]
  * any GET of a sealed object answers 429 and starts the unsealing; HEAD and
    listings are safe  [docs.ovh.com, pca_unlock]
  * GET while it is unsealing answers 429 and changes nothing  [duplicity 3.0.1,
    pcabackend.py]
  * frequent unsealing makes the delay longer  [docs.ovh.com, pca/dev]

Assumed: the 429 need not say why it came, so after one a HEAD tells a rate
limit from a seal.  A HEAD never starts a thaw.
See docs/backends/pca.md.
"""

from collections.abc import Iterable, Mapping

from tiered.backends.swift.connection import SwiftConnection
from tiered.backends.swift.container import Headers, SwiftSettings
from tiered.backends.swift.pca_frost import (
    LISTING_QUERY,
    frost_of_headers,
    frost_of_row,
)
from tiered.backends.swift.store import SwiftStore
from tiered.download import Receiving
from tiered.errors import Frozen, NotFound, Unavailable
from tiered.names import check_name, shared_prefix
from tiered.store import Extras, Frost, Warmth


class PcaStore(SwiftStore):
    """A `tiered.store.Store` over one PCA container."""

    def __init__(
        self, settings: SwiftSettings, connection: SwiftConnection, label: str
    ) -> None:
        super().__init__(settings, connection, label)
        self.extras = Extras(thaw=self, ranges=self, stat=self, create=self)

    def frost(self, names: Iterable[str]) -> Mapping[str, Frost]:
        wanted = {check_name(name) for name in names}
        if not wanted:
            return {}
        listed = dict(self._container.rows(shared_prefix(wanted), LISTING_QUERY))
        if missing := wanted - listed.keys():
            raise NotFound(f"{self.label}: {min(missing)!r} is not there")
        return {name: frost_of_row(name, listed[name]) for name in sorted(wanted)}

    def thaw(self, names: Iterable[str]) -> None:
        for name, frost in self.frost(names).items():
            if frost.warmth is Warmth.COLD:
                self._unseal(name)

    def _unseal(self, name: str) -> None:
        """One GET, which is what PCA takes for the wish to unseal."""
        try:
            _, body = self._container.get(name, {})
        except Unavailable as e:
            if not _is_429(e) or self._frost_now(name).warmth is Warmth.COLD:
                raise  # a rate limit: nothing was started
        else:
            body.close()  # readable since the listing was made; not read here

    def _open(self, name: str, headers: dict[str, str]) -> tuple[Headers, Receiving]:
        """HEAD before every GET: a GET of a sealed object would unseal it."""
        if (frost := self._frost_now(name)).warmth is not Warmth.WARM:
            raise self._frozen(name, frost)
        try:
            return super()._open(name, headers)
        except Unavailable as e:
            if (
                _is_429(e)
                and (frost := self._frost_now(name)).warmth is not Warmth.WARM
            ):
                raise self._frozen(name, frost) from e  # sealed since the HEAD
            raise

    def _frost_now(self, name: str) -> Frost:
        return frost_of_headers(name, self._container.head(name))

    def _frozen(self, name: str, frost: Frost) -> Frozen:
        return Frozen(
            f"{self.label}: {name!r} is in cold storage ({frost.warmth.value})",
            wait_s=frost.wait_s,
            name=name,
        )


def _is_429(error: Unavailable) -> bool:
    return error.facts.get("status") == 429
