"""The store contract: what every backend must do, and what some can do.

A store is dumb.  It has four verbs and no memory, policy, retry, cache, log
or prompt; those live above it, once (`tiered.wrap`, `tiered.router`).

Rules that hold for every store, and that `tiered.testing.contract` checks:

  R1  put is all or nothing: a reader sees the old object, the new one, or
      NotFound, never a part.  With REPLACE it replaces; with CREATE it raises
      AlreadyExists and leaves the old object.  Whether one of two writers that
      create the same name in the same moment is refused depends on the store
      (not on Swift, which looks when an upload begins): nothing may rest on it.
  R2  After put returns, get, stat and delete of that name see the new object.
      A listing may be minutes old (Swift): never conclude from a listing alone
      that an object is gone.
  R3  list returns the whole listing, sorted by name, or raises.  It is never
      partial: an unreachable store must not look like an empty one.
  R4  get and delete of a missing name raise NotFound.
  R5  Every fault of the outside world leaves as a TieredError; a bug, such as
      a name that `tiered.names` refuses, leaves as what it is.
  R6  Every method may be called from several threads at once.
  R7  The stream of a get yields all bytes of the object, or raises a
      StoreError: a cut connection never looks like the end of the object.
  R8  A store never creates the container or directory it stands for, unless
      its `create` capability is called; until then every verb raises
      StoreMissing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import BinaryIO, Protocol, runtime_checkable

from tiered.errors import StoreError


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One line of a listing."""

    name: str
    size: int
    """Bytes as stored, so after compression and encryption."""
    md5: str | None = field(default=None, compare=False)
    """Hex digest as the store reports it; None if it does not."""


Listings = Mapping[str, Sequence[Entry]]
"""What each member that answered lists, sorted by name, by label."""


class Source(Protocol):
    """Bytes to upload.  Can be opened again, so a put can be repeated.

    Opening and reading raise SourceError, never OSError: an OSError inside a
    put is always the fault of the store.
    """

    @property
    def size(self) -> int:
        """Bytes that one `open` yields."""

    @property
    def md5(self) -> str | None:
        """Hex digest of these bytes; None if it is not known before reading."""

    def open(self) -> BinaryIO:
        """A new stream from byte 0; the caller closes it."""


@runtime_checkable
class Linkable(Protocol):
    """A source that can be kept instead of being copied."""

    def link(self, folder: int, name: str) -> bool:
        """Give the file that holds the bytes a name, if that is possible.

        It is possible once, as two copies that share their disk blocks would be
        damaged together; on Linux; and within one file system.

        Args:
            folder: Descriptor of the directory.
            name: Not taken.

        Returns:
            False if nothing was done: copy the bytes.
        """


class PutMode(Enum):
    """What a put does when the name is taken."""

    CREATE = "create"
    REPLACE = "replace"


class Warmth(Enum):
    """Can an object be read now?"""

    WARM = "warm"
    THAWING = "thawing"
    COLD = "cold"


@dataclass(frozen=True, slots=True)
class Frost:
    """How cold one object is."""

    warmth: Warmth
    wait_s: float | None = None
    """Seconds until it can be read, if the store says."""


class Thaw(Protocol):
    """A store whose objects may need hours before they can be read."""

    def frost(self, names: Iterable[str]) -> Mapping[str, Frost]:
        """How cold each of `names` is, from listings alone: it starts no thaw.

        Raises:
            NotFound: The store does not list one of them.
        """

    def thaw(self, names: Iterable[str]) -> None:
        """Ask for each name once.  Asking again for one that is thawing, or
        warm, is allowed and changes nothing.
        """


class Ranges(Protocol):
    """A store that can read a part of an object."""

    def get_range(self, name: str, start: int, size: int) -> bytes:
        """Exactly `size` bytes from byte `start`; a shorter object is an error."""


class Stat(Protocol):
    """A store that tells about one object without listing or reading."""

    def stat(self, name: str) -> Entry:
        """The entry, fresh (R2); NotFound if there is none."""


class Create(Protocol):
    """A store whose container or directory can be made by us."""

    def create(self) -> bool:
        """Make it, of the kind that this store needs; False if it was there."""


