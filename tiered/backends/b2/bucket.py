"""One bucket: login, what the key allows, its id, and the calls that need it.

Facts [backblaze.com, B2 Native API]:
  * a key may be restricted to buckets, and to names that begin with a prefix; the
    login tells which.  Such a key may not look up buckets
  * names of buckets are unique across all accounts
"""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import requests
from b2sdk.v3 import exception as b2

from tiered.backends.b2.access import Access
from tiered.backends.b2.session import Session
from tiered.errors import Denied, StoreMissing

VISIBLE, HIDDEN = "upload", "hide"
"""Actions: what a version does.  Large uploads that run are versions, too."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one name, as a listing tells."""

    path: str
    id: str
    action: str
    size_bytes: int
    md5: str | None


class Bucket:
    """Calls from any thread; the first one logs in."""

    def __init__(self, access: Access, timeout_s: float, label: str) -> None:
        self._access, self._label = access, label
        self._lock = threading.Lock()
        self._id = ""
        self._is_in = False
        self.session = Session(timeout_s, self._forget_addresses)
        """For the calls that need no id; `open` comes first."""

    def open(self) -> str:
        """Its id.

        Raises:
            StoreMissing: There is no such bucket.
            Denied: The key is for another one, or for other names.
        """
        with self._lock:
            self._log_in()
            if not self._id:
                self._id = self._find()
            if not self._id:
                raise StoreMissing(
                    f"{self._label}: there is no such bucket",
                    hint="Create the bucket, or correct the URL.",
                )
            return self._id

    def create(self) -> bool:
        """Make it, private; False if it was there.

        Raises:
            Denied: The name belongs to another account.
        """
        with self._lock:
            self._log_in()
            if self._find():
                return False
            account = self.session.account_info.get_account_id()
            name = self._access.bucket
            try:
                made = self.session.create_bucket(account, name, "allPrivate")
            except b2.DuplicateBucketName as e:
                raise Denied(
                    f"{self._label}: another account has a bucket of this name",
                    hint="Choose another name, or use a key of that account.",
                ) from e
            self._id = made["bucketId"]
            return True

    def files(self, path: str, rows: int) -> Iterator[Version]:
        """The newest version of each name that begins with `path`, but hidden ones."""
        bucket, start = self.open(), path or None
        while True:
            page = self.session.list_file_names(bucket, start, rows, path)
            yield from map(_version, page["files"])
            start = page["nextFileName"]
            if start is None:
                return

    def file(self, path: str) -> Version | None:
        """What `files` tells of one name."""
        page = self.session.list_file_names(self.open(), path, 1, path)
        found = map(_version, page["files"])
        return next((version for version in found if version.path == path), None)

    def versions(self, path: str) -> list[Version]:
        """Of one name, the newest first; without uploads that run."""
        found: list[Version] = []
        bucket, start, start_id = self.open(), path, None
        while start == path:
            page = self.session.list_file_versions(bucket, start, start_id, 100, path)
            found += map(_version, page["files"])
            start, start_id = page["nextFileName"], page["nextFileId"]
        return [
            version
            for version in found
            if version.path == path and version.action in (VISIBLE, HIDDEN)
        ]

    def download(
        self, path: str, span: tuple[int, int] | None = None
    ) -> requests.Response:
        """The answer, its body not read yet: `close` it.

        Args:
            span: First and last byte.
        """
        self.open()
        url = self.session.get_download_url_by_name(self._access.bucket, path)
        manager = self.session.download_file_from_url(url, span)
        return cast(requests.Response, manager.response)

    def close(self) -> None:
        self.session.raw_api.b2_http.session.close()

    def _log_in(self) -> None:
        if self._is_in:
            return
        mine = self._access
        try:
            self.session.authorize_account(mine.realm, mine.key_id, mine.key.reveal())
        except (b2.InvalidAuthToken, b2.Unauthorized) as e:
            raise Denied(
                f"{self._label}: the login was refused",
                hint="Check B2_APPLICATION_KEY_ID and B2_APPLICATION_KEY.",
            ) from e
        allowed = self.session.account_info.get_allowed()
        if not mine.prefix.startswith(allowed["namePrefix"] or ""):
            raise Denied(
                f"{self._label}: this key is for other names in the bucket",
                hint=f"It may use what begins with {allowed['namePrefix']!r}.",
            )
        self._is_in = True

    def _find(self) -> str:
        """Its id; empty if there is none.

        Raises:
            Denied: The key is for other buckets.
        """
        info, name = self.session.account_info, self._access.bucket
        own: list[Mapping[str, Any]] | None = info.get_allowed()["buckets"]
        if own is None:
            account = info.get_account_id()
            found = self.session.list_buckets(account, bucket_name=name)["buckets"]
            return next((str(bucket["bucketId"]) for bucket in found), "")
        for bucket in own:
            if bucket["name"] == name:
                return str(bucket["id"])
        raise Denied(
            f"{self._label}: this key is for other buckets",
            hint=f"Make a key for {name!r}, or correct the URL.",
        )

    def _forget_addresses(self) -> None:
        """After a login that was repeated; uploads need a new address then."""
        if self._id:
            self.session.account_info.clear_bucket_upload_data(self._id)


def _version(told: Mapping[str, Any]) -> Version:
    return Version(
        path=told["fileName"],
        id=told["fileId"],
        action=told["action"],
        size_bytes=told["contentLength"] or 0,
        md5=told.get("contentMd5"),
    )
