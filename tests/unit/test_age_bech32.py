"""Bech32 as BIP 173 defines it, without its limit of length."""

import pytest

from tiered.codec.age import bech32


@pytest.mark.parametrize(
    "text",
    [
        "A12UEL5L",  # valid strings of BIP 173
        "a12uel5l",
        "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw",
        "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w",
        "?1ezyfcl",
    ],
)
def test_valid(text: str) -> None:
    prefix, data = bech32.decode(text)
    again = bech32.encode(prefix.lower(), data)
    assert again == text.lower()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a12UEL5L", "mixes"),
        ("", "form"),
        ("pzry9x0s0muk", "form"),  # no separator
        ("1pzry9x0s0muk", "form"),  # no prefix
        ("li1dgmt3", "form"),  # too short for a checksum
        ("x1b4n0q5v", "character"),
        ("de1lg7wt\xff", "character"),
        ("\x7f1axkwrx", "prefix"),
        ("\x201nwldj5", "prefix"),
        ("a12uel5m", "checksum"),
        ("A1G7SGD8", "checksum"),  # computed over the upper-case prefix
    ],
)
def test_invalid(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        bech32.decode(text)
    assert not text or text not in str(caught.value)


@pytest.mark.parametrize("values", [[0], [0, 1], [0, 0, 0], [31] * 8 + [0]])
def test_bits_that_fill_up_are_few_and_zero(values: list[int]) -> None:
    symbols = [3, 0, 1, *values]  # as the checksum sees the prefix "a"
    rest = bech32._checksum([*symbols, *[0] * 6]) ^ 1
    ending = [rest >> 5 * (5 - i) & 31 for i in range(6)]
    text = "a1" + "".join(bech32._ALPHABET[v] for v in [*values, *ending])
    with pytest.raises(ValueError, match="last bits"):
        bech32.decode(text)


@pytest.mark.parametrize("size", range(70))
def test_every_length_comes_back(size: int) -> None:
    data = bytes(range(255, 255 - size, -1))
    assert bech32.decode(bech32.encode("age", data)) == ("age", data)
