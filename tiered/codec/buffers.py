"""Memory that is used again, as new memory is zeroed by the system, page by page."""


class KeptBuffer:
    """One buffer for one thing at a time; it grows to the largest."""

    __slots__ = ("_bytes",)

    def __init__(self) -> None:
        self._bytes = bytearray()

    def sized(self, size: int) -> memoryview:
        """That many bytes of it; what they held before is no longer valid."""
        if len(self._bytes) < size:
            self._bytes = bytearray(size)
        return memoryview(self._bytes)[:size]
