"""What a codec is: how the bytes of an object are wrapped, told by its suffix.

A codec works between a stream and a *real file*: what is encoded lands in a
spool file before it is uploaded, and what is decoded was downloaded and checked
before.  So a subprocess can be given the file itself, and nothing is decoded
whose checksum is not known to be right.
"""

from typing import BinaryIO, Protocol


class Encoder(Protocol):
    """A stream into a spool file."""

    def write(self, data: bytes) -> None: ...

    def close(self) -> None:
        """Finish the file.

        Raises:
            ScratchError: The disk of the spool file is full.
            TieredError: The codec failed; the file is worthless.
        """

    def abort(self) -> None:
        """Give up; the file is worthless.  Allowed after `close`."""


class Decoder(Protocol):
    """A stream out of a spool file."""

    def read(self, size: int, /) -> bytes: ...

    def close(self) -> None:
        """Stop reading, checked: what is left is decoded and thrown away.

        Raises:
            PassphraseError: The passphrase does not open the object.
            ArchiveDamaged: The object is not what the codec wrote.
        """

    def abort(self) -> None:
        """Stop reading, unchecked.  Allowed after `close`."""


class Codec(Protocol):
    """One way to wrap bytes."""

    @property
    def suffix(self) -> str:
        """Ends the names of such objects: "", ".gz", ".gpg"."""

    def encode(self, target: BinaryIO) -> Encoder:
        """`target` is a real file, open for writing; the caller closes it."""

    def decode(self, source: BinaryIO, name: str) -> Decoder:
        """`source` is a real file at byte 0; `name` is for messages."""
