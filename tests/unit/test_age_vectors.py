"""tests/vectors/age/: each file has one fault, and every reader must say which.

The same files are given to the `age` program and to pyrage, so that the vectors
themselves are known to be right.
"""

import io
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.unit import age_forge
from tests.unit.age_forge import FOLDER, SUCCESS, Vector, read_vector
from tests.unit.age_peers import age_decrypt, pyrage_decrypt
from tiered.codec.age import (
    Decryptor,
    Identity,
    ScryptIdentity,
    SeekableDecryptor,
    X25519Identity,
    front_end,
    unlock,
)
from tiered.errors import ArchiveDamaged, PassphraseError
from tiered.secret import Secret

STORED = {p.stem: read_vector(p.read_text("ascii")) for p in FOLDER.glob("*.txt")}
VECTORS = STORED | age_forge.large_vectors()

for_every_vector = pytest.mark.parametrize("name", sorted(VECTORS))

LENIENT = {
    # age 1.1.1 looks at one stanza after the other and stops at the first it opens
    "age": {"x25519-and-scrypt"},
    # pyrage 1.4.0 reads a body without its last, short line, and the number at the
    # front of a work factor
    "pyrage": {
        "body-missing",
        "body-no-short-line",
        "scrypt-work-suffix",
        "scrypt-work-fraction",
    },
}
"""What others accept and the specification forbids."""

NOT_FOR_PYRAGE = {"scrypt-work-23"}
"""It asks for 8 GiB and most of a minute, and pyrage tries."""


def identities(vector: Vector) -> Sequence[Identity]:
    if vector.passphrase:
        return [ScryptIdentity(Secret(vector.passphrase))]
    return [X25519Identity.parse(Secret(key)) for key in vector.keys]


def check_message(error: ArchiveDamaged | PassphraseError, expect: str) -> None:
    """The class of failure is a fact and in the message; the type follows it."""
    assert error.facts["failure"] == expect
    assert f"({expect})" in str(error)
    assert isinstance(error, PassphraseError) == (expect == "no match")


@for_every_vector
def test_streaming(name: str) -> None:
    vector, passed = VECTORS[name], b""
    try:
        decryptor = Decryptor(identities(vector), io.BytesIO(vector.data))
        while part := decryptor.read(4096):
            passed += part
    except (ArchiveDamaged, PassphraseError) as e:
        check_message(e, vector.expect)
    else:
        assert vector.expect == SUCCESS
    assert passed == vector.payload


@for_every_vector
def test_seeking(name: str) -> None:
    vector = VECTORS[name]
    data = vector.data
    try:
        unlocked = unlock(identities(vector), data[: front_end(data)])
        seekable = SeekableDecryptor(
            unlocked, lambda at, length: data[at : at + length], len(data)
        )
        seekable.verify_end()
        passed = seekable.read(0, seekable.size)
    except (ArchiveDamaged, PassphraseError) as e:
        check_message(e, vector.expect)
    else:
        assert (vector.expect, vector.payload) == (SUCCESS, passed)


@pytest.mark.parametrize("name", sorted(VECTORS.keys() - NOT_FOR_PYRAGE))
def test_pyrage_agrees(name: str) -> None:
    vector = VECTORS[name]
    found = pyrage_decrypt(vector.data, list(vector.keys), vector.passphrase)
    refused = vector.expect != SUCCESS and name not in LENIENT["pyrage"]
    assert (found is None) == refused
    assert refused or found in (vector.payload, age_forge.PLAIN)


@pytest.mark.parametrize(
    "name", sorted(name for name, vector in VECTORS.items() if vector.keys)
)
def test_the_age_program_agrees(name: str, tmp_path: Path) -> None:
    vector = VECTORS[name]
    found = age_decrypt(vector.data, list(vector.keys), tmp_path)
    refused = vector.expect != SUCCESS and name not in LENIENT["age"]
    assert (found is None) == refused
    assert refused or found in (vector.payload, age_forge.PLAIN)


def test_the_files_are_those_of_the_forge() -> None:
    assert age_forge.vectors() == STORED
    assert {p.suffix for p in FOLDER.iterdir()} == {".txt", ".md"}


def test_every_class_of_failure_has_vectors() -> None:
    found = {vector.expect for vector in STORED.values()}
    assert found == {SUCCESS, *(f"{k} failure" for k in ("header", "HMAC", "payload")),
        "no match"}  # fmt: skip
