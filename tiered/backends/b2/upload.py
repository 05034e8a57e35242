"""Uploads: one request for a small object, parts for a large one.

Facts [backblaze.com, B2 Native API]:
  * a SHA-1 is asked for, and may follow the bytes; with another one nothing is kept
  * a file up to 5 GB may be sent in one piece; the listing then tells its MD5
  * a large file appears when it is finished, and has up to 10,000 parts; one that
    is neither finished nor cancelled is stored, hidden, and costs money
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

from b2sdk.v3 import exception as b2

from tiered.backends.b2.bucket import Bucket
from tiered.errors import StoreError, TieredError, Unavailable
from tiered.store import Source
from tiered.upload import chunks

_CHUNK_BYTES = 1 << 18
_MAX_PARTS = 10_000
_SHA1_BYTES = 40
_SHA1_FOLLOWS = "hex_digits_at_end"
_TYPE = "application/octet-stream"


class Body:
    """Bytes and then their SHA-1 in hex, as a body that is sent once.

    Args:
        begin: Yields the bytes.
        size: Of the bytes.
        again: Does `begin` yield the same when it is called once more?
    """

    def __init__(
        self, begin: Callable[[], Iterator[bytes]], size: int, *, again: bool
    ) -> None:
        self._begin, self._size, self._again = begin, size, again
        self._started = False
        self.error: TieredError | None = None
        """What went wrong here: the SDK hides errors that it does not know."""
        self.sha1 = ""
        """Once all was sent."""

    def __len__(self) -> int:
        return self._size + _SHA1_BYTES

    def __iter__(self) -> Iterator[bytes]:
        self._started = True
        hashed = hashlib.sha1(usedforsecurity=False)
        try:
            for chunk in self._begin():
                hashed.update(chunk)
                yield chunk
        except TieredError as e:
            self.error = e
            raise
        self.sha1 = hashed.hexdigest()
        yield self.sha1.encode()

    def seek(self, position: int) -> None:
        """Back to the beginning, which is all that the SDK asks for."""
        if position or (self._started and not self._again):
            self.error = Unavailable("the login ended during an upload")
            raise self.error


def put_whole(bucket: Bucket, path: str, source: Source, what: str) -> None:
    """One request; nothing is held in memory."""
    begin = partial(chunks, source, what, _CHUNK_BYTES)
    body = Body(begin, source.size, again=True)
    upload = partial(bucket.session.upload_file, bucket.open(), path)
    _send(body, partial(upload, len(body), _TYPE, _SHA1_FOLLOWS, {}, body))


def put_in_parts(bucket: Bucket, path: str, source: Source, what: str) -> None:
    """A large file; on failure it is cancelled."""
    session = bucket.session
    started = session.start_large_file(bucket.open(), path, _TYPE, {})
    file_id = started["fileId"]
    try:
        sums = _send_parts(bucket, file_id, source, what)
        session.finish_large_file(file_id, sums)
    except BaseException:
        # parts cost money until they are cancelled; what went wrong first is told
        with suppress(b2.B2Error, StoreError):
            session.cancel_large_file(file_id)
        raise


def _send_parts(bucket: Bucket, file_id: str, source: Source, what: str) -> list[str]:
    """Their checksums, in order."""
    size = _part_bytes(bucket, source.size)
    stream = chunks(source, what, _CHUNK_BYTES)
    sums: list[str] = []
    for start in range(0, source.size, size):
        left = min(size, source.size - start)
        body = Body(partial(_taken, stream, left), left, again=False)
        upload = partial(bucket.session.upload_part, file_id, len(sums) + 1)
        _send(body, partial(upload, len(body), _SHA1_FOLLOWS, body))
        sums.append(body.sha1)
    return sums


def _part_bytes(bucket: Bucket, size: int) -> int:
    """Of whole chunks, so that one never belongs to two parts."""
    advised = int(bucket.session.account_info.get_recommended_part_size())
    least = max(advised, -(-size // _MAX_PARTS))
    return -(-least // _CHUNK_BYTES) * _CHUNK_BYTES


def _taken(stream: Iterator[bytes], size: int) -> Iterator[bytes]:
    """The next `size` bytes; it ends where a chunk does."""
    while size > 0 and (chunk := next(stream, b"")):
        size -= len(chunk)
        yield chunk


def _send(body: Body, send: Callable[[], Any]) -> None:
    try:
        send()
    except b2.B2Error as e:
        if body.error:
            raise body.error from e
        raise
