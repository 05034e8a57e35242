"""Header text: the limits, the way it is written, and where it ends."""

import os

import pytest

from tests.unit import age_forge
from tiered.codec.age import MAX_HEADER_BYTES, X25519Identity, begin, front_end, unlock
from tiered.codec.age.header import (
    Stanza,
    decode64,
    encode64,
    header_end,
    parse,
    signed_header,
    unsigned_header,
)
from tiered.errors import ArchiveDamaged, ConfigError
from tiered.secret import Secret

OURS = X25519Identity.parse(Secret(age_forge.OURS))
GOOD = age_forge.header(age_forge.x25519())


@pytest.mark.parametrize("size", [0, 1, 2, 3, 32, 47, 48, 49, 95, 96, 97, 1000])
def test_bodies_are_written_in_lines_of_64_columns(size: int) -> None:
    body = os.urandom(size)
    unsigned = unsigned_header([Stanza(("kind", "more"), body)])
    assert unsigned.decode() == (
        f"{age_forge.VERSION}{age_forge.stanza('kind more', body)}---"
    )
    parsed = parse(signed_header(unsigned, b"m" * 32))
    assert parsed.stanzas == (Stanza(("kind", "more"), body),)
    assert (parsed.unsigned, parsed.mac) == (unsigned, b"m" * 32)


@pytest.mark.parametrize(
    "arguments", [(), ("",), ("a", ""), ("a b",), ("a\n",), ("é",), ("\x7f",)]
)
def test_arguments_that_cannot_be_written(arguments: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        unsigned_header([Stanza(arguments, b"")])


def test_a_header_without_stanzas_is_not_written() -> None:
    with pytest.raises(ValueError, match="at least one"):
        unsigned_header([])


NOT_CANONICAL = ("=", "A", "AA=", "AA==", "AB", "A A", "é", "A\n", "-")


@pytest.mark.parametrize("text", NOT_CANONICAL)
def test_base64_that_is_not_canonical(text: str) -> None:
    with pytest.raises(ValueError, match="base64"):
        decode64(text)


def test_base64_comes_back() -> None:
    for size in range(70):
        data = os.urandom(size)
        assert decode64(encode64(data)) == data
        assert decode64(encode64(data).encode()) == data


def test_the_end_is_found_in_any_beginning() -> None:
    data = GOOD + b"nonce and\n--- more\n"
    for cut in range(len(data)):
        expected = len(GOOD) if cut >= len(GOOD) else None
        assert header_end(data[:cut]) == expected


def test_the_front_ends_behind_the_nonce() -> None:
    new = begin([OURS.recipient], os.urandom)
    assert front_end(new.front[:-1]) is None
    assert front_end(new.front) == front_end(new.front + b"chunk") == len(new.front)
    assert new.front == new.header + new.nonce


def test_what_follows_a_header_is_no_part_of_it() -> None:
    with pytest.raises(ArchiveDamaged, match="header failure"):
        parse(GOOD + b"x\n")


def test_the_limit_of_the_reader() -> None:
    filler = age_forge.stanza("a", b"x" * 47)
    room = MAX_HEADER_BYTES - len(GOOD)
    count = room // len(filler)
    longest = age_forge.stanza("a" * (room % len(filler) + 1), b"x" * 47)
    data = age_forge.file(age_forge.x25519(), *[filler] * (count - 1), longest)
    assert header_end(data) == MAX_HEADER_BYTES
    unlock([OURS], data)
    longer = longest.replace("-> a", "-> aa")
    data = age_forge.header(age_forge.x25519(), *[filler] * (count - 1), longer)
    for call in (header_end, parse):
        with pytest.raises(ArchiveDamaged, match="65536"):
            call(data)


def test_the_limit_of_the_writer() -> None:
    unsigned = unsigned_header([Stanza(("a",), b"x" * 50_000)])
    with pytest.raises(ConfigError, match="too many recipients"):
        signed_header(unsigned, b"m" * 32)


def test_endless_text_is_refused_soon() -> None:
    with pytest.raises(ArchiveDamaged, match="no end"):
        header_end(age_forge.VERSION.encode() + b"-> a\n" * 20_000)
