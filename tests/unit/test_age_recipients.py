"""Key pairs and passphrases: their texts, what they refuse, what they never show."""

import copy
import io
import os
import pickle
import random
from datetime import date

import pyrage
import pytest

from tests.unit import age_forge
from tiered.codec.age import (
    MAX_RECIPIENTS,
    Decryptor,
    Encryptor,
    FileKey,
    PayloadKey,
    Recipient,
    ScryptIdentity,
    ScryptRecipient,
    X25519Identity,
    X25519Recipient,
    bech32,
    begin,
    recovery_sheet,
    unlock,
)
from tiered.codec.age.filekey import unwrapped
from tiered.errors import (
    ArchiveDamaged,
    ConfigError,
    EncryptionFailed,
    PassphraseError,
    TieredError,
)
from tiered.secret import Secret

OURS = X25519Identity.parse(Secret(age_forge.OURS))


def test_key_texts_are_those_of_the_specification() -> None:
    assert OURS.export() == Secret(age_forge.OURS)
    public = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
    assert str(OURS.recipient) == public
    assert X25519Recipient.parse(public) == OURS.recipient
    assert len({X25519Recipient.parse(public), OURS.recipient}) == 1
    assert repr(OURS.recipient) == f"X25519Recipient({public})"


def test_key_texts_are_those_of_pyrage() -> None:
    for seed in range(20):
        identity = X25519Identity.generate(random.Random(seed).randbytes)
        theirs = pyrage.x25519.Identity.from_str(identity.export().reveal())
        assert str(theirs.to_public()) == str(identity.recipient)
        theirs = pyrage.x25519.Identity.generate()
        ours = X25519Identity.parse(Secret(str(theirs)))
        assert str(ours.recipient) == str(theirs.to_public())
        assert ours.export().reveal() == str(theirs)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "age1",
        str(OURS.recipient)[:-1],
        str(OURS.recipient)[:-1] + "q",
        str(OURS.recipient).upper(),
        f" {OURS.recipient}",
        age_forge.OURS,
        bech32.encode("age", b"x" * 31),
        bech32.encode("age", b"x" * 33),
        bech32.encode("age1pq", b"x" * 32),
    ],
)
def test_what_is_no_recipient(text: str) -> None:
    with pytest.raises(ConfigError):
        X25519Recipient.parse(text)


@pytest.mark.parametrize("raw", [bytes(32), b"\x01" + bytes(31)])
def test_a_recipient_of_low_order_is_refused(raw: bytes) -> None:
    with pytest.raises(ConfigError, match="keeps nothing secret"):
        X25519Recipient.parse(bech32.encode("age", raw))


@pytest.mark.parametrize(
    "text",
    [
        "",
        age_forge.OURS[:-1],
        age_forge.OURS.lower(),
        age_forge.OURS.replace("GFPY", "GFPX", 1),
        str(OURS.recipient),
        bech32.encode("age-secret-key-", b"x" * 31).upper(),
        bech32.encode("age-secret-key-pq-", b"x" * 32).upper(),
    ],
)
def test_what_is_no_identity(text: str) -> None:
    with pytest.raises(PassphraseError) as caught:
        X25519Identity.parse(Secret(text))
    shown = str(caught.value) + caught.value.hint + repr(caught.value.facts)
    assert not text or text not in shown
    assert caught.value.__cause__ is None


def test_no_secret_is_printed_copied_or_pickled() -> None:
    new = begin([OURS.recipient], os.urandom)
    secret = Secret("hunter2")
    for holder in (
        OURS,
        FileKey(b"k" * 16),
        new.key,
        new,
        unlock([OURS], new.front),
        ScryptRecipient(secret),
        ScryptIdentity(secret),
        recovery_sheet(OURS, "photos", date(2026, 11, 21)),
    ):
        shown = f"{holder} {holder!r} {vars(type(holder)).get('__dict__')}"
        for text in ("hunter2", age_forge.OURS, "kkk", "GFPY"):
            assert text not in shown
        with pytest.raises(TypeError):
            pickle.dumps(holder)
        if isinstance(holder, FileKey | PayloadKey | X25519Identity):
            with pytest.raises(TypeError):
                copy.copy(holder)


def test_a_random_source_that_gives_too_little_is_refused() -> None:
    for make in (
        lambda short: X25519Identity.generate(short),
        lambda short: begin([OURS.recipient], short),
    ):
        with pytest.raises(ValueError, match="random source"):
            make(lambda count: b"x" * (count - 1))


