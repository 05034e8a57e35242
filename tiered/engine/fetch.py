"""Read objects, checked, from the best copy that is right.

An object is downloaded to a file and compared with what is known of it, before
one byte of it is used.  A copy that is short, or has other bytes, is named in a
warning, and the next copy is read.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tiered.archive.filename import ObjectName
from tiered.codec.codec import Decoder
from tiered.engine.context import Context
from tiered.engine.spool import scratch_errors, scratch_file
from tiered.errors import Corrupt, StoreError
from tiered.store import Entry

_COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What is known of an object's stored bytes."""

    size: int
    sha1: str | None = None
    md5: str | None = None


def expect(entry: Entry, sha1: str | None = None) -> Expected:
    """From the listing, and from the manifest if it says more.

    The MD5 of a listing is left out if there is a SHA1: it is the store's word
    about itself, and one of several copies may be the bad one.
    """
    md5 = None if sha1 else entry.md5
    return Expected(size=entry.size, sha1=sha1, md5=md5)


@contextmanager
def opened(
    context: Context,
    name: ObjectName,
    expected: Expected,
    on_frozen: Callable[[str], None] | None = None,
) -> Iterator[Decoder]:
    """An object of the archive, downloaded, checked and decoded.

    Hot objects come from, and go to, the cache.

    Args:
        on_frozen: Called with the name if the object is sealed (again); the
            read is repeated when it returns.  None: Frozen is raised.

    Raises:
        Corrupt: No copy has the expected bytes.
        Frozen, StoreError: No copy could be read.
        PassphraseError, ArchiveDamaged: The object does not decode.
    """
    codec = context.codec_for(name.suffix)
    with _file(context, name, expected, on_frozen) as file:
        decoder = codec.decode(file, name.name)
        try:
            yield decoder
            decoder.close()
        finally:
            decoder.abort()


@contextmanager
def _file(
    context: Context,
    name: ObjectName,
    expected: Expected,
    on_frozen: Callable[[str], None] | None,
) -> Iterator[BinaryIO]:
    if name.volume is None:
        if context.cache.size(name.name) != expected.size:
            with context.cache.writing(name.name) as part:
                download(context, name.name, part, context.scratch, expected)
        with context.cache.open(name.name) as file:
            yield file
        return
    with scratch_file(context.scratch) as file:
        try:
            download(context, name.name, file, context.scratch, expected)
        except StoreError as e:
            if e.retry.value != "thaw" or on_frozen is None:
                raise
            on_frozen(name.name)
            download(context, name.name, file, context.scratch, expected)
        file.seek(0)
        yield file


def download(
    context: Context, name: str, target: BinaryIO, folder: Path, expected: Expected
) -> None:
    """Copy an object into `target`, from the first copy that is right."""
    copies = context.store.extras.copies
    if copies is None:
        _copy(context.store.get(name), target, folder, expected, name)
        return
    labels = copies.copies(name)
    for label in labels:
        try:
            _copy(copies.get_copy(name, label), target, folder, expected, name)
            return
        except StoreError as e:
            if label == labels[-1]:
                raise
            context.monitor.warn(
                f"the copy of {name} on {label} cannot be used: {e}",
                "Another copy was read instead.",
            )


def _copy(
    stream: BinaryIO, target: BinaryIO, folder: Path, expected: Expected, name: str
) -> None:
    sha1 = hashlib.sha1(usedforsecurity=False)
    md5 = hashlib.md5(usedforsecurity=False)
    with scratch_errors(folder):
        target.seek(0)
        target.truncate()
    with stream:
        while chunk := stream.read(_COPY_BYTES):
            sha1.update(chunk)
            md5.update(chunk)
            with scratch_errors(folder):
                target.write(chunk)
    with scratch_errors(folder):
        target.flush()
        size = target.tell()
    if size != expected.size:
        raise Corrupt(
            f"{name} has {size} bytes instead of {expected.size}", size_bytes=size
        )
    if expected.sha1 not in (None, sha1.hexdigest()):
        raise Corrupt(f"{name} does not have the SHA1 that its manifest says")
    if expected.md5 not in (None, md5.hexdigest()):
        raise Corrupt(f"{name} does not have the MD5 that the store says")
