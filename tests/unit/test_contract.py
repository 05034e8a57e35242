"""Each rule, once broken, is caught by the check of that rule."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit import broken_stores as broken
from tiered.backends.file import FileSettings, FileStore
from tiered.store import Store
from tiered.testing import contract
from tiered.testing.contract import ABSENT, ALL, Broken, Check, Outcome, Rig
from tiered.wrap.base import Wrapped

CHECKS = {check.__name__: check for check in ALL}
CASES: list[tuple[type[Wrapped], str]] = [
    (broken.KeepsTorn, "r1_failed_put_leaves_the_old_object"),
    (broken.LosesOld, "r1_failed_put_leaves_the_old_object"),
    (broken.Overwrites, "r1_create_never_overwrites"),
    (broken.Remembers, "r2_get_stat_and_delete_see_the_last_put"),
    (broken.StaleStat, "r2_get_stat_and_delete_see_the_last_put"),
    (broken.OnePage, "r3_list_is_complete_and_sorted"),
    (broken.Unsorted, "r3_list_is_complete_and_sorted"),
    (broken.IgnoresPrefix, "r3_list_is_complete_and_sorted"),
    (broken.EmptyForMissing, "r4_missing_names_are_not_found"),
    (broken.DeletesTwice, "r4_missing_names_are_not_found"),
    (broken.TakesAnyName, "r5_bad_names_are_refused_before_any_io"),
    (broken.SharesPart, "r6_threads_do_not_disturb_each_other"),
    (broken.CutsShort, "get_returns_what_put_stored"),
    (broken.Unquotes, "names_may_have_folders_blanks_and_accents"),
    (broken.RoundsSizes, "entries_tell_sizes_and_checksums"),
    (broken.WrongMd5, "entries_tell_sizes_and_checksums"),
    (broken.EndsLate, "ranges_are_exact"),
    (broken.ShortRanges, "ranges_are_exact"),
    (broken.RemovesAll, "empty_folders_can_be_removed"),
    (broken.NeverCold, "cold_objects_are_read_through_a_thaw_only"),
    (broken.MakesItself, "r8_nothing_is_made_unasked"),
    (broken.LooksEmpty, "r8_nothing_is_made_unasked"),
]


def rig(root: Path, wrap: Callable[[Store], Store], *, exists: bool = True) -> Rig:
    if exists:
        root.mkdir()
    store = wrap(FileStore(FileSettings(root=root, durable=False)))
    return Rig(store=store, wait=lambda _: None)


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_a_broken_rule_is_caught(
    kind: type[Wrapped], name: str, tmp_path: Path
) -> None:
    check = CHECKS[name]
    with pytest.raises(Broken, match=r"\w+ "):
        check(rig(tmp_path / "store", kind, exists=check is not ABSENT))


def test_every_check_catches_something() -> None:
    caught = {name for _, name in CASES} | {"r1_one_of_many_creators_wins"}
    assert caught == CHECKS.keys()


def test_nothing_rests_on_who_wins_a_race(tmp_path: Path) -> None:
    check: Check = contract.r1_one_of_many_creators_wins
    found = check(rig(tmp_path / "1", broken.LooksOnly))
    assert found.outcome is Outcome.NOT_OFFERED
    assert found.remark == "4 of 4 writers created the same name"
    assert check(rig(tmp_path / "2", lambda s: s)).outcome is Outcome.HOLDS
