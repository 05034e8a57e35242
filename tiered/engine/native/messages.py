"""What our processes say to each other: values of marshal behind their length.

Both ends are the same interpreter on the same modules; nothing is stored.
"""

import marshal
import struct

TYPE_CHECKING = False  # `typing` takes longer to load than all that a process needs
if TYPE_CHECKING:
    from typing import IO, Any

_LENGTH = struct.Struct("<I")


def send(stream: "IO[bytes]", message: "Any") -> None:  # marshal's types have no name
    """Write a message of lists, tuples, dictionaries, numbers, bytes and text.

    Raises:
        OSError: Nobody reads.
    """
    data = marshal.dumps(message)
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def receive(stream: "IO[bytes]") -> "Any":  # who reads knows what it waits for
    """The next message; None if there is no other.

    Raises:
        EOFError: It is cut off.
    """
    head = stream.read(_LENGTH.size)
    if not head:
        return None
    (length,) = _LENGTH.unpack(head.ljust(_LENGTH.size))
    data = stream.read(length)
    if len(data) != length:
        raise EOFError
    return marshal.loads(data)
