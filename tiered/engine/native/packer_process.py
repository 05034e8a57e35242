"""A process that compresses runs of small files: another interpreter's lock.

Runs and frames stand in memory that both processes see.
"""

import mmap
from collections.abc import Sequence
from typing import IO

from tiered.codec.packing import Effort, FramePacker
from tiered.engine.native.messages import receive, send
from tiered.engine.native.runs import Parts, pack_runs

Order = tuple[int, int, int, Sequence[Parts], str]
"""Where runs begin, where their frames go, how much room those have, the parts of
each run, and what compressing may cost."""
Answer = list[tuple[int, int]]
"""For each frame its length and that of its content; none if they have no room."""


def pack_order(packer: FramePacker, memory: memoryview, order: Order) -> Answer:
    """Do what an order says."""
    start, at, room, parts, effort = order
    data, sizes = pack_runs(packer, memory[start:], parts, Effort[effort])
    if len(data) > room:
        return []
    memory[at : at + len(data)] = data
    return [(size.stored, size.content) for size in sizes]


def serve(memory_fd: int, size: int, get: IO[bytes], put: IO[bytes]) -> None:
    """Do what is ordered until no more comes."""
    packer = FramePacker()
    memory = memoryview(mmap.mmap(memory_fd, size))
    while (order := receive(get)) is not None:
        send(put, pack_order(packer, memory, order))
