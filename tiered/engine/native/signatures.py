"""The signatures of a set: written as files come, read as files are compared."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import BinaryIO

from tiered.archive.member_stream import Member, read_sums
from tiered.archive.members import TRAILER, HeaderPacker, Role, padding
from tiered.archive.paths import PathKey, show_path
from tiered.codec.frames import (
    FrameSize,
    FrameStream,
    pack_frame,
    pack_seek_table,
)
from tiered.engine.native.kept_sums import KeptSums
from tiered.errors import ArchiveDamaged
from tiered.rsync.sums import SumBytes, Sums, cut_sums, most_sums_bytes

_FRAME_BYTES = 1 << 20
_LEVEL = 1
"""Sums do not compress; their headers do."""
_HASH_BYTES = 32
_ROLES = (Role.SIGNATURE, Role.BLOCKS)
"""What there is of a file, in this order."""


class SignatureWriter:
    """Writes the signatures of one set, in the order of paths.

    Args:
        write: Takes the bytes of the object; what it raises passes through.
        packer: Packs headers.
    """

    def __init__(self, write: Callable[[bytes], object], packer: HeaderPacker) -> None:
        self._write, self._packer = write, packer
        self._frames: list[FrameSize] = []
        self._parts: list[bytes | bytearray] = []
        self._waiting = 0

    def add(self, path: bytes, content: bytes, sums: Sums) -> None:
        """Keep the sums of a file whose BLAKE3 is `content`."""
        self._member(Role.SIGNATURE, path, sums.signature)
        self._member(Role.BLOCKS, path, sums.blocks, content)

    def finish(self) -> None:
        """End the object."""
        self._add(TRAILER)
        self._end_frame()
        self._write(pack_seek_table(self._frames))

    def _member(
        self, role: Role, path: bytes, sums: SumBytes, front: bytes = b""
    ) -> None:
        size = len(front) + len(sums)
        self._add(self._packer.pack(role, path, size=size, mode=0o600) + front)
        for part in cut_sums(sums):
            self._add(part)
        self._add(padding(size))

    def _add(self, part: bytes | bytearray) -> None:
        self._parts.append(part)
        self._waiting += len(part)
        if self._waiting >= _FRAME_BYTES:
            self._end_frame()

    def _end_frame(self) -> None:
        data = memoryview(b"".join(self._parts))
        self._parts.clear()
        self._waiting = 0
        for at in range(0, len(data), _FRAME_BYTES):
            part = data[at : at + _FRAME_BYTES]
            frame = pack_frame(part, _LEVEL)
            self._frames.append(FrameSize(len(frame), len(part)))
            self._write(frame)


class _SetSignatures:
    """The signatures of one set, read forward."""

    def __init__(self, file: BinaryIO, scratch: Path) -> None:
        self._scratch = scratch
        self._members: Iterator[Member] = read_sums(FrameStream(file))
        self._next = next(self._members, None)

    def find(self, path: PathKey, content: bytes, size_bytes: int) -> Sums | None:
        """As `ChainSums.find`; sums that are of other content are not read."""
        while self._next is not None and self._next.path < path:
            self._next = next(self._members, None)
        most_signature, most_blocks = most_sums_bytes(size_bytes)
        found: list[KeptSums | None] = []
        is_it = False
        while self._next is not None and self._next.path == path:
            member = self._next
            if member.role is Role.SIGNATURE:
                found.append(self._read(member, most_signature))
            elif is_it := self._content(member) == content:
                found.append(self._read(member, most_blocks + _HASH_BYTES))
            self._next = next(self._members, None)
        if not is_it or len(found) < len(_ROLES):
            return None
        signature, blocks = found
        if signature is None or blocks is None:
            shown = show_path(path)
            raise ArchiveDamaged(
                f"the signature of {shown} is not that of {size_bytes} bytes"
            )
        return Sums(signature, blocks)

    def _content(self, member: Member) -> bytes:
        if member.size < _HASH_BYTES:
            raise ArchiveDamaged(
                f"the signature of {show_path(member.path)} is not whole"
            )
        return member.body.read(_HASH_BYTES)

    def _read(self, member: Member, most_bytes: int) -> KeptSums | None:
        """The sums that are not read yet; None if there are more than may be."""
        if member.size > most_bytes:
            return None
        sums = KeptSums(self._scratch)
        while data := member.body.read(_FRAME_BYTES):
            sums.extend(data)
        return sums


class ChainSums:
    """The sums of the files of a state; paths must be asked for in order.

    Args:
        openings: Each opens the signatures of a set; the oldest first.
        scratch: Folder for sums of large files.

    Cost: Nothing until the first file is asked for; then one pass over each object.
    """

    def __init__(
        self,
        openings: Sequence[Callable[[], AbstractContextManager[BinaryIO]]],
        scratch: Path,
    ) -> None:
        self._openings, self._scratch = openings, scratch
        self._stack = ExitStack()
        self._sets: list[_SetSignatures] | None = None

    def find(self, path: PathKey, content: bytes, size_bytes: int) -> Sums | None:
        """The sums of the version of `path` that has this BLAKE3 and size; None if
        nobody kept them: the file was small, or came to its path as a copy.

        Raises:
            ArchiveDamaged: They are longer than those of such a file can be.
            ArchiveDamaged, StoreError, PassphraseError: Signatures of the chain
                could not be read.
            ScratchError: The folder is missing, full or read-only.
        """
        if self._sets is None:
            enter = self._stack.enter_context
            files = [enter(opening()) for opening in self._openings]
            self._sets = [
                _SetSignatures(file, self._scratch) for file in reversed(files)
            ]
        for each in self._sets:
            if found := each.find(path, content, size_bytes):
                return found
        return None

    def close(self) -> None:
        self._stack.close()
