"""Options about the copies of an archive: what to read, what to make again."""

from tiered.settings.option import Option, flag


def percentage(text: str) -> float:
    """A share of all bytes, from 0 to 1.

    Raises:
        ValueError: It is not a number from 0 to 100, with or without `%`.
    """
    value = float(text.removesuffix("%"))
    if not 0 <= value <= 100:
        raise ValueError(f"{text!r} is not between 0% and 100%")
    return value / 100


COPIES = (
    Option(
        names=("--sample",),
        dest="sample",
        convert=percentage,
        metavar="PERCENT",
        help="scrub: also read copies until this share of all bytes was read (ours)",
    ),
    Option(
        names=("--store",),
        dest="only_store",
        metavar="NAME",
        help="repair: make only the copies that this store lacks (ours)",
    ),
    flag(
        "--thaw",
        dest="thaw",
        help="repair, copy: also read what is sealed; the plan says what that asks "
        "for (ours)",
    ),
)
"""scrub, repair and copy."""
