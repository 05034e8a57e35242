"""Extended attributes, as far as a member can hold them."""

import errno
import os
from itertools import chain

from tiered.archive.paths import show_path, split_path
from tiered.codec.frames import MAX_FRAME_BYTES
from tiered.monitor import Monitor

Xattrs = dict[bytes, bytes]

_MOST_BYTES = MAX_FRAME_BYTES - (1 << 20)
"""Names and values: a header is never divided, and must fit into a frame with what
records add (all names of a file have 64 KiB on Linux) and a small file's content."""
_TOO_MANY = (errno.E2BIG, errno.ERANGE)


def read_xattrs(file: int | bytes, path: bytes, monitor: Monitor) -> Xattrs:
    """Extended attributes; none where the file system knows none.

    Args:
        path: Of `file`, as messages say it.
        monitor: Is told if there are more than can be stored: then none are.
    """
    found = find_xattrs(file)
    if found is None:
        monitor.warn(
            f"{show_path(split_path(path))} has more extended attributes than an "
            "archive can hold; it is stored without them"
        )
        return {}
    return found


def find_xattrs(file: int | bytes) -> Xattrs | None:
    """As `read_xattrs`; None if there are more than can be stored."""
    try:
        names = os.listxattr(file)
        if not names:
            return {}
        found = {os.fsencode(name): os.getxattr(file, name) for name in names}
    except OSError as e:
        return None if e.errno in _TOO_MANY else {}
    if sum(map(len, chain.from_iterable(found.items()))) > _MOST_BYTES:
        return None
    return found
