"""What a restore read of a store, held against what it needed; for chain30."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_SET: Final = re.compile(r"(?:full|to)\.(\d{8}T\d{6}Z)\.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """What one restore read of the store, and had to read."""

    volume_bytes: int
    """Of volumes, as often as they were read."""
    twice_bytes: int
    """Of these, what had been read before."""
    volumes: int
    hot_bytes: int
    """Of everything that is not a volume."""
    needed_bytes: int
    """The frames that hold what is restored."""
    needed_volumes: int
    idle_volumes: int
    """Volumes that were read and hold nothing of it."""


def reads_of(counts: dict[str, list[tuple[int, int]]], needed: dict[str, int]) -> Reads:
    """What was read [contrib.bench.counted] against what is needed
    [contrib.bench.needed]."""
    volumes = {n: v for n, v in counts.items() if ".vol" in n}
    hot = sum(size for n in counts.keys() - volumes for _, size in counts[n])
    total = sum(size for ranges in volumes.values() for _, size in ranges)
    names = {volume_of(name) for name in volumes} if needed else set()
    return Reads(
        volume_bytes=total,
        twice_bytes=total - sum(map(distinct_bytes, volumes.values())),
        volumes=len(volumes),
        hot_bytes=hot,
        needed_bytes=sum(needed.values()),
        needed_volumes=len(needed),
        idle_volumes=len(names - needed.keys()),
    )


def distinct_bytes(ranges: Sequence[tuple[int, int]]) -> int:
    """How many bytes lie in any of the ranges."""
    total = end = 0
    for start, length in sorted(ranges):
        total += max(0, start + length - max(start, end))
        end = max(end, start + length)
    return total


def volume_of(name: str) -> str | None:
    """What `needed_bytes` calls the volume that has this name in a store."""
    number = re.search(r"\.vol(\d+)\.", name)
    return f"{end_of(name)} {number[1]}" if number else None


def end_of(name: str) -> str:
    """The end of the set that an object of style tiered belongs to."""
    found = _SET.search(name)
    if found is None:
        raise ValueError(f"{name} is of no set")
    return found[1]
