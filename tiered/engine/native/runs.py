"""Runs of members become frames."""

from collections.abc import Sequence
from typing import NamedTuple

from tiered.codec.frames import FrameSize
from tiered.codec.packing import Effort, FramePacker

MOST_STORED = 128 << 10
"""A frame of several members that is larger is cut, as reading one of them costs
the whole frame  [docs/format/native.md, "Frames"]."""
_LEAST_RUN = 32 << 10
_FEW_PARTS = 3

Parts = Sequence[int]
"""Lengths in bytes of the headers and bodies of a run; none is ever divided."""


class Frames(NamedTuple):
    """Frames that follow each other."""

    data: bytes
    sizes: list[FrameSize]


def pack_runs(
    packer: FramePacker,
    runs: bytes | memoryview,
    parts: Sequence[Parts],
    effort: Effort,
) -> Frames:
    """Compress runs that follow each other, each to one frame or some.

    Args:
        parts: Of each run.
    """
    packing = _Packing(packer, effort, [], [])
    view = memoryview(runs)
    at = 0
    for each in parts:
        end = at + sum(each)
        packing.add(view[at:end], each)
        at = end
    return Frames(b"".join(packing.frames), packing.sizes)


class _Packing(NamedTuple):
    packer: FramePacker
    effort: Effort
    frames: list[bytes]
    sizes: list[FrameSize]

    def add(self, run: memoryview, parts: Parts) -> None:
        frame, size = self.packer.pack(run, self.effort), len(run)
        if len(frame) <= MOST_STORED or len(parts) <= _FEW_PARTS or size < _LEAST_RUN:
            self.frames.append(frame)
            self.sizes.append(FrameSize(len(frame), size))
            return
        half, first = 0, 0
        while half < size // 2 and first < len(parts) - 1:
            half += parts[first]
            first += 1
        self.add(run[:half], parts[:first])
        self.add(run[half:], parts[first:])
