"""What an option is, and how its value is read."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from tiered.archive.native_names import is_way


class Shape(Enum):
    """How an option takes its value."""

    FLAG = "flag"
    VALUE = "value"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option."""

    names: tuple[str, ...]
    help: str
    dest: str
    shape: Shape = Shape.VALUE
    default: object = None
    convert: Callable[[str], object] = str
    metavar: str = ""
    stores: object = True
    """What a flag stores."""


def flag(*names: str, dest: str, help: str, stores: bool = True) -> Option:
    return Option(
        names=names,
        help=help,
        dest=dest,
        shape=Shape.FLAG,
        default=None,
        stores=stores,
    )


def whole_number(text: str) -> int:
    """A count or size.

    Raises:
        ValueError: It is not a number from 1 up.
    """
    number = int(text)
    if number < 1:
        raise ValueError(f"{text!r} is less than 1")
    return number


def style(text: str) -> str:
    """How sets look in the store.

    Raises:
        ValueError: It is not a style.
    """
    if text not in ("tiered", "duplicity"):
        raise ValueError(f"{text!r} is not tiered or duplicity")
    return text


def seconds(text: str) -> float:
    """A time span in seconds.

    Raises:
        ValueError: It is not a number, or negative.
    """
    value = float(text)
    if value < 0:
        raise ValueError(f"{text!r} is negative")
    return value


def work_factor(text: str) -> int:
    """Base-two logarithm of scrypt's N.

    Raises:
        ValueError: It is not a number from 1 to 20.
    """
    number = whole_number(text)
    if number > 20:
        raise ValueError(f"{text!r} is more than 20")
    return number


def way_name(text: str) -> str:
    """What a way in is called.

    Raises:
        ValueError: It cannot be the name of one.
    """
    if not is_way(text):
        raise ValueError(f"{text!r} is not a-z, 0-9, - and _, up to 32")
    return text


_VERBOSITY = {"e": 0, "w": 2, "n": 3, "i": 5, "d": 9}


def verbosity(text: str) -> int:
    """0 to 9, or a word: error, warning, notice, info, debug.

    Raises:
        ValueError: It is neither.
    """
    if text[:1].lower() in _VERBOSITY:
        return _VERBOSITY[text[:1].lower()]
    level = int(text)
    if not 0 <= level <= 9:
        raise ValueError(f"{text!r} is not between 0 and 9")
    return level
