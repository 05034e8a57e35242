"""Hot objects of style tiered: fetched, checked, opened, and kept opened.

What was opened stays in the cache as it is when it is decrypted, as this machine
could read the source anyway: so a machine that has only the public half of the key
can build on its own sets  [docs/guides/keys.md].
"""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import BinaryIO, TypeVar

from blake3 import blake3

from tiered.archive.collection import BackupSet, Collection
from tiered.archive.index import IndexReader
from tiered.archive.index_footer import MAX_TABLE_BYTES
from tiered.archive.object_name import ObjectName
from tiered.archive.set_manifest import (
    MAX_MANIFEST_BYTES,
    SetManifest,
    StoredObject,
    parse_set_manifest,
)
from tiered.codec.frames import FrameSize, unpack_frame
from tiered.engine.context import Context
from tiered.engine.fetch import cache_optional, download, expect
from tiered.engine.spool import read_part, scratch_file
from tiered.errors import ArchiveDamaged, Corrupt
from tiered.store import Entry

T = TypeVar("T")

_COPY_BYTES = 1 << 20
_AT_ONCE = 4
"""Small objects that are fetched side by side: each is waited for longer than read.
As many as a restore reads: some servers refuse more connections."""
_AGAIN = (
    "Read another copy of it, if there is one, or make it again with `tiered rebuild`."
)


def read_set_manifest(
    context: Context, collection: Collection, backup_set: BackupSet
) -> SetManifest:
    """The manifest of a whole set.

    Raises:
        ArchiveDamaged: It does not parse, or is of another set.
        ConfigError: Its version is not known.
        StoreError, PassphraseError: It could not be read.
    """
    name = _there(backup_set, backup_set.manifest, "manifest")
    check_manifest_size(name.name, collection.sizes[name.name])

    def parse(file: BinaryIO) -> SetManifest:
        file.seek(0)
        return parse_set_manifest(file.read(), backup_set.id)

    def check(file: BinaryIO) -> None:
        try:
            parse(file)
        except ArchiveDamaged as e:
            raise ArchiveDamaged(str(e), hint=_AGAIN) from e

    with opened_hot(context, collection, name, None, check) as file:
        manifest = parse(file)
    with cache_optional(context):
        context.cache.volumes_add(str(backup_set.id), len(manifest.volumes))
    return manifest


def check_manifest_size(name: str, entry: Entry) -> None:
    """Refuse a manifest that would fill the memory, before it is fetched.

    Raises:
        ArchiveDamaged: It is too long.
    """
    if entry.size > MAX_MANIFEST_BYTES:
        raise ArchiveDamaged(f"{name} has {entry.size} bytes: no manifest is so long")


@contextmanager
def open_index(
    context: Context, collection: Collection, backup_set: BackupSet
) -> Iterator[IndexReader]:
    """The index of a set, for as long as the block lasts.

    Raises:
        ArchiveDamaged: It is not listed, is not an index, or is not the one that
            the manifest names.
        StoreError, PassphraseError: It could not be read.
    """
    manifest = read_set_manifest(context, collection, backup_set)
    with open_index_of(context, collection, backup_set, manifest) as index:
        yield index


@contextmanager
def open_indexes(
    context: Context, collection: Collection, sets: Sequence[BackupSet]
) -> Iterator[Sequence[IndexReader]]:
    """The indexes of sets, in their order, for as long as the block lasts.

    Raises:
        As `open_index`, for the first that cannot be opened.

    Cost: Of what the cache lacks, the first alone, and then some at a time.
    """
    with ExitStack() as stack:

        def open_one(backup_set: BackupSet) -> IndexReader:
            return stack.enter_context(open_index(context, collection, backup_set))

        yield _at_once(open_one, sets)


def read_set_manifests(
    context: Context, collection: Collection, sets: Sequence[BackupSet]
) -> Sequence[SetManifest]:
    """The manifests of sets, in their order; errors and cost as in `open_indexes`."""
    return _at_once(partial(read_set_manifest, context, collection), sets)


def _at_once(work: Callable[[BackupSet], T], sets: Sequence[BackupSet]) -> list[T]:
    first = [work(each) for each in sets[:1]]  # a key is asked for, and refused, once
    if len(sets) < 2:
        return first
    from concurrent.futures import ThreadPoolExecutor  # most runs need one object

    with ThreadPoolExecutor(_AT_ONCE, "hot") as pool:
        return [*first, *pool.map(work, sets[1:])]


