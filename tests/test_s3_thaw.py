"""Archive classes of S3: what is cold, and thaws."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import pytest

from tests.s3_stores import ANY_KEYS, opened
from tests.servers import Glacier
from tests.stores import put, read
from tiered.backends.s3 import s3_store
from tiered.backends.s3.glacier import GlacierThaw
from tiered.backends.s3.store import S3Store
from tiered.errors import (
    Frozen,
    NotFound,
)
from tiered.store import Frost, Thaw, Warmth
from tiered.url import parse_url

COLD, THAWING, WARM = Frost(Warmth.COLD), Frost(Warmth.THAWING), Frost(Warmth.WARM)
DAY_S = 86_400.0


def by_name(name: str) -> str:
    return "DEEP_ARCHIVE" if name.startswith("vol") else "STANDARD"


@contextmanager
def archive(glacier: Glacier) -> Iterator[tuple[S3Store, Thaw]]:
    """Volumes in Deep Archive, everything else online."""
    with opened(glacier.make_bucket(), glacier.url, storage_class=by_name) as store:
        for name in ("index", "vol1", "vol2"):
            put(store, name, name.encode())
        assert store.extras.thaw is not None
        yield store, store.extras.thaw


def test_only_objects_of_a_cold_class_are_cold(glacier: Glacier) -> None:
    with archive(glacier) as (store, thaw):
        assert thaw.frost(["index", "vol1"]) == {"index": WARM, "vol1": COLD}
        assert read(store, "index") == b"index"
        for call in (lambda: store.get("vol1"), lambda: store.get_range("vol1", 0, 1)):
            with pytest.raises(Frozen, match="'vol1'"):
                call()


def test_a_thaw_takes_its_time_and_ends(glacier: Glacier) -> None:
    with archive(glacier) as (store, thaw):
        thaw.thaw(["index", "vol1"])
        thaw.thaw(["vol1"])
        assert thaw.frost(["vol1", "vol2"]) == {"vol1": THAWING, "vol2": COLD}
        glacier.move_clock(DAY_S / 2)
        assert thaw.frost(["vol1"]) == {"vol1": WARM}
        thaw.thaw(["vol1"])
        assert read(store, "vol1") == b"vol1"
        assert store.get_range("vol1", 1, 2) == b"ol"
        glacier.move_clock(8 * DAY_S)
        assert thaw.frost(["vol1"]) == {"vol1": COLD}
        with pytest.raises(Frozen):
            store.get("vol1")


def test_a_thaw_that_someone_else_has_begun_is_fine(glacier: Glacier) -> None:
    """It begins between our listing and our request."""
    with archive(glacier) as (store, thaw):

        class Late(GlacierThaw):
            def frost(self, names: Iterable[str]) -> Mapping[str, Frost]:
                found = super().frost(names)
                thaw.thaw(found)
                return found

        Late(store._bucket, store.label).thaw(["vol1"])
        assert thaw.frost(["vol1"]) == {"vol1": THAWING}


def test_frost_of_a_missing_name(glacier: Glacier) -> None:
    with archive(glacier) as (_, thaw):
        assert thaw.frost([]) == {}
        with pytest.raises(NotFound, match="'vol3'"):
            thaw.frost(["vol1", "vol3"])


def test_a_hot_bucket_offers_no_thaw() -> None:
    for storage_class in ("STANDARD", "STANDARD_IA", "GLACIER_IR"):
        with opened("b", "http://127.0.0.1", storage_class=storage_class) as store:
            assert store.extras.thaw is None


def test_glacier_is_online_at_ovh() -> None:
    url = parse_url("s3://s3.gra.io.cloud.ovh.net/b")
    for storage_class, cold in (("GLACIER", False), ("DEEP_ARCHIVE", True)):
        store = s3_store(url, ANY_KEYS, timeout_s=1.0, storage_class=storage_class)
        assert (store.extras.thaw is not None) is cold
