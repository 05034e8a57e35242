"""Two machines that back up to one archive at the same moment.

Each has a cache of its own, so no lock keeps them apart.  Whatever order it goes in,
a set that looks whole is whole, and the next backup builds on one of them.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from tests.crash.world import World, make_source
from tiered.archive.style import Style
from tiered.engine.backup import Action
from tiered.errors import AlreadyExists, ListingDoubtful, TieredError
from tiered.store import Store
from tiered.testing.tree import differences, snapshot
from tiered.wrap.base import Wrapped

T = TypeVar("T")


class Meanwhile(Wrapped):
    """Does something right before the n-th put."""

    def __init__(self, inner: Store, at: int, do: Callable[[], object]) -> None:
        super().__init__(inner)
        self._left, self._do = at, do

    def around(self, verb: str, name: str, run: Callable[[], T]) -> T:
        if verb == "put":
            self._left -= 1
            if self._left == 0:
                self._do()
        return run()


def other_machine(world: World, root: Path) -> World:
    """The same stores and clock; another cache, and another source."""
    other = replace(world, root=root, time_s=world.clock.time_s(), trees={})
    for label in ("hot", "cold"):
        (root / label).rmdir()
        (root / label).symlink_to(world.root / label)
    make_source(other.source, 1)
    return other


@pytest.mark.parametrize("at", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("same_second", [True, False])
@pytest.mark.parametrize("action", [Action.FULL, Action.INC])
@pytest.mark.parametrize(
    ("style", "passphrase"), [(Style.DUPLICITY, ""), (Style.TIERED, "open sesame")]
)
def test_two_at_the_same_time(
    tmp_path: Path,
    style: Style,
    passphrase: str,
    action: Action,
    same_second: bool,
    at: int,
) -> None:
    world = World(root=tmp_path / "one", style=style, passphrase=passphrase)
    other = other_machine(world, tmp_path / "two")
    make_source(world.source, 1)
    if action is Action.INC:
        world.back_up(Action.FULL)
        make_source(world.source, 2)
    failed: list[TieredError] = []

    def rival() -> None:
        later_s = -2 if same_second else 1
        other.clock.sleep_s(world.clock.time_s() - other.clock.time_s() + later_s)
        try:
            other.back_up(action)
        except TieredError as e:
            failed.append(e)
            with suppress(ListingDoubtful):
                other.clean_up()  # nothing of the one that goes on

    try:
        world.back_up(action, world.context(lambda s: Meanwhile(s, at, rival)))
    except TieredError as e:
        failed.append(e)
    # the names of one second are taken by who comes first to each; and volumes
    # without any manifest look like a hot store that was lost
    assert all(isinstance(e, AlreadyExists | ListingDoubtful) for e in failed)
    assert not failed or same_second or action is Action.FULL
    both = replace(world, trees={})
    both.clock.sleep_s(100)
    trees = [*world.trees.values(), *other.trees.values()]
    try:
        whole = both.collection()
    except ListingDoubtful:  # a person must look, and say --accept-loss
        assert len(failed) == 2
        assert action is Action.FULL
        return
    for backup_set in (s for c in whole.chains for s in c.sets):
        end_s = backup_set.id.end_s
        restored = both.restore(tmp_path / "out" / str(end_s), end_s)
        assert [] in [differences(tree, restored) for tree in trees], backup_set.id
    make_source(world.source, 3)
    both.back_up(Action.AUTO)
    both.clean_up()
    restored = both.restore(tmp_path / "end", both.clock.time_s())
    assert differences(snapshot(world.source), restored) == []
