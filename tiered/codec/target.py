"""Where an object goes while it is made."""

from typing import Protocol


class Target(Protocol):
    """The one method of a file that sealing needs."""

    def write(self, data: bytes | bytearray | memoryview, /) -> object:
        """Take all of `data`; it may change when this returns."""
