"""Objects as files below one path of a remote of rclone.

Facts this backend stands on, observed with rclone 1.75.2 [rclone.org/rc]:
  * `operations/copyfile` compares size and checksum afterwards, and deletes what
    is another than it sent; it writes to a part file first where the remote can
    rename
  * with `IgnoreExisting` it looks for the name itself, and then sends nothing and
    says nothing; the statistics of the call tell
  * it makes every folder, and most buckets, that it misses, so the root is looked
    for before the first put
  * `operations/stat` answers alike for a missing object and a missing folder

Limits: whatever the remote has.  See docs/backends/rclone.md.
"""

import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

from tiered.backends.rclone.failures import as_ours
from tiered.backends.rclone.remote import (
    Found,
    FsInfo,
    Listing,
    Nothing,
    Remote,
    Stats,
)
from tiered.download import Receiving, buffered
from tiered.errors import AlreadyExists, NotFound, StoreError, StoreMissing
from tiered.names import RESERVED_END, check_name
from tiered.staging import staged
from tiered.store import Entry, Extras, PutMode, Source
from tiered.store_failure import task, too_short

_QUICK: Mapping[str, bool] = {"noModTime": True, "noMimeType": True}
"""Some remotes need a request for each object to tell these."""
_STAGED = "object"


class RcloneStore:
    """A `tiered.store.Store` over one path of a remote."""

    def __init__(self, remote: Remote, scratch: Path) -> None:
        self._remote, self._scratch = remote, scratch
        self.label = remote.label
        self._is_there = False
        self._changing: set[str] = set()
        self._changed = threading.Condition()
        self.extras = Extras(ranges=self, stat=self, create=self, folders=self)

    def list(self, prefix: str = "") -> tuple[Entry, ...]:
        what = self._what("list", prefix)
        opt = {"recurse": True, "filesOnly": True, **_QUICK}
        params = {"remote": "", "opt": opt}
        found = self._remote.ask("operations/list", params, Listing, what)
        self._is_there = True
        return tuple(
            sorted(
                Entry(row.Path, row.Size)
                for row in found.list
                if row.Path.startswith(prefix)
                and not row.Path.endswith(RESERVED_END)
                and row.Size >= 0  # documents of an office suite, as Google's
            )
        )

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        what = self._what("put", check_name(name))
        if not self._is_there:
            self._look(what)
        with (
            staged(source, self._scratch, _STAGED, what) as folder,
            self._alone(name),
        ):
            sent = self._copied(folder, name, mode, what)
        if sent:
            return
        if mode is PutMode.CREATE:
            raise AlreadyExists(f"{self.label}: {name!r} is there", name=name)
        raise StoreError(f"{what}: rclone sent nothing")

    def get(self, name: str) -> BinaryIO:
        what = self._what("get", check_name(name))
        try:
            answer = self._remote.read(name, "", what)
        except NotFound:
            self._look(what)
            raise
        if answer.length is None:
            answer.close()
            raise StoreError(f"{what}: rclone does not tell the size")
        guard = partial(as_ours, what)
        return buffered(Receiving(answer, answer.length, guard, what))

    def delete(self, name: str) -> None:
        what = self._what("delete", check_name(name))
        try:
            params = {"remote": name}
            self._remote.ask("operations/deletefile", params, Nothing, what, name)
        except NotFound:
            self._look(what)
            raise

    def close(self) -> None:
        self._remote.close()

    def stat(self, name: str) -> Entry:
        what = self._what("stat", check_name(name))
        params = {"remote": name, "opt": {"filesOnly": True, **_QUICK}}
        found = self._remote.ask("operations/stat", params, Found, what, name).item
        if found is None or found.IsDir:
            self._look(what)
            raise NotFound(f"{what}: there is none", name=name)
        return Entry(name, found.Size)

    def get_range(self, name: str, start: int, size: int) -> bytes:
        if size == 0:
            self.stat(name)
            return b""
        what = self._what("get_range", check_name(name))
        span = f"bytes={start}-{start + size - 1}"
        with closing(self._remote.read(name, span, what)) as answer, as_ours(what):
            part = answer.read(size) if answer.status == 206 else b""
        if len(part) == size:
            return part
        raise too_short(self.label, name, start + size)

    def remove_folder(self, folder: str) -> None:
        what = self._what("delete", check_name(folder))
        look = {"remote": folder, "opt": {"dirsOnly": True, **_QUICK}}
        if self._remote.ask("operations/stat", look, Found, what, folder).item:
            params = {"remote": folder, "leaveRoot": False}
            self._remote.ask("operations/rmdirs", params, Nothing, what, folder)

    def create(self) -> bool:
        """Make the folder, but not its parents; or the bucket."""
        what = self._what("create", "")
        try:
            self._look(what)
        except StoreMissing:
            self._check_parent(what)
            self._remote.ask("operations/mkdir", {"remote": ""}, Nothing, what)
            return True
        return False

    def _copied(self, folder: Path, name: str, mode: PutMode, what: str) -> bool:
        """Was it sent?"""
        group = f"tiered-{secrets.token_hex(8)}"
        config = {"IgnoreTimes": True, "IgnoreExisting": mode is PutMode.CREATE}
        params = {
            "srcFs": str(folder),
            "srcRemote": _STAGED,
            "dstFs": self._remote.access.root,
            "dstRemote": name,
            "_group": group,
            "_config": config,
        }
        self._remote.ask("operations/copyfile", params, Nothing, what, name)
        found = self._remote.ask("core/stats", {"group": group}, Stats, what)
        self._remote.ask("core/stats-delete", {"group": group}, Nothing, what)
        return found.transfers > 0

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        """One writer of a name at a time: the next would be taken for damage."""
        with self._changed:
            self._changed.wait_for(lambda: name not in self._changing)
            self._changing.add(name)
        try:
            yield
        finally:
            with self._changed:
                self._changing.remove(name)
                self._changed.notify_all()

    def _look(self, what: str) -> None:
        """Is the root there?

        Raises:
            StoreMissing: It is not.
        """
        self._is_there = False
        self._remote.ask("operations/stat", {"remote": ""}, Found, what)
        self._is_there = True

    def _check_parent(self, what: str) -> None:
        parent = self._remote.access.parent
        info = self._remote.ask("operations/fsinfo", {}, FsInfo, what)
        if parent is None or info.Features.BucketBased:
            return
        try:
            params = {"fs": parent, "remote": ""}
            self._remote.ask("operations/stat", params, Found, what)
        except StoreMissing as e:
            raise StoreMissing(
                f"{self.label}: the folder above it is not there",
                hint="Create it, or correct the URL.",
            ) from e

    def _what(self, verb: str, name: str) -> str:
        return task(self.label, verb, name)
