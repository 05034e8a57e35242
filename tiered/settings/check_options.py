"""Options of `tiered store check`."""

from tiered.settings.limits import byte_rate
from tiered.settings.option import Option, flag


def byte_size(text: str) -> int:
    """Bytes, written as those of a rate are: `500K`, `16M`, `1.5G`.

    Raises:
        ValueError: It is not that, or less than one.
    """
    size = int(byte_rate(text))
    if not size:
        raise ValueError(f"{text!r} is less than a byte")
    return size


CHECKING = (
    Option(
        names=("--size",),
        dest="size_bytes",
        default=16 << 20,
        convert=byte_size,
        metavar="SIZE",
        help="of the object that `store check` times, such as 500K or 1G, in units of "
        "1024 (ours, default 16M)",
    ),
    flag(
        "--create",
        dest="create",
        help="in `store check`: make the container or folder if it is missing; it "
        "stays (ours)",
    ),
    flag(
        "--yes",
        dest="yes",
        help="in `store check`: put objects into cold storage, too, which may cost "
        "something (ours)",
    ),
)
"""What it may do."""
