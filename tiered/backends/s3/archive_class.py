"""Which S3 objects must be thawed, and how a server says how cold one is.

Pure: storage classes, headers and rows in, a `Frost` out.

Facts:
  * whether a class is cold is a fact about the provider: at AWS GLACIER and
    DEEP_ARCHIVE are, at OVHcloud DEEP_ARCHIVE only (its GLACIER is online), at
    Scaleway GLACIER  [awsdocs; docs.ovh.com s3_choosing…, 2026-02-03; rclone
    backend/s3/provider/OVHcloud.yaml; scaleway/docs-content]
  * HEAD has `x-amz-restore: ongoing-request="true"`, or `ongoing-request=
    "false", expiry-date="…"`; without it the object was never thawed, or is
    cold again.  The storage class stays what it was  [botocore, HeadObject]
  * AWS lists `RestoreStatus` for each key, if asked  [botocore, ListObjectsV2]
  * OVHcloud takes no retrieval tier  [docs.ovh.com, s3_restoring_objects]

Limit: INTELLIGENT_TIERING counts as warm; if an object of it lies in an archive
tier, its get raises Frozen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from tiered.errors import ConfigError, StoreError
from tiered.store import Frost, Warmth

_GLACIER, _DEEP = "GLACIER", "DEEP_ARCHIVE"
_WARM, _THAWING = Frost(Warmth.WARM), Frost(Warmth.THAWING)
_COLD = Frost(Warmth.COLD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """What differs between those who speak S3."""

    name: str
    cold_classes: frozenset[str]
    tiers: tuple[str, ...] = ()
    """What RestoreObject accepts, the usual one first; empty: none is sent."""
    lists_restores: bool = False
    """Do listings carry RestoreStatus?"""
    refuses_overwrite: bool = False
    """Is `If-None-Match: *` known to be kept?"""


AWS = Provider(
    name="AWS",
    cold_classes=frozenset({_GLACIER, _DEEP}),
    tiers=("Standard", "Bulk", "Expedited"),
    lists_restores=True,
    refuses_overwrite=True,
)
OVH = Provider(name="OVHcloud", cold_classes=frozenset({_DEEP}))
SCALEWAY = Provider(name="Scaleway", cold_classes=frozenset({_GLACIER}))
OTHER = Provider(name="this provider", cold_classes=frozenset({_GLACIER, _DEEP}))

_BY_DOMAIN = {
    "amazonaws.com": AWS,
    "amazonaws.com.cn": AWS,
    "cloud.ovh.net": OVH,
    "cloud.ovh.us": OVH,
    "scw.cloud": SCALEWAY,
}


def provider_of(endpoint: str | None) -> Provider:
    """By the host of the endpoint; None is AWS."""
    host = urlsplit(endpoint or "").hostname or ""
    if endpoint is None:
        return AWS
    found = (p for d, p in _BY_DOMAIN.items() if host == d or host.endswith(f".{d}"))
    return next(found, OTHER)


def tier_for(provider: Provider, asked: str | None) -> str | None:
    """The retrieval tier to send.

    Raises:
        ConfigError: The provider does not have the tier that was asked for.
    """
    if asked is None:
        return provider.tiers[0] if provider.tiers else None
    if asked in provider.tiers or provider is OTHER:
        return asked
    known = ", ".join(provider.tiers) or "none"
    raise ConfigError(
        f"{provider.name} does not have the retrieval tier {asked!r}",
        hint=f"It has: {known}.",
    )


def frost_of_head(
    provider: Provider, name: str, storage_class: str | None, restore: str | None
) -> Frost:
    """Read a HEAD.

    Args:
        storage_class: `x-amz-storage-class`; None is STANDARD.
        restore: `x-amz-restore`.

    Raises:
        StoreError: `restore` is not what S3 documents.  It is not guessed.
    """
    if storage_class not in provider.cold_classes:
        return _WARM
    if restore is None:
        return _COLD
    if 'ongoing-request="true"' in restore:
        return _THAWING
    if 'ongoing-request="false"' in restore:
        return _WARM
    raise StoreError(
        f"{provider.name} reports restore state {restore!r} for {name!r}",
        hint="Report this: tiered knows ongoing-request true and false.",
    )


def frost_of_row(provider: Provider, row: Mapping[str, object]) -> Frost | None:
    """Read one row of a listing; None if only a HEAD can tell."""
    if row.get("StorageClass") not in provider.cold_classes:
        return _WARM
    status = row.get("RestoreStatus")
    if isinstance(status, Mapping):
        if status.get("IsRestoreInProgress"):
            return _THAWING
        return _WARM if status.get("RestoreExpiryDate") else _COLD
    return _COLD if provider.lists_restores else None
