"""What the files of the corpora are made of: text, noise, disk images, databases.

The same bytes every time: only the standard library is used, and of `random` only
what has given the same numbers since Python 3.9; they are those of a little-endian
machine.
"""

from array import array
from bisect import bisect
from collections.abc import Iterator
from functools import cache
from itertools import accumulate, chain
from random import Random
from struct import Struct
from typing import Final

SEED: Final = 20_261_121
BLOCK: Final = 64 << 10
_WORDS: Final = 30_000
_SLOTS: Final = 1 << 16


class Text:
    """Text without end: words of a Zipf distribution, numbers, line breaks."""

    def __init__(self, seed: int) -> None:
        self._chance = Random(SEED + seed)
        self._slots, self._rare = _frequent_words()
        self._slots = self._slots.copy()
        self._text = bytearray()

    def take(self, size: int) -> bytes:
        """The next bytes of it."""
        while len(self._text) < size:
            self._text += self._some()
        taken = bytes(memoryview(self._text)[:size])
        del self._text[:size]
        return taken

    def _some(self) -> bytes:
        """A table with one word for each value of 16 bits, and 2**18 such values."""
        words, chances = _vocabulary()
        chance = self._chance
        for slot in self._rare:
            at = (slot + chance.random()) / _SLOTS
            self._slots[slot] = words[min(bisect(chances, at), _WORDS - 1)]
        for slot in range(0, _SLOTS, 25):
            self._slots[slot] = b"%d " % int(chance.random() * 1e6)
        draws = array("H", chance.randbytes(1 << 19))
        return b"".join(map(self._slots.__getitem__, draws))


@cache
def _vocabulary() -> tuple[list[bytes], list[float]]:
    """Words, the most frequent first, and the sums of their probabilities."""
    chance = Random(SEED)
    letters = b"etaoinshrdlucmfwypvbgkjqxz"
    weights = list(accumulate(1 / n**0.7 for n in range(1, len(letters) + 1)))
    lengths = [2 + int(chance.random() * chance.random() * 12) for _ in range(_WORDS)]
    words = [
        bytes(chance.choices(letters, cum_weights=weights, k=length)) + b" "
        for length in lengths
    ]
    words[5] = words[5].strip() + b",\n"
    words[11] = b"\n\n    "
    words[17], words[19] = b" = {", b"};\n"
    sums = list(accumulate((n + 2.7) ** -1.05 for n in range(_WORDS)))
    return words, [s / sums[-1] for s in sums]


@cache
def _frequent_words() -> tuple[list[bytes], list[int]]:
    """The word of each slot, and the slots that stand for several rare words."""
    words, chances = _vocabulary()
    first = [min(bisect(chances, s / _SLOTS), _WORDS - 1) for s in range(_SLOTS + 1)]
    rare = [s for s in range(_SLOTS) if first[s + 1] > first[s] + 1]
    return [words[n] for n in first[:_SLOTS]], rare


def random_blocks(size: int) -> Iterator[bytes]:
    chance = Random(SEED + 3)
    for _ in range(size // BLOCK):
        yield chance.randbytes(BLOCK)


def text_blocks(size: int) -> Iterator[bytes]:
    text = Text(4)
    for _ in range(size // BLOCK):
        yield text.take(BLOCK)


def image_blocks(size: int) -> Iterator[bytes]:
    chance, text = Random(SEED + 5), Text(5)
    repeated = [
        chance.randbytes(BLOCK) if k % 2 else text.take(BLOCK) for k in range(64)
    ]
    for _ in range(size // BLOCK):
        kind = chance.random()
        if kind < 0.40:
            yield bytes(BLOCK)
        elif kind < 0.60:
            yield repeated[int(chance.random() * 64)]
        elif kind < 0.75:
            yield chance.randbytes(BLOCK)
        else:
            yield text.take(BLOCK)


def database_pages(size: int) -> Iterator[bytes]:
    rows, row, length = 60, Struct("<QQ16sIId"), 8192
    head = Struct("<4Q60H")
    slots = range(8000, 8000 - 2 * rows, -2)
    table = Struct("<" + row.format[1:] * rows)
    chance, text = Random(SEED + 6), Text(6)
    for page in range(size // length):
        ids = range(page * rows, (page + 1) * rows)
        keys = chance.randbytes(16 * rows)
        draws = array("I", chance.randbytes(4 * rows))
        values = (
            (
                *(i, 1_600_000_000_000 + i * 37, keys[16 * k : 16 * k + 16]),
                *(draw & 63, draw >> 6 & 3, (draw >> 8) % 100_000 / 100),
            )
            for k, (i, draw) in enumerate(zip(ids, draws, strict=True))
        )
        start = head.pack(page, page * 3 + 1, rows, length, *slots)
        end = text.take(60 * rows) + table.pack(*chain.from_iterable(values))
        yield start + bytes(length - len(start) - len(end)) + end
