"""How hard zstd tries, and packing one frame after another.

Strategy and tables are named here instead of a level: the levels of zstd are made
for whole files, while a frame is small and its size known  [docs/performance.md].
"""

import sys
import threading
from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final, NamedTuple

if sys.version_info >= (3, 14):
    from compression import zstd
    from compression.zstd import CompressionParameter, Strategy
else:
    from backports import zstd
    from backports.zstd import CompressionParameter, Strategy

_FAST = {
    CompressionParameter.strategy: Strategy.fast,
    CompressionParameter.min_match: 6,
}


class Effort(Enum):
    """What compressing a frame may cost."""

    SMALL_FILES = MappingProxyType(
        {
            **_FAST,
            CompressionParameter.hash_log: 15,
            CompressionParameter.window_log: 18,
        }
    )
    """Tables that fit the fastest cache: level 1's time, level 2's size."""
    LARGE_FILES = MappingProxyType(
        {
            **_FAST,
            CompressionParameter.hash_log: 17,
            CompressionParameter.window_log: 22,
        }
    )
    """Level 3's size for two thirds of its time."""
    PATIENT = MappingProxyType({CompressionParameter.compression_level: 9})
    """For when the store is what is waited for."""
    LEAST = MappingProxyType({CompressionParameter.compression_level: -7})
    """Next to nothing, as frames are the format also of who wants no compression."""

    @property
    def parameters(self) -> Mapping[int, int]:
        return {int(name): int(value) for name, value in self.value.items()}


class Efforts(NamedTuple):
    """What compressing may cost, by what is compressed, and when."""

    small_files: Effort = Effort.SMALL_FILES
    large_files: Effort = Effort.LARGE_FILES
    patient: Effort = Effort.PATIENT
    """Of everything, while finished volumes wait for the store."""


USUAL_EFFORTS: Final = Efforts()
LEAST_EFFORTS: Final = Efforts(Effort.LEAST, Effort.LEAST, Effort.LEAST)


class FramePacker:
    """Packs many frames; each thread keeps its compressors.

    A compressor has a MiB of tables, and to be given them anew by the system for
    each frame takes as long as compressing it fast.
    """

    def __init__(self) -> None:
        self._kept = _Kept()

    def pack(self, data: bytes | memoryview, effort: Effort) -> bytes:
        """One frame, with content size and checksum."""
        compressor = self._kept.compressors.get(effort)
        if compressor is None:
            options = {**effort.parameters, CompressionParameter.checksum_flag: 1}
            compressor = zstd.ZstdCompressor(options=options)
            self._kept.compressors[effort] = compressor
        compressor.set_pledged_input_size(len(data))
        return compressor.compress(data, compressor.FLUSH_FRAME)


class _Kept(threading.local):
    """What each thread keeps."""

    def __init__(self) -> None:
        self.compressors: dict[Effort, zstd.ZstdCompressor] = {}
