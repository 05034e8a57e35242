"""What a restore is asked for, and what it tells, whatever the style."""

import errno
from dataclasses import dataclass

from tiered.archive.paths import PathKey
from tiered.engine.place import PlaceSettings

NO_USE_TO_GO_ON = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
"""Errors of the target that the next file will meet, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreRequest:
    """What to restore, and where to."""

    target: bytes
    path: PathKey = ()
    place: PlaceSettings
    force: bool = False


@dataclass(slots=True)
class RestoreReport:
    """What was written."""

    files: int = 0
    paths: int = 0
    skipped: int = 0
