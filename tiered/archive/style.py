"""The two ways in which a set is stored; names tell which."""

from enum import Enum


class Style(Enum):
    """How the objects of a set are made."""

    TIERED = "tiered"
    """[docs/format/native.md]"""
    DUPLICITY = "duplicity"
    """[docs/format/duplicity.md]"""
