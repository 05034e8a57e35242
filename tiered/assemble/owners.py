"""Users and groups of this machine, by number and by name."""

import grp
import os
import pwd
from argparse import Namespace
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from tiered.engine.place import PlaceSettings
from tiered.engine.scan import OwnerNames

K = TypeVar("K")
V = TypeVar("V")


def owner_names() -> OwnerNames:
    """The names that a backup keeps."""
    return OwnerNames(
        _or_none(lambda uid: pwd.getpwuid(uid).pw_name),
        _or_none(lambda gid: grp.getgrgid(gid).gr_name),
    )


def place_settings(options: Namespace) -> PlaceSettings:
    """Whose files a restore makes: a name that is known here counts more than a
    number, unless the user says otherwise; without being root, nobody else's.
    """
    wanted = options.ownership
    ownership = os.geteuid() == 0 if wanted is None else wanted
    if options.numeric_owner:
        return PlaceSettings(
            ownership=ownership, user_id=lambda _: None, group_id=lambda _: None
        )
    return PlaceSettings(
        ownership=ownership,
        user_id=lru_cache(_or_none(_user_id)),
        group_id=lru_cache(_or_none(_group_id)),
    )


def _user_id(name: bytes) -> int:
    return pwd.getpwnam(os.fsdecode(name)).pw_uid


def _group_id(name: bytes) -> int:
    return grp.getgrnam(os.fsdecode(name)).gr_gid


def _or_none(look_up: Callable[[K], V]) -> Callable[[K], V | None]:
    """KeyError -> None: a number or name that this machine does not know."""

    def safe(key: K) -> V | None:
        try:
            return look_up(key)
        except KeyError:
            return None

    return safe
