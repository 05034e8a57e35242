"""Read objects, checked, from the best copy that is right.

An object is downloaded to a file and compared with what is known of it, before
one byte of it is used.  Of a volume the manifest knows the SHA1.  Hot objects
have no such witness: they are decoded to their end, as gzip and OpenPGP have a
checksum of their own, before they are used or cached.

A copy that is short, or has other bytes, or does not decode is named in a
warning, and the next copy is read.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from tiered.archive.filename import ObjectName
from tiered.codec.codec import Decoder
from tiered.engine.context import Context
from tiered.engine.spool import scratch_file
from tiered.errors import (
    ArchiveDamaged,
    Corrupt,
    PassphraseError,
    Retry,
    ScratchError,
    StoreError,
    TieredError,
)
from tiered.store import Debt, Entry, Owed

_HINT = (
    "Restore with another copy of it, if there is one.  Paths and times that do not "
    "need it can still be restored."
)
Check = Callable[[Decoder], object]
_COPY_BYTES = 1 << 20
_THAWS = 15
"""Times that a volume may turn out to be sealed, minutes apart, before a restore
gives up: a listing lags by minutes, not by hours."""


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
    check: Check | None = None,
) -> Iterator[Decoder]:
    """An object of the archive, downloaded, checked and decoded.

    Hot objects come from, and go to, the cache.

    Args:
        on_frozen: Called with the name if the object is sealed (again); the
            read is repeated when it returns.  None: Frozen is raised.
        check: Reads a hot object and raises ArchiveDamaged if it cannot be
            right.  None: any that can be decoded is.

    Raises:
        Corrupt: No copy has the expected bytes.
        Frozen, StoreError: No copy could be read.
        PassphraseError, ArchiveDamaged: The object does not decode.
    """
    file = (
        _hot_file(context, name, expected, check)
        if name.volume is None
        else _cold_file(context, name, expected, on_frozen)
    )
    with file as data, _decoded(context, name, data) as decoder:
        yield decoder


@contextmanager
def _decoded(context: Context, name: ObjectName, data: BinaryIO) -> Iterator[Decoder]:
    decoder = context.codec_for(name.suffix).decode(data, name.name)
    try:
        yield decoder
        decoder.close()
    finally:
        decoder.abort()


@contextmanager
def _hot_file(
    context: Context, name: ObjectName, expected: Expected, check: Check | None
) -> Iterator[BinaryIO]:
    def check_file(data: BinaryIO) -> None:
        data.seek(0)
        try:
            with _decoded(context, name, data) as decoder:
                if check:
                    check(decoder)
        except ArchiveDamaged as e:
            what = str(e) if name.name in str(e) else f"{name.name!r}: {e}"
            raise ArchiveDamaged(what, hint=e.hint or _HINT) from e

    if context.cache.size(name.name) == expected.size:
        with context.cache.open(name.name) as file:
            yield file
        return
    with scratch_file(context.scratch) as file:
        download(context, name.name, file, expected, check_file)
        remember(context, name.name, file)
        file.seek(0)
        yield file


def remember(context: Context, name: str, data: BinaryIO) -> None:
    """Keep a hot object in the cache, if there is room."""
    data.seek(0)
    with cache_optional(context), context.cache.writing(name) as cached:
        shutil.copyfileobj(data, cached, _COPY_BYTES)


@contextmanager
def cache_optional(context: Context) -> Iterator[None]:
    """A cache that is full or read-only is only worth a warning: it saves time."""
    try:
        yield
    except ScratchError as e:
        context.monitor.warn(str(e), e.hint)


@contextmanager
def _cold_file(
    context: Context,
    name: ObjectName,
    expected: Expected,
    on_frozen: Callable[[str], None] | None,
) -> Iterator[BinaryIO]:
    with scratch_file(context.scratch) as file:
        for attempt in range(_THAWS + 1):
            try:
                download(context, name.name, file, expected)
                break
            except StoreError as e:
                sealed = e.retry is Retry.THAW
                if not sealed or on_frozen is None or attempt == _THAWS:
                    raise
                on_frozen(name.name)
        file.seek(0)
        yield file


def download(
    context: Context,
    name: str,
    target: BinaryIO,
    expected: Expected,
    check: Callable[[BinaryIO], None] | None = None,
) -> None:
    """Copy an object into `target`, from the first copy that is right.

    Args:
        target: As `scratch_file` makes them.
        check: Raises ArchiveDamaged or PassphraseError if the bytes cannot be
            right.  With several copies it alone counts, as what the listing
            says is true of one of them, perhaps of the bad one.

    Raises:
        TieredError: Why the last copy cannot be used, with notes of the others.
    """
    copies = context.store.extras.copies
    if copies is None:
        _copy(context.store.get(name), target, expected, name)
        if check:
            check(target)
        return
    labels = copies.copies(name)
    known = None if check and len(labels) > 1 else expected
    failed: dict[str, TieredError] = {}
    for label in labels:
        try:
            _copy(copies.get_copy(name, label), target, known, name)
            if check:
                check(target)
        except (StoreError, ArchiveDamaged, PassphraseError) as e:
            failed[label] = e
            continue
        for other, error in failed.items():
            context.monitor.warn(
                f"the copy of {name} on {other} cannot be used: {error}",
                f"The copy on {label} was read instead.",
            )
        _owe(context, name, failed)
        return
    last = failed.pop(labels[-1])
    for other, error in failed.items():
        last.add_note(f"the copy on {other}: {error}")
    raise last


def _owe(context: Context, name: str, failed: Mapping[str, TieredError]) -> None:
    """A copy with wrong bytes is a debt, which a repair pays."""
    if group := context.store.extras.group:
        now_s = int(context.clock.time_s())
        group.owe(
            Debt(name, label, Owed.DAMAGED, now_s)
            for label, error in failed.items()
            if isinstance(error, (Corrupt, ArchiveDamaged))
        )


def _copy(
    stream: BinaryIO,
    target: BinaryIO,
    expected: Expected | None,
    name: str,
) -> None:
    sha1 = hashlib.sha1(usedforsecurity=False)
    md5 = hashlib.md5(usedforsecurity=False)
    target.seek(0)
    target.truncate()
    with stream:
        while chunk := stream.read(_COPY_BYTES):
            sha1.update(chunk)
            md5.update(chunk)
            target.write(chunk)
    target.flush()
    size = target.tell()
    if expected is None or expected.sha1 == sha1.hexdigest():
        return
    if size != expected.size:
        what = f"has {size} bytes instead of {expected.size}"
    elif expected.sha1 is not None:
        what = "does not have the SHA1 that its manifest says"
    elif expected.md5 not in (None, md5.hexdigest()):
        what = "does not have the MD5 that the store says"
    else:
        return
    raise Corrupt(f"{name} {what}", hint=_HINT, name=name, size_bytes=size)
