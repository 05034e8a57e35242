"""Objects as files below one folder that rsync reaches.

Facts this backend stands on, observed with rsync 3.5.0 [rsync(1)]:
  * a file is written as `.name.XXXXXX` beside its name, and renamed when its
    checksum was found right
  * a place that ends in `/./` is not made if it is missing; one that ends
    in `/` is
  * `--ignore-existing` looks when the transfer begins
  * with `--delete-missing-args`, a name that is not there on this side is deleted
    on the other; nothing else is, and no pattern is read
  * a name with a backslash may be refused when it is read: "unrequested"
  * with `--no-implied-dirs` nothing that is in the way of a folder is deleted

Limits: it cannot hold both "a" and "a/b".  See docs/backends/rsync.md.
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from tiered.backends.rsync_program.access import Access
from tiered.backends.rsync_program.failures import fail, refuses_fsync
from tiered.backends.rsync_program.listing import (
    empty_folders,
    entries,
    is_unfinished,
)
from tiered.backends.rsync_program.program import Answer, Program
from tiered.errors import AlreadyExists, NotFound, StoreError, StoreMissing
from tiered.names import check_name
from tiered.staging import opened, private_folder, staged
from tiered.store import Entry, Extras, PutMode, Source
from tiered.store_failure import task

_NAMED = ("--files-from=-", "--from0", "--no-implied-dirs")
_LISTED = ("--list-only", "--no-human-readable")
_TELL = "--out-format=%i|%n"
_FILE_ERROR = 11
_VANISHED = 24
"""Status if a file is missing here, which is how one is deleted there."""


class RsyncStore:
    """A `tiered.store.Store` over one folder."""

    def __init__(
        self, access: Access, program: Program, scratch: Path, label: str
    ) -> None:
        self._access, self._program = access, program
        self._scratch, self.label = scratch, label
        self._with_fsync = True
        self.extras = Extras(stat=self, create=self, folders=self)

    def list(self, prefix: str = "") -> tuple[Entry, ...]:
        what = self._what("list", prefix)
        words = [*_LISTED, "--recursive", "--", f"{self._access.place}/"]
        found = entries(self._ask(words, what).lines, what)
        return tuple(sorted(e for e in found if e.name.startswith(prefix)))

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        what = self._what("put", check_name(name))
        if "\\" in name or is_unfinished(name):
            raise StoreError(
                f"{what}: rsync calls unfinished uploads so, or cannot read it again",
                hint="Choose another prefix.",
            )
        words = [*_NAMED, "--ignore-times", "--whole-file", _TELL]
        words += ["--no-perms", "--chmod=ugo=rwX"]  # as the server makes new files
        if mode is PutMode.CREATE:
            words.append("--ignore-existing")
        with staged(source, self._scratch, name, what) as folder:
            sent = self._send([*words, "--", "./", self._target], folder, name, what)
        if not sent.lines:
            raise AlreadyExists(f"{self.label}: {name!r} is there", name=name)

    def get(self, name: str) -> BinaryIO:
        what = self._what("get", check_name(name))
        words = [*_NAMED, "--no-relative"]
        with private_folder(self._scratch) as folder:
            self._ask_for(name, words, what, folder)
            file = folder / name.rpartition("/")[2]
            if not file.is_file():
                raise NotFound(f"{what}: it is no file", name=name)
            return opened(file, self._scratch, what)

    def delete(self, name: str) -> None:
        what = self._what("delete", check_name(name))
        if not self._deleted(name, what):
            raise NotFound(f"{what}: there is none", name=name)

    def close(self) -> None:
        """Nothing is held open."""

    def stat(self, name: str) -> Entry:
        what = self._what("stat", check_name(name))
        with private_folder(self._scratch) as folder:
            answer = self._ask_for(name, [*_NAMED, *_LISTED], what, folder)
        wanted = self._access.base[1] + name
        for entry in entries(answer.lines, what):
            if entry.name == wanted:
                return Entry(name, entry.size)
        raise NotFound(f"{what}: it is no file", name=name)

    def remove_folder(self, folder: str) -> None:
        """Cost: one run of rsync, and one for each folder that is removed."""
        what = self._what("delete", check_name(folder))
        words = [*_NAMED, *_LISTED, "--recursive"]
        with private_folder(self._scratch) as nothing, suppress(NotFound):
            lines = self._ask_for(folder, words, what, nothing).lines
            start = self._access.base[1]
            for name in empty_folders(lines, what):
                inside = name.removeprefix(start)
                if f"{inside}/".startswith(f"{folder}/"):
                    self._deleted(inside, what)

    def create(self) -> bool:
        """Make the folder, but not its parents, and no module."""
        what = self._what("create", "")
        try:
            self._look(what)
        except StoreMissing:
            self._make(what)
            return True
        return False

    def _make(self, what: str) -> None:
        words = ["--dirs", "--", "./", f"{self._access.place}/"]
        with private_folder(self._scratch) as nothing:
            answer = self._program.run(words, nothing)
        if answer.status == _FILE_ERROR and "No such file" in answer.complaints:
            raise StoreMissing(
                f"{self.label}: cannot create the folder",
                hint="Create it on the server, or mount the disk that holds it.",
            )
        _good(answer, what, "")

    @property
    def _target(self) -> str:
        """The folder to write to, which is never made by that."""
        return f"{self._access.place}/./"

    def _deleted(self, name: str, what: str) -> bool:
        """Is that file, or empty folder, removed?  A folder counts as no file."""
        words = [*_NAMED, "--delete-missing-args", _TELL, "--", "./", self._target]
        with private_folder(self._scratch) as nothing:
            answer = self._program.run(words, nothing, name)
        if answer.status not in (0, _VANISHED):
            fail(answer.status, answer.complaints, what, name)
        deleted = [line for line in answer.lines if line.startswith("*deleting")]
        return bool(deleted) and not deleted[0].endswith("/")

    def _send(self, words: Sequence[str], folder: Path, name: str, what: str) -> Answer:
        if self._with_fsync:
            answer = self._program.run(["--fsync", *words], folder, name)
            if not refuses_fsync(answer.complaints):
                return _good(answer, what, name)
            self._with_fsync = False
        return _good(self._program.run(words, folder, name), what, name)

    def _ask_for(
        self, name: str, words: Sequence[str], what: str, folder: Path
    ) -> Answer:
        """About one name, which is looked for from `base` on."""
        place, start = self._access.base
        words = [*words, "--", f"{place}/", "./"]
        answer = self._program.run(words, folder, start + name)
        try:
            return _good(answer, what, name)
        except (NotFound, StoreMissing) as e:  # a folder of the name, or the root?
            self._look(what)
            raise NotFound(f"{what}: there is none", name=name) from e

    def _look(self, what: str) -> None:
        """Is the folder there?

        Raises:
            StoreMissing: It is not.
        """
        words = [*_LISTED, "--dirs", "--exclude=*", "--", f"{self._access.place}/"]
        self._ask(words, what)

    def _ask(self, words: Sequence[str], what: str) -> Answer:
        return _good(self._program.run(words, self._scratch), what, "")

    def _what(self, verb: str, name: str) -> str:
        return task(self.label, verb, name)


def _good(answer: Answer, what: str, name: str) -> Answer:
    if answer.status:
        fail(answer.status, answer.complaints, what, name)
    return answer
