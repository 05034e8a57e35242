"""The head of a signature, and which values it may have.  Pure: needs no library.

Layout of a signature, all numbers big-endian and 32 bits wide:

    magic | block_len | strong_len | for each block: weak sum | strong sum

The weak sum has 4 bytes, the strong sum `strong_len`; only the last block of a
file may be shorter than `block_len`; an empty file has no block.  Nothing says
how many blocks there must be, and nothing protects the sums: a signature that
lost whole blocks, or has other sums, still makes correct deltas, only larger
ones.  Not so another block length: the last, short block may then match, and be
copied from the wrong place.  The archive's own hash of its objects is what
detects such damage.

Source: librsync 2.3 doc/format.md; facts/duplicity.md section 3.4 (checked with
rdiff 2.3.2).
"""

import struct
from enum import Enum
from math import isqrt
from typing import Final, NamedTuple

from tiered.errors import ArchiveDamaged
from tiered.rsync.borrow import Data
from tiered.rsync.library import DAMAGED_HINT

MAX_BLOCK_LEN: Final = 64 << 20
"""Bytes.  A delta job holds two blocks in memory, so a damaged length must not
decide how much that is; by `block_len_for`, this is a file of 4 PiB."""

_STEP: Final = 512
_HEADER: Final = struct.Struct(">III")
HEADER_BYTES: Final = _HEADER.size
_WEAK_BYTES: Final = 4


class Kind(Enum):
    """The two sums of a signature; the value is its magic number."""

    MD4 = 0x72730136
    """What duplicity writes, with 8 bytes.  Anyone can make two blocks with the
    same sum, so use it only where the format asks for it."""
    BLAKE2 = 0x72730137
    RK_MD4 = 0x72730146
    RK_BLAKE2 = 0x72730147

    @property
    def max_strong_len(self) -> int:
        """Bytes of the whole strong sum."""
        return 16 if self in (Kind.MD4, Kind.RK_MD4) else 32

    @property
    def default_strong_len(self) -> int:
        """Bytes: 8 of MD4, as in every duplicity archive, and all of BLAKE2."""
        return 8 if self in (Kind.MD4, Kind.RK_MD4) else 32

    @property
    def since(self) -> tuple[int, int]:
        """The first librsync that knows it."""
        return (2, 2) if self in (Kind.RK_MD4, Kind.RK_BLAKE2) else (2, 0)


class SignatureHeader(NamedTuple):
    """The first 12 bytes of a signature."""

    magic: int
    block_len: int
    """Bytes, 1 .. MAX_BLOCK_LEN"""
    strong_len: int
    """Bytes, 1 .. 32"""

    @property
    def kind(self) -> Kind:
        return Kind(self.magic)

    @property
    def sums_bytes(self) -> int:
        """Bytes of both sums of one block."""
        return _WEAK_BYTES + self.strong_len


def block_len_for(size_bytes: int, max_block_len: int | None = None) -> int:
    """Block length in bytes for a file of `size_bytes`: about its square root.

    So signature and smallest change grow alike.  It is duplicity 3.2.1's rule:
    the integer root rounded up to a multiple of 512, at least 512, and at most
    `max_block_len` (rounded up alike, `--max-blocksize`) and MAX_BLOCK_LEN.
    """
    if size_bytes < 0 or (max_block_len is not None and max_block_len < 1):
        raise ValueError(f"no block length for {size_bytes} and {max_block_len} bytes")
    most = MAX_BLOCK_LEN if max_block_len is None else _rounded_up(max_block_len)
    return min(max(_rounded_up(isqrt(size_bytes)), _STEP), most, MAX_BLOCK_LEN)


def signature_header(data: Data) -> SignatureHeader:
    """Parse the head of a signature; needs no library.

    Raises:
        ArchiveDamaged: There are fewer than 12 bytes, or a field is not allowed.
    """
    if len(data) < _HEADER.size:
        raise damaged_signature(
            f"it has {len(data)} of the {_HEADER.size} bytes of its head"
        )
    header = SignatureHeader(*_HEADER.unpack_from(data))
    try:
        kind = header.kind
    except ValueError:
        raise damaged_signature(f"its magic number is {header.magic:#010x}") from None
    if not 1 <= header.block_len <= MAX_BLOCK_LEN:
        raise damaged_signature(f"its block length is {header.block_len}")
    if not 1 <= header.strong_len <= kind.max_strong_len:
        raise damaged_signature(f"its strong sums have {header.strong_len} bytes")
    return header


def damaged_signature(why: str) -> ArchiveDamaged:
    return ArchiveDamaged(f"the signature cannot be used: {why}", hint=DAMAGED_HINT)


def _rounded_up(length: int) -> int:
    return -(-length // _STEP) * _STEP
