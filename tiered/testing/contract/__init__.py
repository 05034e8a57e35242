"""The store contract as a list of checks that run on any store.

A check gets a `Rig` over an empty store, and raises `Broken` if a rule of
`tiered.store` does not hold.  Add a rule there, a check here, and all stores
and wrappers are tested, and `tiered store check` tells users about it.
"""

from typing import Final

from tiered.testing.contract.capabilities import (
    cold_objects_are_read_through_a_thaw_only,
    empty_folders_can_be_removed,
    r8_nothing_is_made_unasked,
    ranges_are_exact,
)
from tiered.testing.contract.check import Check, Finding, Outcome
from tiered.testing.contract.objects import (
    entries_tell_sizes_and_checksums,
    get_returns_what_put_stored,
    names_may_have_folders_blanks_and_accents,
    r1_create_never_overwrites,
    r1_failed_put_leaves_the_old_object,
    r1_one_of_many_creators_wins,
    r2_get_stat_and_delete_see_the_last_put,
    r3_list_is_complete_and_sorted,
    r4_missing_names_are_not_found,
    r5_bad_names_are_refused_before_any_io,
    r6_threads_do_not_disturb_each_other,
)
from tiered.testing.contract.rig import Broken, NotOffered, NotTried, Rig, offered

__all__ = [
    "ABSENT",
    "ALL",
    "CHECKS",
    "Broken",
    "Check",
    "Finding",
    "NotOffered",
    "NotTried",
    "Outcome",
    "Rig",
    "cold_objects_are_read_through_a_thaw_only",
    "offered",
    "r1_one_of_many_creators_wins",
    "r8_nothing_is_made_unasked",
]

CHECKS: Final[tuple[Check, ...]] = (
    r1_failed_put_leaves_the_old_object,
    r1_create_never_overwrites,
    r1_one_of_many_creators_wins,
    r2_get_stat_and_delete_see_the_last_put,
    r3_list_is_complete_and_sorted,
    r4_missing_names_are_not_found,
    r5_bad_names_are_refused_before_any_io,
    r6_threads_do_not_disturb_each_other,
    get_returns_what_put_stored,
    names_may_have_folders_blanks_and_accents,
    entries_tell_sizes_and_checksums,
    ranges_are_exact,
    empty_folders_can_be_removed,
    cold_objects_are_read_through_a_thaw_only,
)
"""Each wants an empty store."""

ABSENT: Final = r8_nothing_is_made_unasked
"""Wants a store that is not there yet."""

ALL: Final = (*CHECKS, ABSENT)
