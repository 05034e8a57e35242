"""Key objects and the recovery sheet."""

import io
import os
import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from tests.unit import age_forge
from tests.unit.age_peers import age_decrypt, pyrage_decrypt, run_age
from tiered.codec.age import (
    Encryptor,
    Identity,
    Recipient,
    ScryptIdentity,
    ScryptRecipient,
    X25519Identity,
    identity_from_sheet,
    key_id,
    recovery_sheet,
    unwrap_identity,
    wrap_identity,
)
from tiered.codec.age.keys import MAX_KEY_OBJECT_BYTES
from tiered.errors import ArchiveDamaged, ConfigError, PassphraseError
from tiered.secret import Secret

ARCHIVE = X25519Identity.parse(Secret(age_forge.OURS))
PERSON = X25519Identity.parse(Secret(age_forge.OTHER))
PASSPHRASE = Secret("correct horse")
SHEET = recovery_sheet(ARCHIVE, "photos  of\nus", date(2026, 11, 21)).reveal()

WAYS: Sequence[tuple[Recipient, Identity]] = (
    (ScryptRecipient(PASSPHRASE, 8), ScryptIdentity(PASSPHRASE)),
    (PERSON.recipient, PERSON),
)


def sealed(text: str) -> bytes:
    """Any text in the place of a key object."""
    target = io.BytesIO()
    file = Encryptor([PERSON.recipient], target, os.urandom)
    file.write(text.encode())
    file.close()
    return target.getvalue()


@pytest.mark.parametrize(("recipient", "identity"), WAYS)
def test_each_way_in_opens_its_object(recipient: Recipient, identity: Identity) -> None:
    data = wrap_identity(ARCHIVE, recipient, os.urandom)
    assert len(data) < 600
    opened = unwrap_identity(data, [identity], archive=ARCHIVE.recipient)
    assert opened.export() == ARCHIVE.export()
    assert data != wrap_identity(ARCHIVE, recipient, os.urandom)


def test_wrong_ways_in() -> None:
    data = wrap_identity(ARCHIVE, ScryptRecipient(PASSPHRASE, 8), os.urandom)
    for wrong in (ScryptIdentity(Secret("x")), PERSON):
        with pytest.raises(PassphraseError, match=r"^'key.x.age'.*no match"):
            unwrap_identity(data, [wrong], name="key.x.age")


def test_the_archives_own_key_is_no_way_in() -> None:
    with pytest.raises(ConfigError, match="nobody could open it"):
        wrap_identity(ARCHIVE, ARCHIVE.recipient, os.urandom)


def test_the_age_program_gets_from_a_key_object_to_the_data(tmp_path: Path) -> None:
    key_object = wrap_identity(ARCHIVE, PERSON.recipient, os.urandom)
    identity_file = age_decrypt(key_object, [age_forge.OTHER], tmp_path)
    assert identity_file is not None
    volume = age_forge.file(age_forge.x25519())
    keys = identity_file.decode().splitlines()
    assert age_decrypt(volume, keys, tmp_path) == age_forge.PLAIN


def test_pyrage_opens_a_passphrases_object() -> None:
    data = wrap_identity(ARCHIVE, ScryptRecipient(PASSPHRASE, 8), os.urandom)
    text = pyrage_decrypt(data, [], PASSPHRASE.reveal())
    assert text is not None
    assert text.decode().splitlines()[-1] == age_forge.OURS


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "0 private keys"),
        ("# only a comment\n", "0 private keys"),
        (f"{age_forge.OURS}\n{age_forge.OURS}\n", "2 private keys"),
        (f"{age_forge.OURS[:-1]}\n", "malformed"),
        (f"{age_forge.OURS} \n", "malformed"),
        ("é\n", "not text"),
        (f"# public key: {PERSON.recipient}\n{age_forge.OURS}\n", "two halves"),
        (f"# public key: nonsense\n{age_forge.OURS}\n", "two halves"),
        (f"{age_forge.OTHER}\n", "its key is that of age1"),
    ],
)
def test_what_is_no_key_object(text: str, why: str) -> None:
    for name in ("", "key.x.age"):
        with pytest.raises(ArchiveDamaged, match=why) as caught:
            unwrap_identity(
                sealed(text), [PERSON], archive=ARCHIVE.recipient, name=name
            )
        assert name in str(caught.value)
        assert "AGE-SECRET" not in str(caught.value)


def test_comments_and_empty_lines_are_allowed() -> None:
    text = f"# anything\n\n{age_forge.OURS}\n# more"
    assert unwrap_identity(sealed(text), [PERSON]).recipient == ARCHIVE.recipient


def test_a_huge_object_is_refused_unread() -> None:
    with pytest.raises(ArchiveDamaged, match="bytes"):
        unwrap_identity(bytes(MAX_KEY_OBJECT_BYTES + 1), [PERSON])


def test_key_ids_tell_archives_and_ways_apart() -> None:
    both = (ARCHIVE.recipient, PERSON.recipient)
    pairs = [(public, way) for public in both for way in ("passphrase", "é")]
    ids = [key_id(public, way) for public, way in pairs]
    assert len(set(ids)) == 4
    assert ids == [key_id(public, way) for public, way in pairs]
    assert all(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{8}", found) for found in ids)
    assert ids[0][:8] == ids[1][:8] != ids[2][:8]


def test_the_sheet_can_be_given_whole() -> None:
    assert identity_from_sheet(Secret(SHEET)).export() == ARCHIVE.export()
    start = SHEET.index("    AGE-SECRET")
    for torn in (SHEET[:start], SHEET[: start + 40]):
        with pytest.raises(PassphraseError):
            identity_from_sheet(Secret(torn))


def test_the_sheet_can_be_typed() -> None:
    start = SHEET.index("    AGE-SECRET")
    printed = SHEET[start : SHEET.index("\n\n", start)]
    assert identity_from_sheet(Secret(printed)).export() == ARCHIVE.export()
    assert identity_from_sheet(Secret(printed.lower())).export() == ARCHIVE.export()
    assert "".join(printed.split()) == age_forge.OURS
    with pytest.raises(PassphraseError):
        identity_from_sheet(Secret(printed.replace("GFPY", "GFPZ", 1)))


def test_the_sheet_fits_on_paper() -> None:
    lines = SHEET.splitlines()
    assert max(map(len, lines)) <= 78
    assert len(lines) <= 50
    assert SHEET.isascii()
    assert "photos of us" in SHEET
    assert "2026-11-21" in SHEET
    assert str(ARCHIVE.recipient) in SHEET


def test_what_the_sheet_says_of_its_letters() -> None:
    start, _, rest = age_forge.OURS.partition("1")
    assert not set("BIO") & set(start + rest)
    assert "1" not in rest


def test_age_says_malformed_as_the_sheet_promises(tmp_path: Path) -> None:
    keys = tmp_path / "key.txt"
    keys.write_text(age_forge.OURS.replace("GFPY", "GFPZ", 1) + "\n")
    done = run_age("--decrypt", "-i", str(keys), data=b"")
    assert b"malformed" in done.stderr