class Folders(Protocol):
    """A store that makes folders for names with a slash, and keeps empty ones."""

    def remove_folder(self, folder: str) -> None:
        """Remove a folder and those in it, as far as nothing else lies there.

        Only while nobody puts objects into it.  One that is not there is no error.
        """


@dataclass(frozen=True, slots=True)
class Survey:
    """What can be seen now, and who did not answer."""

    entries: tuple[Entry, ...]
    """Sorted by name.  Each name that a member which answered lists."""
    silent: Mapping[str, StoreError]
    """Label of each member that failed, with its error."""
    writable: bool
    """Can objects be put while these members are silent?  What they miss is owed."""
    listings: Mapping[str, tuple[Entry, ...]]
    """What each member that answered lists, by label."""


class Surveys(Protocol):
    """A store of several members that can go on when one of them is down.

    What is missing here may be on the silent member, so nothing may be deleted,
    and no name reused, on the strength of a survey.
    """

    def survey(self, prefix: str = "") -> Survey:
        """The union of the listings of all members that answer.

        Raises:
            StoreError: Nobody answered who could hold some kind of object, so
                that kind would look empty.
        """


class Copies(Protocol):
    """A store that may hold an object more than once."""

    def copies(self, name: str) -> tuple[str, ...]:
        """Labels of the members to read `name` from, best first; never empty.

        Raises:
            NotFound: No member that answered has it, and all answered.
        """

    def get_copy(self, name: str, label: str) -> BinaryIO:
        """As `get`, from that member alone."""


class Owed(Enum):
    """Why a copy is to be made again."""

    MISSED = "missed"
    """Its put failed."""
    LOST = "lost"
    """It was there, and is not any more."""
    DAMAGED = "damaged"
    """It has not the bytes that were stored."""


@dataclass(frozen=True, slots=True, order=True)
class Debt:
    """A copy that a member still owes."""

    name: str
    label: str
    owed: Owed = field(default=Owed.MISSED, compare=False)
    since_s: int = field(default=0, compare=False)
    """Seconds since 1970 UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Homes:
    """Where the copies of one object belong."""

    labels: tuple[str, ...]
    """Members, best to write to first; none that is read-only."""
    copies: int
    """How many of them are to have it."""


class Group(Protocol):
    """A store of several members, whose copies can be compared and made again."""

    @property
    def members(self) -> Mapping[str, "Store"]:
        """By label.  Whoever writes to one of them tells `owe` or `settle`."""

    @property
    def read_only(self) -> frozenset[str]:
        """Labels of members that are left as they are: nobody writes to them."""

    def reads_from(self, name: str) -> str:
        """The member that is asked first for `name`, as far as is known; no I/O."""

    def homes(self, name: str, without: str | None = None) -> Homes:
        """Where the copies of `name` belong, or would without one member."""

    def owe(self, debts: Iterable[Debt]) -> None:
        """Keep them where every machine sees them; a read-only member owes none."""

    def debts(self, listed: Listings | None = None) -> tuple[Debt, ...]:
        """All that any run has kept and nobody has paid, sorted.

        Args:
            listed: What members list, if they were asked just now.

        Cost: One listing without `listed`, and one get for each run that left debts.

        Raises:
            StoreError: Nobody answered who could keep them.
        """

    def settle(self, paid: Iterable[Debt]) -> None:
        """Forget debts, here and where they are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """What a store can do beyond the four verbs; None means it cannot.

    A value, not isinstance: the type checker makes every caller handle None,
    and a wrapper cannot lose a capability without saying so.
    """

    thaw: Thaw | None = None
    ranges: Ranges | None = None
    stat: Stat | None = None
    create: Create | None = None
    folders: Folders | None = None
    surveys: Surveys | None = None
    copies: Copies | None = None
    group: Group | None = None


class Store(Protocol):
    """Named objects, written whole.  See the module text for the rules."""

    @property
    def label(self) -> str:
        """Short, stable and free of secrets: it appears in logs and errors."""

    @property
    def extras(self) -> Extras: ...

    def list(self, prefix: str = "") -> tuple[Entry, ...]: ...
    def put(self, name: str, source: Source, mode: PutMode) -> None: ...
    def get(self, name: str) -> BinaryIO: ...
    def delete(self, name: str) -> None: ...
    def close(self) -> None: ...
