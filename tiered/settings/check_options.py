"""Options of `tiered store check`."""

from tiered.settings.option import Option, flag

_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def byte_size(text: str) -> int:
    """Bytes: `500K`, `16M`, `1G`, in units of 1024.

    Raises:
        ValueError: It is not that, or zero.
    """
    number, unit = text[:-1], text[-1:]
    if not (number.isascii() and number.isdecimal() and unit in _UNITS):
        raise ValueError(f"{text!r} is no number with K, M or G, such as 16M")
    if not int(number):
        raise ValueError(f"{text!r} is nothing")
    return int(number) * _UNITS[unit]


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
