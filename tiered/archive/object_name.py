"""What names say, as values."""

from dataclasses import dataclass

from tiered.archive.kinds import Kind
from tiered.archive.style import Style
from tiered.archive.times import format_name_time

_ENCRYPTED = frozenset({".age", ".gpg", ".g", ".p7m"})


@dataclass(frozen=True, slots=True)
class SetId:
    """Which set: a full has no `start_s`, an inc starts where its parent ends.

    Sets sort by their end; a full stands before an inc that ends with it.
    """

    end_s: int
    start_s: int | None = None
    style: Style = Style.DUPLICITY

    def __lt__(self, other: "SetId") -> bool:
        mine, theirs = (
            (s.end_s, s.start_s is not None, s.start_s or 0, s.style.value)
            for s in (self, other)
        )
        return mine < theirs

    @property
    def is_full(self) -> bool:
        return self.start_s is None

    @property
    def parent(self) -> tuple[int, Style] | None:
        """End and style of the set that an inc builds on; None for a full."""
        return None if self.start_s is None else (self.start_s, self.style)

    def __str__(self) -> str:
        if self.start_s is None:
            return f"full {format_name_time(self.end_s)}"
        return f"inc {format_name_time(self.start_s)} to {format_name_time(self.end_s)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectName:
    """What the name of an object of a set says."""

    name: str
    set_id: SetId
    kind: Kind
    volume: int | None = None
    """Number of a volume, from 1; None for other kinds."""
    suffix: str = ""
    """"", ".gz", ".gpg", ".age" ...: how the bytes are wrapped."""

    @property
    def encrypted(self) -> bool:
        return self.suffix in _ENCRYPTED


@dataclass(frozen=True, slots=True)
class KeyName:
    """What the name of a key object, or of its copy, says."""

    name: str
    way: str
    """Which way in."""
    generation: int
    """From 1; grows when the way is rotated."""
    is_copy: bool
    """It lies where volumes go."""
