"""The hot objects of a set: are they there and right, and do two say the same?"""

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import zip_longest
from typing import BinaryIO

from blake3 import blake3

from tiered.archive.collection import BackupSet
from tiered.archive.columns import IndexRow
from tiered.archive.extents import Extent
from tiered.archive.index import IndexReader
from tiered.archive.object_name import ObjectName
from tiered.archive.set_manifest import SetManifest, StoredObject, parse_set_manifest
from tiered.codec.frames import FrameStream
from tiered.engine.context import Context
from tiered.engine.fetch import download, expect
from tiered.engine.native.hot import check_manifest_size, index_reader
from tiered.engine.spool import open_spool, scratch_file
from tiered.errors import ArchiveDamaged, Corrupt, NotFound
from tiered.store import Entry

_COPY_BYTES = 1 << 20
BAD = (ArchiveDamaged, Corrupt, NotFound)
"""What an object can be, so that it is made again; other errors end the run."""


def read_manifest(context: Context, name: ObjectName, entry: Entry) -> SetManifest:
    """A manifest as it is in the store, whatever the cache has.

    Raises:
        ArchiveDamaged, Corrupt, NotFound: No copy of it is right.
        ConfigError: Its version is not known.
        PassphraseError: No key that is at hand opens it.
        StoreError: No copy could be read.
    """
    check_manifest_size(name.name, entry)
    found: list[SetManifest] = []

    def check(file: BinaryIO) -> None:
        with open_spool(file) as sealed:
            reader = context.envelope_for(name.suffix).open_stream(sealed, name.name)
            found.append(parse_set_manifest(reader.read(), name.set_id))

    with scratch_file(context.scratch) as file:
        download(context, name.name, file, expect(entry), check)
    return found[-1]


def check_object(
    context: Context, name: str, entry: Entry, known: StoredObject
) -> None:
    """Is an object in the store what the manifest says?

    Raises:
        Corrupt, NotFound: No copy of it is.
        StoreError: No copy could be read.
    """

    def check(file: BinaryIO) -> None:
        found = stored_object(file)
        if found != known:
            raise Corrupt(f"{name} is not what its manifest says", name=name)

    with scratch_file(context.scratch) as file:
        download(context, name, file, expect(entry), check)


def stored_object(file: BinaryIO) -> StoredObject:
    """Size and BLAKE3 of a file."""
    found, size = blake3(), 0
    with open_spool(file) as data:
        while chunk := data.read(_COPY_BYTES):
            found.update(chunk)
            size += len(chunk)
    return StoredObject(size, found.digest())


def hot_names(backup_set: BackupSet) -> dict[str, ObjectName | None]:
    """What a set should have beside volumes, as messages call it."""
    return {
        "manifest": backup_set.manifest,
        "index": backup_set.index,
        "signatures": backup_set.signatures,
    }


class Survivor:
    """An index or signatures that nobody vouches for, opened to be compared.

    Args:
        stack: Closes the files.

    Raises:
        ArchiveDamaged, Corrupt, NotFound: No copy of it can be opened.
        PassphraseError, StoreError: As `read_manifest`.
    """

    def __init__(
        self, context: Context, name: ObjectName, entry: Entry, stack: ExitStack
    ) -> None:
        sealed = stack.enter_context(scratch_file(context.scratch))
        self.plain = stack.enter_context(scratch_file(context.scratch))
        self.name = name

        def check(file: BinaryIO) -> None:
            with open_spool(file) as data:
                envelope = context.envelope_for(name.suffix)
                reader = envelope.open_stream(data, name.name)
                self.plain.seek(0)
                self.plain.truncate()
                while chunk := reader.read(_COPY_BYTES):
                    self.plain.write(chunk)
            self.plain.flush()

        download(context, name.name, sealed, expect(entry), check)
        self.stored = stored_object(sealed)


def same_index(one: BinaryIO, two: BinaryIO) -> bool:
    """Do two indexes say the same, apart from ctimes?

    Raises:
        ArchiveDamaged: One of them is none.
    """
    a, b = index_reader(one), index_reader(two)
    if a.layout_numbers != b.layout_numbers:
        return False
    if any(a.layout(n) != b.layout(n) for n in a.layout_numbers):
        return False
    return all(x == y for x, y in zip_longest(_rows(a), _rows(b)))


def _rows(reader: IndexReader) -> Iterator[object]:
    return (comparable(row, reader) for row in reader)


def comparable(row: IndexRow, reader: IndexReader) -> object:
    """What a row says, whatever numbers its index uses; without the ctime."""
    if row.type is None:
        return row.path
    extents = [
        (reader.volumes[e.volume], Extent(0, e.offset, e.length)) for e in row.extents
    ]
    return (
        row.path,
        row.type,
        row.mode,
        row.owner,
        row.mtime_ns,
        row.size,
        row.hash,
        row.link,
        row.device,
        sorted(row.xattrs),
        row.sparse,
        extents,
    )


def same_signatures(one: BinaryIO, two: BinaryIO) -> bool:
    """Have two signatures the same content, however it is compressed?

    Raises:
        ArchiveDamaged: One of them does not decompress.
    """
    with open_spool(one) as a, open_spool(two) as b:
        streams = FrameStream(a), FrameStream(b)
        while True:
            x, y = (read_fully(stream, _COPY_BYTES) for stream in streams)
            if x != y:
                return False
            if not x:
                return True


def read_fully(stream: FrameStream, size: int) -> bytes:
    """Exactly `size` bytes, fewer only at the end."""
    parts: list[bytes] = []
    while size and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