@contextmanager
def open_index_of(
    context: Context,
    collection: Collection,
    backup_set: BackupSet,
    manifest: SetManifest,
) -> Iterator[IndexReader]:
    """The index that a manifest names; errors as in `open_index`."""
    name = _there(backup_set, backup_set.index, "index")
    with opened_hot(context, collection, name, manifest.index) as file:
        yield index_reader(file)


@contextmanager
def open_signatures(
    context: Context, collection: Collection, backup_set: BackupSet
) -> Iterator[BinaryIO]:
    """The signatures of a set, as compressed; errors as in `open_index`."""
    name = _there(backup_set, backup_set.signatures, "signatures")
    expected = read_set_manifest(context, collection, backup_set).signatures
    with opened_hot(context, collection, name, expected) as file:
        yield file


def index_reader(file: BinaryIO) -> IndexReader:
    """Reads an index from an open file; threads may share it."""
    fd = file.fileno()
    return IndexReader(
        lambda at, size: read_part(fd, size, at), os.fstat(fd).st_size, _unpack
    )


@contextmanager
def opened_hot(
    context: Context,
    collection: Collection,
    name: ObjectName,
    expected: StoredObject | None,
    check_plain: Callable[[BinaryIO], object] = lambda _: None,
) -> Iterator[BinaryIO]:
    """A hot object as it is when it is decrypted, at byte 0.

    Args:
        expected: What the manifest says of it; None: whatever decrypts is right.
        check_plain: Raises ArchiveDamaged if what was decrypted is not right, so
            that another copy is read, if there is one.

    Raises:
        Corrupt: No copy is what the manifest says.
        ArchiveDamaged, PassphraseError: It does not decrypt.
        StoreError: No copy could be read.
    """
    entry = collection.sizes[name.name]
    if cached := context.cache.opened(name.name, entry.size):
        with cached:
            yield cached
        return
    with ExitStack() as stack:
        sealed = stack.enter_context(scratch_file(context.scratch))
        plain = stack.enter_context(scratch_file(context.scratch))

        def check(file: BinaryIO) -> None:
            _check_hash(file, name.name, expected)
            file.seek(0)
            _open(context, file, name, plain)
            check_plain(plain)

        known = expect(entry)
        download(context, name.name, sealed, known, check)
        sealed.close()
        remember_opened(context, name.name, entry.size, plain)
        plain.seek(0)
        yield plain


def remember_opened(
    context: Context, name: str, stored_size: int, plain: BinaryIO
) -> None:
    """Keep a hot object in the cache, opened, if there is room."""
    plain.seek(0)
    writing = context.cache.writing_opened(name, stored_size)
    with cache_optional(context), writing as cached:
        shutil.copyfileobj(plain, cached, _COPY_BYTES)


def _check_hash(file: BinaryIO, name: str, expected: StoredObject | None) -> None:
    if expected is None:
        return
    file.seek(0)
    found = blake3()
    while chunk := file.read(_COPY_BYTES):
        found.update(chunk)
    if found.digest() != expected.blake3:
        raise Corrupt(
            f"{name} does not have the BLAKE3 that its manifest says",
            hint=_AGAIN,
            name=name,
        )


def _open(context: Context, file: BinaryIO, name: ObjectName, plain: BinaryIO) -> None:
    reader = context.envelope_for(name.suffix).open_stream(file, name.name)
    plain.seek(0)
    plain.truncate()
    while chunk := reader.read(_COPY_BYTES):
        plain.write(chunk)
    plain.flush()


def _there(backup_set: BackupSet, name: ObjectName | None, what: str) -> ObjectName:
    if name is None:
        raise ArchiveDamaged(
            f"the {what} of the {backup_set.id} is not listed",
            hint="Look whether a store is empty, unmounted or the wrong one; if not, "
            "`tiered rebuild` makes it again from the volumes.",
        )
    return name


def _unpack(frame: bytes, size: int) -> bytes:
    return unpack_frame(frame, FrameSize(len(frame), size), MAX_TABLE_BYTES)
