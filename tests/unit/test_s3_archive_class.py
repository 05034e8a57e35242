"""Archive classes of S3 and what servers say about them, without a server."""

import pytest

from tiered.backends.s3.archive_class import (
    AWS,
    OTHER,
    OVH,
    SCALEWAY,
    Provider,
    frost_of_head,
    frost_of_row,
    provider_of,
    tier_for,
)
from tiered.errors import ConfigError, StoreError
from tiered.store import Frost, Warmth

COLD, THAWING, WARM = Frost(Warmth.COLD), Frost(Warmth.THAWING), Frost(Warmth.WARM)


@pytest.mark.parametrize(
    ("endpoint", "provider"),
    [
        (None, AWS),
        ("https://s3.eu-west-3.amazonaws.com", AWS),
        ("https://s3.eu-west-par.io.cloud.ovh.net", OVH),
        ("https://s3.fr-par.scw.cloud", SCALEWAY),
        ("https://cloud.ovh.net.example", OTHER),
        ("http://127.0.0.1:9000", OTHER),
    ],
)
def test_the_provider_is_known_by_its_host(
    endpoint: str | None, provider: Provider
) -> None:
    assert provider_of(endpoint) is provider


@pytest.mark.parametrize(
    ("provider", "asked", "tier"),
    [
        (AWS, None, "Standard"),
        (AWS, "Bulk", "Bulk"),
        (OVH, None, None),
        (OTHER, None, None),
        (OTHER, "Bulk", "Bulk"),
    ],
)
def test_tiers(provider: Provider, asked: str | None, tier: str | None) -> None:
    assert tier_for(provider, asked) == tier


@pytest.mark.parametrize(("provider", "asked"), [(AWS, "bulk"), (OVH, "Standard")])
def test_tiers_that_are_refused(provider: Provider, asked: str) -> None:
    with pytest.raises(ConfigError, match=asked):
        tier_for(provider, asked)


@pytest.mark.parametrize(
    ("storage_class", "restore", "frost"),
    [
        (None, None, WARM),
        ("STANDARD", None, WARM),
        ("GLACIER_IR", None, WARM),
        ("GLACIER", None, COLD),
        ("DEEP_ARCHIVE", 'ongoing-request="true"', THAWING),
        (
            "DEEP_ARCHIVE",
            'ongoing-request="false", expiry-date="Fri, 21 Dec 2026 00:00:00 GMT"',
            WARM,
        ),
    ],
)
def test_a_head_tells(
    storage_class: str | None, restore: str | None, frost: Frost
) -> None:
    assert frost_of_head(AWS, "o", storage_class, restore) == frost


def test_an_unknown_restore_state_is_never_warm() -> None:
    with pytest.raises(StoreError, match="'o'"):
        frost_of_head(AWS, "o", "GLACIER", "soon")


@pytest.mark.parametrize(
    ("status", "frost"),
    [
        (None, COLD),
        ({"IsRestoreInProgress": True}, THAWING),
        ({"IsRestoreInProgress": False, "RestoreExpiryDate": "2026-12-21"}, WARM),
        ({"IsRestoreInProgress": False}, COLD),
    ],
)
def test_a_row_of_aws_tells(status: object, frost: Frost) -> None:
    row = {"StorageClass": "DEEP_ARCHIVE", "RestoreStatus": status}
    assert frost_of_row(AWS, row) == frost


def test_a_row_of_others_may_not_tell() -> None:
    assert frost_of_row(OTHER, {"StorageClass": "GLACIER"}) is None
    assert frost_of_row(OVH, {"StorageClass": "GLACIER"}) == WARM
    assert frost_of_row(OTHER, {"StorageClass": "STANDARD"}) == WARM
