"""What `status` says of sets and keys, from names alone."""

from pathlib import Path

import pytest

from tests.engine import open_archive
from tests.unit.test_collection import NAMER, full, inc, objects
from tiered.archive.filename import SetId
from tiered.archive.style import Style
from tiered.cli.report import status_report
from tiered.engine.inventory import Purpose, take_inventory
from tiered.engine.status import Status, read_status
from tiered.store import PutMode
from tiered.testing.sources import BytesSource

NATIVE = [full(10, Style.TIERED), inc(10, 20, Style.TIERED)]
KEYS = [NAMER.key("main", 1), NAMER.key_copy("main", 1)]


def status_of(folder: Path, *names: str) -> Status:
    context = open_archive(folder).context
    for name in names:
        context.store.put(name, BytesSource(b"x"), PutMode.CREATE)
    return read_status(context)


def whole(*sets: SetId, without: str = "") -> list[str]:
    return [name for s in sets for name in objects(s, without=without)]


def test_a_chain_that_lacks_nothing(tmp_path: Path) -> None:
    status = status_of(tmp_path, *whole(*NATIVE), *KEYS)
    ((first, second),) = status.chains
    assert (first.id, second.id) == (NATIVE[0], NATIVE[1])
    assert (first.volumes, first.size_bytes, first.encrypted) == (1, 4, True)
    assert first.has_index
    assert status.damaged == ()
    assert not status.keyless
    lines, document = status_report(status)
    assert lines[-1] == "key main, generation 1"
    assert document["keys"] == [
        {"way": "main", "generation": 1, "copy": False},
        {"way": "main", "generation": 1, "copy": True},
    ]


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        (".index", "no index"),
        (".sigtar", "no signatures"),
        (".vol1.", "MISSING volume 1"),
    ],
)
def test_a_set_of_style_tiered_that_lacks_an_object_is_damaged(
    lost: str, said: str, tmp_path: Path
) -> None:
    names = [*whole(NATIVE[0]), *whole(NATIVE[1], without=lost), *KEYS]
    status = status_of(tmp_path, *names)
    assert [s.id for s in status.damaged] == [NATIVE[1]]
    lines, _ = status_report(status)
    assert [said in line for line in lines] == [False, False, True, False]


def test_a_set_of_style_duplicity_has_no_index_and_can_do_without_signatures(
    tmp_path: Path,
) -> None:
    status = status_of(tmp_path, *whole(full(10), without="sigtar"))
    assert status.damaged == ()
    lines, _ = status_report(status)
    assert "no signatures" in lines[1]
    assert "no index" not in lines[1]
    assert not status.keyless


def test_an_incomplete_set_promises_nothing(tmp_path: Path) -> None:
    names = whole(*NATIVE) + whole(inc(20, 30, Style.TIERED), without="manifest")
    assert status_of(tmp_path, *names).damaged == ()


def test_encrypted_sets_without_a_key(tmp_path: Path) -> None:
    status = status_of(tmp_path, *whole(*NATIVE))
    assert status.keyless
    assert "no key is listed" in status_report(status)[0][-1]


def test_sets_in_the_clear_need_no_key(tmp_path: Path) -> None:
    plain = [n.removesuffix(".age") for n in whole(*NATIVE)]
    status = status_of(tmp_path, *plain)
    assert not status.keyless
    assert status.damaged == ()


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (NAMER.key("usb", 2), "key usb, generation 2, no copy"),
        (NAMER.key_copy("usb", 2), "key usb, generation 2, only the copy"),
    ],
)
def test_a_key_that_lies_in_one_place_only(key: str, said: str, tmp_path: Path) -> None:
    status = status_of(tmp_path, *whole(*NATIVE), *KEYS, key)
    assert status_report(status)[0][-1] == said


class TestForgetting:
    """The cache follows a believed listing, keys included."""

    def test_a_key_that_was_revoked_elsewhere_is_forgotten(
        self, tmp_path: Path
    ) -> None:
        context = open_archive(tmp_path).context
        with context.cache.writing(KEYS[0]) as file:
            file.write(b"wrapped")
        with context.cache.writing("foreign") as file:
            file.write(b"of other prefixes")
        take_inventory(context, Purpose.ADD)
        assert context.cache.names() == ("foreign",)

    def test_a_decrypted_manifest_adds_doubt(self, tmp_path: Path) -> None:
        context = open_archive(tmp_path).context
        with context.cache.writing_opened(NAMER.manifest(NATIVE[0], ".age"), 9) as file:
            file.write(b"{}")
        status = read_status(context)
        assert status.doubt is not None
        assert "this machine knows 1" in str(status.doubt)
