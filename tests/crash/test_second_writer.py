"""Two machines that back up to one archive at the same moment.

Each has a cache of its own, so no lock keeps them apart.  Whatever order it goes in,
a set that looks whole is whole, and the next backup builds on one of them.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import TypeVar

import pytest

from tests.crash.world import World, Wrap, make_source
from tiered.archive.filename import SetId
from tiered.archive.style import Style
from tiered.engine.backup import Action
from tiered.errors import AlreadyExists, ListingDoubtful, TieredError
from tiered.store import Store
from tiered.testing.tree import Seen, differences, snapshot
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
    # the names of one second are taken by whose first volume is stored; and volumes
    # without any manifest look like a hot store that was lost
    assert all(isinstance(e, AlreadyExists | ListingDoubtful) for e in failed)
    assert len(failed) < 2
    assert not failed or same_second or action is Action.FULL
    both = replace(world, trees={})
    both.clock.sleep_s(100)
    trees = [*world.trees.values(), *other.trees.values()]
    check_whole(both, trees, tmp_path)


class Turns(Wrapped):
    """Puts one volume only after a wait, and tells when another one is put."""

    def __init__(
        self, inner: Store, late: str, wait: Callable[[], bool], early: str, told: Event
    ) -> None:
        super().__init__(inner)
        self._late, self._wait = late, wait
        self._early, self._told = early, told

    def around(self, verb: str, name: str, run: Callable[[], T]) -> T:
        if verb == "put" and self._late in name:
            self._wait()
        try:
            return run()
        finally:
            if verb == "put" and self._early in name:
                self._told.set()


@pytest.mark.parametrize("action", [Action.FULL, Action.INC])
@pytest.mark.parametrize(
    ("style", "passphrase"),
    [(Style.DUPLICITY, ""), (Style.TIERED, ""), (Style.TIERED, "open sesame")],
)
def test_exactly_one_of_two_in_one_second(
    tmp_path: Path, style: Style, passphrase: str, action: Action
) -> None:
    """Also if both have several volumes, and each is first with one of them."""
    world = World(root=tmp_path / "one", style=style, passphrase=passphrase)
    other = other_machine(world, tmp_path / "two")
    make_source(world.source, 1, 1_000_000)
    if action is Action.INC:
        world.back_up(Action.FULL)
        make_source(world.source, 2, 1_500_000)
    other.clock.sleep_s(world.clock.time_s() - other.clock.time_s())
    first, second = Event(), Event()

    def wait_for_the_second() -> bool:
        return second.wait(60)

    def wait_for_both() -> bool:
        """But the second is not put before the first is."""
        return first.wait(60) and second.wait(0.5)

    turns: list[tuple[World, Wrap]] = [
        (world, lambda s: Turns(s, ".vol2.", wait_for_the_second, ".vol1.", first)),
        (other, lambda s: Turns(s, ".vol1.", wait_for_both, ".vol2.", second)),
    ]

    def run(turn: tuple[World, Wrap]) -> SetId | TieredError:
        each, wrap = turn
        try:
            return each.back_up(action, each.context(wrap))
        except TieredError as e:
            second.set()
            return e

    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(run, turns))
    assert [type(each) for each in ended if not isinstance(each, SetId)] == [
        AlreadyExists
    ]
    both = replace(world, trees={})
    both.clock.sleep_s(100)
    assert both.collection().incomplete == ()
    check_whole(both, [*world.trees.values(), *other.trees.values()], tmp_path)


def check_whole(both: World, trees: list[dict[bytes, Seen]], tmp_path: Path) -> None:
    """Every set is that of one machine, and the archive can be used."""
    for backup_set in (s for c in both.collection().chains for s in c.sets):
        end_s = backup_set.id.end_s
        restored = both.restore(tmp_path / "out" / str(end_s), end_s)
        assert [] in [differences(tree, restored) for tree in trees], backup_set.id
    make_source(both.source, 3)
    both.back_up(Action.AUTO)
    both.clean_up()
    restored = both.restore(tmp_path / "end", both.clock.time_s())
    assert differences(snapshot(both.source), restored) == []
