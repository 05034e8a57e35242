"""Holes of sparse files, which are zeros that need not be read.

A system makes a page of memory for each page of a hole that is read: on ext4 that
takes longer than all else that a backup does with it.
"""

import errno
import os


def is_hole(fd: int, start: int, end: int) -> bool:
    """Does the system say that nothing stands in [start, end) of an open file?

    False also where it cannot tell, and of what is beyond the file's end.  The
    position of `fd` moves.

    File systems have been wrong about what was written a moment ago, OpenZFS before
    2.2.2 among them: ask only about files that were left alone for a while.
    """
    try:
        return os.lseek(fd, start, os.SEEK_DATA) >= end
    except OSError as e:
        return e.errno == errno.ENXIO and os.fstat(fd).st_size >= end
