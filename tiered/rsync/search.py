"""Finding where else in the old version bytes of the new one stand, by librsync.

librsync finds any block at any offset, and pays for it: where nothing matches it
does 30 MB/s, a tenth of everything else here.  So it is asked little:

  * A sample of two blocks holds a whole old block if its bytes are old ones at
    all, and so tells the shift.  The rest is `tiered.rsync.match`.
  * Loading the signature takes as long as comparing an eighth of the file.  Short gaps
    between bytes that stayed are not worth it, up to 1/512 of the file.
  * Looking at all bytes is paid from an allowance.  It grows a little with what
    was read, and by what was found: searching goes on as long as it finds as much
    as it looks at in vain.

What is lost by that is size, never correctness: small moves in a file of which
nearly nothing else is old.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from tiered.rsync.commands import Command, CommandReader, Copy
from tiered.rsync.delta import DeltaMaker
from tiered.rsync.signature import Signature
from tiered.rsync.sums import KnownSums

_STEP_BYTES: Final = 32 << 10
_LEAST_ALLOWANCE_BLOCKS: Final = 8
_MOST_ALLOWANCE_BYTES: Final = 2 << 20
_READ_SHARE: Final = 256
_PASSED_SHARE: Final = 512


class Match(NamedTuple):
    """New bytes [start, end) are the old bytes [start - shift, end - shift)."""

    start: int
    end: int
    shift: int


class Finder:
    """Looks up bytes in the old version.

    Cost: loads the old signature when it is first asked, which takes one to three
    times its size in memory.
    """

    def __init__(self, old: KnownSums, new_size: int) -> None:
        self._old = old
        self._signature: Signature | None = None
        least = _LEAST_ALLOWANCE_BLOCKS * old.block_len
        self._most = max(least, _MOST_ALLOWANCE_BYTES)
        self._allowance = min(max(least, new_size // 32), self._most)
        self._may_pass = new_size // _PASSED_SHARE
        self.sample_bytes = 2 * old.block_len - 1
        """Of this many bytes that are old ones, one old block is whole."""

    def earn(self, read_bytes: int) -> None:
        """More of the new version was read."""
        self._allow(read_bytes // _READ_SHARE)

    def passes(self, length: int) -> bool:
        """Is a gap between bytes that stayed too little to load the signature for?

        A file with a few such gaps has nothing else that must be looked up.
        """
        if self._signature is not None or length > self._may_pass:
            return False
        self._may_pass -= length
        return True

    def shift_of(self, data: memoryview, start: int) -> int | None:
        """The shift of the first old block in a sample that begins at `start`."""
        if not self._is_worth(data):
            return None
        at = start
        for command in self._commands(data):
            if isinstance(command, Copy):
                return at - command.offset
            at += command.length
        return None

    def matches(self, data: memoryview, start: int) -> list[Match]:
        """Old bytes in `data`, which begins at `start`, while the allowance lasts."""
        if self._allowance <= 0 or not self._is_worth(data):
            return []
        found: list[Match] = []
        at, before = start, -1
        for command in self._commands(data):
            end = at + command.length
            if not isinstance(command, Copy):
                self._allowance -= command.length
                if self._allowance <= 0:
                    break
            elif command.offset != before:
                # The same block again and again is a run of one byte, or the
                # like: that compresses better than it is copied.
                found.append(Match(at, end, at - command.offset))
                self._allow(command.length)
            before = command.offset if isinstance(command, Copy) else -1
            at = end
        return found

    def _commands(self, data: memoryview) -> Iterator[Command]:
        if self._signature is None:
            self._signature = Signature.from_parts(self._old.signature_parts())
        maker, reader = DeltaMaker(self._signature), CommandReader()
        for start in range(0, len(data), _STEP_BYTES):
            yield from reader.feed(maker.feed(data[start : start + _STEP_BYTES]))
        yield from reader.feed(maker.finish())

    def _is_worth(self, data: memoryview) -> bool:
        """A whole block fits, and it is not one byte all over."""
        if len(data) < self._old.block_len or self._old.size < self._old.block_len:
            return False
        first = bytes(data[:_STEP_BYTES])
        if first != first[:1] * len(first):
            return True
        return bytes(data) != first[:1] * len(data)

    def _allow(self, length: int) -> None:
        self._allowance = min(self._allowance + length, self._most)