def test_no_two_files_share_anything() -> None:
    first, second = (begin([OURS.recipient], os.urandom) for _ in range(2))
    assert first.nonce != second.nonce
    for line, other in zip(
        first.header.split(b"\n")[1:-1], second.header.split(b"\n")[1:-1], strict=True
    ):
        assert line != other


@pytest.mark.parametrize("count", [1, 2, MAX_RECIPIENTS])
def test_each_recipient_opens_the_file(count: int) -> None:
    pairs = [X25519Identity.generate(os.urandom) for _ in range(count)]
    new = begin([pair.recipient for pair in pairs], os.urandom)
    for pair in pairs:
        unlock([OURS, pair], new.front)
    with pytest.raises(PassphraseError):
        unlock([OURS], new.front)


@pytest.mark.parametrize(
    "recipients",
    [
        [],
        [OURS.recipient] * (MAX_RECIPIENTS + 1),
        [ScryptRecipient(Secret("x"), 1), OURS.recipient],
        [ScryptRecipient(Secret("x"), 1)] * 2,
    ],
)
def test_recipients_that_cannot_be(recipients: list[Recipient]) -> None:
    with pytest.raises(ConfigError):
        begin(recipients, os.urandom)


def encrypted(data: bytes, recipient: Recipient) -> bytes:
    target = io.BytesIO()
    file = Encryptor([recipient], target, os.urandom)
    file.write(data)
    file.close()
    return target.getvalue()


@pytest.mark.parametrize("passphrase", ["x", "pässwörd 🔑", " spaces ", "x" * 1000])
def test_pyrage_takes_our_passphrases(passphrase: str) -> None:
    made = encrypted(b"content", ScryptRecipient(Secret(passphrase), 10))
    assert pyrage.passphrase.decrypt(made, passphrase) == b"content"


def test_we_take_pyrages_passphrases() -> None:
    made = pyrage.passphrase.encrypt(b"theirs", "pässwörd")  # one second of work
    identity = ScryptIdentity(Secret("pässwörd"))
    assert Decryptor([identity], io.BytesIO(made)).read() == b"theirs"


def test_a_passphrase_that_is_not_utf_8_is_taken_as_it_is() -> None:
    passphrase = Secret(b"caf\xe9".decode("utf-8", "surrogateescape"))
    made = encrypted(b"content", ScryptRecipient(passphrase, 1))
    assert Decryptor([ScryptIdentity(passphrase)], io.BytesIO(made)).read()


def test_work_is_limited() -> None:
    made = encrypted(b"content", ScryptRecipient(Secret("x"), 6))
    opened = Decryptor([ScryptIdentity(Secret("x"), 6)], io.BytesIO(made))
    assert opened.read() == b"content"
    with pytest.raises(ArchiveDamaged, match="more work"):
        Decryptor([ScryptIdentity(Secret("x"), 5)], io.BytesIO(made))


@pytest.mark.parametrize("work_factor", [0, -1, 23])
def test_work_factors_out_of_range(work_factor: int) -> None:
    with pytest.raises(ConfigError):
        ScryptRecipient(Secret("x"), work_factor)
    with pytest.raises(ConfigError):
        ScryptIdentity(Secret("x"), work_factor)


def test_an_empty_passphrase_is_refused() -> None:
    for kind in (ScryptRecipient, ScryptIdentity):
        with pytest.raises(PassphraseError, match="empty"):
            kind(Secret(""))


def test_too_little_memory_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    class Greedy:
        def __init__(self, **_: object) -> None: ...

        def derive(self, _: bytes) -> bytes:
            raise MemoryError

    monkeypatch.setattr("tiered.codec.age.scrypt.Scrypt", Greedy)
    with pytest.raises(EncryptionFailed, match="131072 KiB"):
        begin([ScryptRecipient(Secret("x"))], os.urandom)


def test_only_bodies_of_32_bytes_are_decrypted() -> None:
    key = b"k" * 32
    body = age_forge.wrapped(key)
    assert isinstance(unwrapped(body, key), FileKey)
    assert unwrapped(body, b"x" * 32) is None
    for file_key in (age_forge.FILE_KEY[:15], age_forge.FILE_KEY + b"x"):
        assert unwrapped(age_forge.wrapped(key, file_key), key) is None


def test_malformed_stanzas_count_even_beside_one_that_opens() -> None:
    broken = age_forge.stanza("X25519 AAAA", b"x" * 32)
    for parts in ([broken, age_forge.x25519()], [age_forge.x25519(), broken]):
        with pytest.raises(TieredError, match="header failure"):
            unlock([OURS], age_forge.file(*parts))
