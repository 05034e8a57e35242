"""scrub, repair and their like where one store of a mirror is read-only."""

import json
import shutil
from dataclasses import replace

import pytest

from tests.crash.machine import Machine
from tests.mirrors import (
    STORES,
    another_cache,
    back_up,
    copies,
    debts,
    document,
    find,
    flip,
)

FIXED = "one"
OTHERS = ("two", "three")

pytestmark = pytest.mark.usefixtures("key_at_hand")


def fixed(machine: Machine, *labels: str) -> Machine:
    """The same, under a config that says so of one store, or of others."""
    stores = [
        {**store, "options": {"read_only": store["name"] in (labels or (FIXED,))}}
        for store in STORES
    ]
    return replace(machine, config=json.dumps(stores))


def back_up_again(machine: Machine) -> None:
    (machine.source / "newest").write_text("of the second inc")
    back_up(machine, 2)


def test_a_backup_leaves_it_as_it_is(plain: Machine) -> None:
    before = copies(plain, FIXED)
    machine = fixed(plain)
    back_up_again(machine)
    assert copies(machine, FIXED) == before
    assert debts(machine) == set()
    two, three = (copies(machine, label)[label] for label in OTHERS)
    assert two == three != before[FIXED]
    shown = document(machine.run("scrub", "URL", "--json").succeeded())
    assert shown["read_only"] == [FIXED]
    assert "one is read_only" in machine.run("scrub", "URL").out
    assert machine.run("repair", "URL").succeeded().out == (
        "no copy was missing or wrong\n"
    )
    assert copies(machine, FIXED) == before


def test_what_is_missing_elsewhere_is_copied_from_it(plain: Machine) -> None:
    machine = fixed(plain)
    lost = [find(machine, label, "volume") for label in OTHERS]
    for path in lost:
        path.unlink()
    assert machine.run("scrub", "URL").status == 34
    out = machine.run("repair", "URL").succeeded().out
    assert all(f"made 1 copy on {label}\n" in out for label in OTHERS)
    assert all(path.exists() for path in lost)


@pytest.mark.parametrize("sample", [(), ("--sample", "100%")])
def test_what_is_damaged_there_stays_so_and_is_said(
    plain: Machine, sample: tuple[str, ...]
) -> None:
    machine = fixed(plain)
    path = find(machine, FIXED, "volume")
    if sample:
        flip(path)
    else:
        path.write_bytes(path.read_bytes()[:-9])
    before = copies(machine)
    result = machine.run("scrub", "URL", *sample)
    assert (result.status, result.code) == (34, "copies-differ")
    assert path.name in result.out
    assert "on a store that is read_only" in result.err
    result = machine.run("repair", "URL").succeeded()
    if not sample:
        assert "1 object differs on one, and stay so: it is read_only" in result.err
        assert "what else is wrong stays as it is" in result.out
    assert copies(machine) == before
    assert debts(machine) == set()


def test_debts_of_it_end(plain: Machine) -> None:
    flip(find(plain, FIXED, "volume"))
    assert plain.run("scrub", "URL", "--sample", "100%").status == 34
    assert {debt.label for debt in debts(plain)} == {FIXED}
    machine = fixed(plain)
    assert "1 debt to forget" in machine.run("repair", "URL").succeeded().err
    assert debts(replace(machine, folders=OTHERS)) == set()
    machine.run("scrub", "URL").succeeded()  # what is kept on it alone is no debt


def test_deleted_sets_stay_deleted(plain: Machine) -> None:
    """Where they can be; to bring them back is asked for by name."""
    machine = fixed(plain)
    back_up(machine, 2)
    held = copies(machine, FIXED)
    for label in OTHERS:  # as remove-older-than leaves it
        for path in (machine.root / label).glob("*_tiered-*"):
            if path.name in held[FIXED] and "key" not in path.name:
                path.unlink()
    another_cache(machine)
    result = machine.run("scrub", "URL").succeeded()
    assert "which lies on read_only stores alone" in result.out
    before = copies(machine)
    result = machine.run("repair", "URL").succeeded()
    assert "which lies on read_only stores alone" in result.out
    assert copies(machine) == before
    machine.run("add-store", "two", "URL").succeeded()
    assert held[FIXED].keys() <= copies(machine, "two")["two"].keys()


def test_sets_that_all_others_lost_come_back(plain: Machine) -> None:
    machine = fixed(plain)
    held = copies(machine, FIXED)[FIXED]
    for label in OTHERS:
        for path in (machine.root / label).glob("*_tiered-*"):
            if path.name in held and "key" not in path.name:
                path.unlink()
    another_cache(machine)
    assert machine.run("scrub", "URL").status == 34
    machine.run("repair", "URL").succeeded()
    machine.run("scrub", "URL").succeeded()
    assert all(copies(machine, label)[label] == held for label in OTHERS)


def test_a_site_is_retired_from_it(plain: Machine) -> None:
    machine = fixed(plain)
    for label in OTHERS:
        shutil.rmtree(machine.root / label)
        (machine.root / label).mkdir()
    machine.run("drop-store", FIXED, "URL").succeeded()
    assert copies(machine, "two")["two"] == copies(machine, FIXED)[FIXED]


@pytest.mark.parametrize("words", [("add-store", FIXED, "URL"), ("repair", "URL")])
def test_copies_on_it_are_refused(plain: Machine, words: tuple[str, ...]) -> None:
    more = ("--store", FIXED) if words[0] == "repair" else ()
    result = fixed(plain).run(*words, *more)
    assert result.status == 2
    assert result.error == "one is read_only, so it gets no copies"


def test_the_last_store_that_can_be_written_does_not_leave(plain: Machine) -> None:
    machine = fixed(plain, "one", "three")
    result = machine.run("drop-store", "two", "URL")
    assert result.status == 2
    assert "can be written" in result.error
