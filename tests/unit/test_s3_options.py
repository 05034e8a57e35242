"""What a config may say about an S3 store, and how it is refused."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.accounts import s3_keys
from tiered.archive.kinds import NATIVE_SAMPLES, SAMPLES, Kind
from tiered.assemble.s3_options import encryption, retention, storage_class
from tiered.assemble.stores import open_backend, seals_volumes
from tiered.assemble.wanted import Wanted
from tiered.backends.s3.protection import Encryption, Retention
from tiered.backends.s3.store import S3Store
from tiered.cli.parser import make_parser
from tiered.errors import ConfigError
from tiered.router.rules import Tier
from tiered.settings.multi import read_multi
from tiered.testing.clocks import JumpingClock

AWS, OVH = "s3:///box", "s3://s3.gra.io.cloud.ovh.net/box"
NAMES = {**SAMPLES, **NATIVE_SAMPLES}
OPTIONS = make_parser().parse_args([])


def wanted(folder: Path, options: object, url: str = AWS, **more: str) -> Wanted:
    """As a config says it; the store is the second one of two."""
    path = folder / "multi.json"
    store = {"url": url, "options": options, **more}
    path.write_text(json.dumps([{"url": "file:///other"}, store]))
    config = read_multi(path)
    member = config.members[1]
    return Wanted(
        url=config.url_of(member),
        env=s3_keys("access", "hush"),
        tier=member.tier,
        options=member.options,
        at=member.at,
    )


def classes(asked: Wanted) -> dict[str, str]:
    """Of one name of each type, where it is not STANDARD."""
    found = storage_class(asked, OPTIONS)
    by_type = {kind.value: found(name) for kind, name in NAMES.items()}
    return {kind: name for kind, name in by_type.items() if name != "STANDARD"}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("DEEP_ARCHIVE", {"archive": "DEEP_ARCHIVE"}),
        ({"archive": "GLACIER"}, {"archive": "GLACIER"}),
        ({"signature": "STANDARD_IA"}, {"signature": "STANDARD_IA"}),
        ({"key": "GLACIER_IR"}, {"key": "GLACIER_IR", "key copy": "GLACIER_IR"}),
        ({"archive": "STANDARD"}, {}),
        ({}, {}),
    ],
)
def test_a_class_for_each_type(
    tmp_path: Path, asked: object, found: dict[str, str]
) -> None:
    assert classes(wanted(tmp_path, {"storage_class": asked})) == found


def test_a_cold_store_still_has_its_class_for_volumes(tmp_path: Path) -> None:
    asked = wanted(tmp_path, {"storage_class": {"manifest": "ONEZONE_IA"}}, tier="cold")
    assert asked.tier is Tier.COLD
    assert classes(asked) == {"archive": "DEEP_ARCHIVE", "manifest": "ONEZONE_IA"}
    assert seals_volumes(asked, OPTIONS)


@pytest.mark.parametrize("kind", ["manifest", "signature", "index", "key"])
def test_what_every_command_reads_is_never_cold(tmp_path: Path, kind: str) -> None:
    options = {"storage_class": {"archive": "GLACIER", kind: "GLACIER"}}
    for ask in (open_all, seals):
        with pytest.raises(ConfigError, match="must be thawed") as caught:
            ask(wanted(tmp_path, options))
        place = f"{tmp_path}/multi.json: [1].options.storage_class.{kind}: "
        assert str(caught.value).startswith(place)
    assert kind in classes(wanted(tmp_path, options, url=OVH))  # online there


def open_all(asked: Wanted) -> S3Store:
    store = open_backend(asked, OPTIONS, JumpingClock())
    assert isinstance(store, S3Store)
    return store


def seals(asked: Wanted) -> bool:
    return seals_volumes(asked, OPTIONS)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"storage_class": 3}, "storage_class: must be a string"),
        ({"storage_class": {"volume": "X"}}, "storage_class.volume: unknown key"),
        ({"storage_class": {"key": ""}}, "storage_class.key: must not be empty"),
        ({"sse": "aes"}, "sse: must be 'AES256'"),
        ({"sse": {}}, "sse: 'kms' is missing"),
        ({"sse": {"kms": 7}}, "sse.kms: must be a string"),
        ({"sse": {"kms": "k", "id": "x"}}, "sse.id: unknown key"),
        ({"lock": {"mode": "GOVERNANCE"}}, "lock: 'days' is missing"),
        ({"lock": {"mode": "X", "days": 1}}, "lock.mode: must be 'GOVERNANCE' or"),
        ({"lock": {"mode": "COMPLIANCE", "days": 0}}, "lock.days: must be 1 or more"),
        ({"addressing": "host"}, "addressing: must be 'path' or 'virtual'"),
    ],
)
def test_a_wrong_value_is_one_error_with_its_place(
    tmp_path: Path, options: Any, fault: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        wanted(tmp_path, options)
    assert f"{tmp_path}/multi.json: [1].options.{fault}" in str(caught.value)


def test_encryption(tmp_path: Path) -> None:
    assert encryption(wanted(tmp_path, {})) is None
    assert encryption(wanted(tmp_path, {"sse": "AES256"})) == Encryption()
    by_kms = wanted(tmp_path, {"sse": {"kms": "id"}})
    assert encryption(by_kms) == Encryption(kms_key="id")


def test_a_lock_is_of_volumes_and_manifests_and_counts_from_now(
    tmp_path: Path,
) -> None:
    clock = JumpingClock()
    asked = wanted(tmp_path, {"lock": {"mode": "GOVERNANCE", "days": 2}})
    lock = retention(asked, clock)
    for _ in range(2):
        until = datetime.fromtimestamp(clock.time_s() + 2 * 86_400, UTC)
        found = {kind: lock(name) for kind, name in NAMES.items()}
        held = Retention(mode="GOVERNANCE", until=until)
        assert {kind for kind in found if found[kind]} == {Kind.ARCHIVE, Kind.MANIFEST}
        assert found[Kind.ARCHIVE] == found[Kind.MANIFEST] == held
        clock.sleep_s(100.0)
    assert retention(wanted(tmp_path, {}), clock)(NAMES[Kind.ARCHIVE]) is None


def test_with_kms_no_etag_is_an_md5(tmp_path: Path) -> None:
    for sse, known in (("AES256", True), ({"kms": "id"}, False)):
        store = open_all(wanted(tmp_path, {"sse": sse}))
        assert store._settings.etags_are_md5 is known


@pytest.mark.parametrize(
    ("url", "options", "host"),
    [
        (AWS, {}, "box.s3.eu-west-3.amazonaws.com"),
        (AWS, {"addressing": "path"}, "s3.eu-west-3.amazonaws.com"),
        (OVH, {}, "s3.gra.io.cloud.ovh.net"),
        (OVH, {"addressing": "virtual"}, "box.s3.gra.io.cloud.ovh.net"),
    ],
)
def test_where_the_name_of_the_bucket_goes(
    tmp_path: Path, url: str, options: object, host: str
) -> None:
    region = make_parser().parse_args(["--s3-region-name=eu-west-3"])
    store = open_backend(wanted(tmp_path, options, url=url), region, JumpingClock())
    assert isinstance(store, S3Store)
    signed = store._client.get().generate_presigned_url(
        "get_object", Params={"Bucket": "box", "Key": "o"}
    )
    assert signed.split("/")[2] == host
    store.close()
