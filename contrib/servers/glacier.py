"""An S3 server on loopback with archive classes that really are cold.

moto does the S3 part.  Alone it is too kind: a restore is ready at once and
never ends, a second one is accepted, and wrong checksums are stored.  Here:

  * A restore of GLACIER or DEEP_ARCHIVE takes the longest time that Amazon
    documents for its tier, and the copy goes after the days that were asked
    for.  Asking again while it runs is RestoreAlreadyInProgress; asking again
    afterwards changes the days.
  * GET of an archived object is InvalidObjectState until it is restored.
  * Content-MD5, x-amz-checksum-{sha256,sha1,crc32} and x-amz-content-sha256
    are verified.  Bodies in aws-chunked encoding are not, nor are signatures.

Time is real time plus the offset in --clock-file, as in `tiered.clock`.
Objects are in memory.  Runs in the foreground until SIGTERM:

    build/venv/bin/python -m contrib.servers.glacier --port PORT --clock-file FILE
"""

import argparse
import base64
import binascii
import contextvars
import hashlib
import io
import logging
import re
import sys
import threading
import zlib
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    create_backend_app,
)
from moto.s3.exceptions import InvalidObjectState, MissingKey, S3ClientError
from moto.s3.models import FakeKey, S3Backend
from moto.s3.utils import ARCHIVE_STORAGE_CLASSES
from werkzeug.serving import make_server

from contrib.servers.parent import end_with_parent
from tiered.clock import Clock, RehearsalClock

HOUR_S: Final = 3600
DAY_S: Final = 86400
DELAYS_S: Final = {
    ("GLACIER", "Expedited"): 300,
    ("GLACIER", "Standard"): 5 * HOUR_S,
    ("GLACIER", "Bulk"): 12 * HOUR_S,
    ("DEEP_ARCHIVE", "Standard"): 12 * HOUR_S,
    ("DEEP_ARCHIVE", "Bulk"): 48 * HOUR_S,
}
CHECKSUMS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "HTTP_X_AMZ_CHECKSUM_SHA256": lambda data: hashlib.sha256(data).digest(),
    "HTTP_X_AMZ_CHECKSUM_SHA1": lambda data: hashlib.sha1(data).digest(),
    "HTTP_X_AMZ_CHECKSUM_CRC32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
    "HTTP_CONTENT_MD5": lambda data: hashlib.md5(data).digest(),
}
Environ = dict[str, Any]

tier_asked: Final = contextvars.ContextVar("tier_asked", default="Standard")
"""Of the restore request that this thread serves: moto does not pass it on."""


class RestoreAlreadyInProgress(S3ClientError):
    code = "RestoreAlreadyInProgress"

    def __init__(self) -> None:
        super().__init__("Object restore is already in progress")


class NoSuchTier(S3ClientError):
    code = "InvalidArgument"

    def __init__(self, storage_class: str, tier: str) -> None:
        super().__init__(f"{tier} retrieval is not available for {storage_class}")


class Restores:
    """When copies of archived objects can be read; kept on moto's objects."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def install(self) -> None:
        """Replace what moto does about restores."""
        objects: Any = FakeKey
        backend: Any = S3Backend
        plain = objects.response_dict.fget

        def headers(key: Any) -> dict[str, Any]:
            self.status(key)  # forgets a copy whose days are over
            return dict(plain(key))

        objects.ready_s = objects.ends_s = None
        objects.status = property(self.status, lambda key, status: None)
        objects.response_dict = property(headers)
        backend.restore_object = self.restore

    def status(self, key: Any) -> str | None:
        if key.ready_s is None:
            return None
        now_s = self._clock.time_s()
        if now_s < key.ready_s:
            return "IN_PROGRESS"
        if now_s < key.ends_s:
            return "RESTORED"
        key.ready_s = key.ends_s = None
        key.set_expiry(None)
        return None

    @property
    def restore(self) -> Callable[..., bool]:
        """A method for moto's back end."""

        def restore_object(
            backend: Any, bucket: str, name: str, days: str | None, *_: object
        ) -> bool:
            key = backend.get_object(bucket, name)
            if not key:
                raise MissingKey(key=name)
            if key.storage_class not in ARCHIVE_STORAGE_CLASSES:
                raise InvalidObjectState(storage_class=key.storage_class)
            return self._start(key, int(days or 1))

        return restore_object

    def _start(self, key: Any, days: int) -> bool:
        """Returns whether there already was a copy."""
        status, now_s = self.status(key), self._clock.time_s()
        if status == "IN_PROGRESS":
            raise RestoreAlreadyInProgress
        if status is None:
            key.ready_s = now_s + _delay_s(key.storage_class, tier_asked.get())
        key.ends_s = max(now_s, key.ready_s) + days * DAY_S
        key.set_expiry(datetime.fromtimestamp(key.ends_s, UTC))
        return status == "RESTORED"


class Strict:
    """WSGI layer in front of moto that verifies what moto believes."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app
        # moto closes an object that is overwritten while it still answers about it.
        self._lock = threading.Lock()

    def __call__(
        self, environ: Environ, start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] in ("PUT", "POST"):
            length = int(environ.get("CONTENT_LENGTH") or 0)
            body = environ["wsgi.input"].read(length)
            if fault := _fault(environ, body):
                start_response("400 Bad Request", [("Content-Type", "application/xml")])
                return [f"<Error><Code>{fault}</Code></Error>".encode()]
            tier = re.search(rb"<Tier>(\w+)</Tier>", body[:4096])
            tier_asked.set(tier[1].decode() if tier else "Standard")
            environ["wsgi.input"] = io.BytesIO(body)
        with self._lock, ExitStack() as stack:
            answer = self._app(environ, start_response)
            stack.callback(getattr(answer, "close", lambda: None))
            return [b"".join(answer)]


def _delay_s(storage_class: str, tier: str) -> int:
    try:
        return DELAYS_S[storage_class, tier]
    except KeyError:
        raise NoSuchTier(storage_class, tier) from None


def _fault(environ: Environ, body: bytes) -> str | None:
    """The S3 error code for a body that is not what its headers say."""
    if "aws-chunked" in environ.get("HTTP_CONTENT_ENCODING", ""):
        return None
    for header, digest in CHECKSUMS.items():
        if header in environ:
            try:
                told = base64.b64decode(environ[header], validate=True)
            except binascii.Error:
                return "InvalidDigest"
            if told != digest(body):
                return "BadDigest"
    sha256 = environ.get("HTTP_X_AMZ_CONTENT_SHA256", "")
    told_sha256 = re.fullmatch("[0-9a-f]{64}", sha256)
    if told_sha256 and sha256 != hashlib.sha256(body).hexdigest():
        return "XAmzContentSHA256Mismatch"
    return None


def main(argv: list[str]) -> None:
    cli = argparse.ArgumentParser(prog="glacier", description=__doc__)
    cli.add_argument("--port", type=int, required=True)
    cli.add_argument("--clock-file", type=Path, required=True)
    cli.add_argument("--with-parent", action="store_true", help="end when it ends")
    options = cli.parse_args(argv)
    if options.with_parent:
        end_with_parent()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    Restores(RehearsalClock(options.clock_file, speed=1.0)).install()
    app = Strict(DomainDispatcherApplication(create_backend_app))
    make_server("127.0.0.1", options.port, app, threaded=True).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
