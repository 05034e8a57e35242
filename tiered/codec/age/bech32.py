"""Bech32: how age writes its keys as text, `<prefix>1<data><checksum>`.

An encoding, not a cipher: five bits a character, then six characters that catch
mistypes (any four wrong characters of a short text, in any place).

Rules: all lower or all upper case; the checksum is over the lower-case form; bits
that fill up the last character are zero.  Unlike BIP 173, age sets no limit on the
length.  Messages never hold the text, since it may be a private key.

Source: BIP 173, "Bech32", read 2026-11-21; C2SP age.md, "Conventions".
"""

from collections.abc import Iterable, Iterator

_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
"""Coefficients of the checksum's generator polynomial, by bit of the top symbol."""

_CHECKSUM_LEN = 6


def encode(prefix: str, data: bytes) -> str:
    """Lower-case text; `.upper()` of it is as valid.

    Args:
        prefix: Printable ASCII, lower case, not empty.
        data: Any bytes.
    """
    symbols = list(_regroup(data, 8, 5))
    if rest := len(data) * 8 % 5:
        symbols.append((data[-1] << (5 - rest)) & 0b11111)
    both = [*_expand(prefix), *symbols]
    sum_ = _checksum([*both, *[0] * _CHECKSUM_LEN]) ^ 1
    ending = [sum_ >> 5 * (_CHECKSUM_LEN - 1 - i) & 31 for i in range(_CHECKSUM_LEN)]
    return prefix + "1" + "".join(_ALPHABET[s] for s in [*symbols, *ending])


def decode(text: str) -> tuple[str, bytes]:
    """Prefix, in the case it was given in, and data.

    Raises:
        ValueError: The text is not Bech32, or was mistyped; the message says why,
            and holds nothing of the text.
    """
    if text not in (text.lower(), text.upper()):
        raise ValueError("it mixes upper and lower case")
    prefix, found, ending = text.rpartition("1")
    if not found or not prefix or len(ending) < _CHECKSUM_LEN:
        raise ValueError("it is not of the form prefix, 1, data")
    if not all("!" <= character <= "~" for character in prefix):
        raise ValueError("its prefix is not printable ASCII")
    try:
        symbols = [_VALUES[character] for character in ending.lower()]
    except KeyError:
        raise ValueError("it holds a character that keys never have") from None
    if _checksum([*_expand(prefix.lower()), *symbols]) != 1:
        raise ValueError("its checksum is wrong: it was mistyped or cut off")
    payload = symbols[:-_CHECKSUM_LEN]
    fill = len(payload) * 5 % 8
    if fill >= 5 or (fill and payload[-1] & ((1 << fill) - 1)):
        raise ValueError("its last bits are not those of a whole number of bytes")
    return prefix, bytes(_regroup(payload, 5, 8))


def _regroup(values: Iterable[int], width: int, new_width: int) -> Iterator[int]:
    """The same bits in groups of another width; what fills no group is dropped."""
    pending, count = 0, 0
    for value in values:
        pending, count = pending << width | value, count + width
        while count >= new_width:
            count -= new_width
            yield pending >> count
            pending &= (1 << count) - 1


def _expand(prefix: str) -> list[int]:
    """The prefix as the checksum sees it: high bits, a zero, low bits."""
    codes = prefix.encode("ascii")
    return [*(c >> 5 for c in codes), 0, *(c & 31 for c in codes)]


def _checksum(symbols: Iterable[int]) -> int:
    """Remainder by the generator; 1 for a whole text."""
    rest = 1
    for symbol in symbols:
        top = rest >> 25
        rest = (rest & 0x1FFFFFF) << 5 ^ symbol
        for bit, coefficient in enumerate(_GENERATOR):
            if top >> bit & 1:
                rest ^= coefficient
    return rest
