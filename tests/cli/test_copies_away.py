"""scrub and repair when a store is away, when sets are deleted or being written."""

import shutil
from pathlib import Path

import pytest

from tests.crash.machine import Machine
from tests.mirrors import (
    LABELS,
    Kind,
    another_cache,
    back_up,
    check_mended,
    copies,
    debts,
    find,
    for_each_quick_kind,
    mirror,
)
from tiered.backends.file import FileStore
from tiered.errors import Unavailable

pytestmark = pytest.mark.usefixtures("key_at_hand")


@for_each_quick_kind
def test_a_store_that_was_away(tmp_path: Path, kind: Kind) -> None:
    """What it missed is owed, seen by another machine, and paid from there."""
    machine = mirror(tmp_path / "machine", kind)
    back_up(machine, 0)
    (machine.root / "two").rename(machine.root / "away")
    (machine.source / "new").write_text("new")
    result = back_up(machine, 1)
    assert "Run `tiered repair` when it is back." in result.err
    (machine.root / "away").rename(machine.root / "two")
    another_cache(machine)
    count = {"duplicity": 3, "tiered": 4}[kind.style]
    assert {debt.label for debt in debts(machine)} == {"two"}
    assert len(debts(machine)) == count
    [line] = [x for x in machine.run("status", "URL").out.splitlines() if "two " in x]
    assert line.split()[4] == str(count)
    result = machine.run("repair", "URL").succeeded()
    assert f"made {count} copies on two\n" in result.out
    check_mended(machine)
    assert "owes" in machine.run("status", "URL").out


class TestDown:
    """A store that does not answer."""

    def test_the_others_are_repaired(self, plain: Machine) -> None:
        path = find(plain, "one", "volume")
        path.unlink()
        (plain.root / "three").rename(plain.root / "away")
        result = plain.run("scrub", "URL")
        assert (result.status, result.code) == (26, "store-missing")
        assert f"{path.name}: missing on one\n" in result.out
        assert "three  does not answer" in result.out
        result = plain.run("repair", "URL")
        assert (result.status, result.code) == (26, "store-missing")
        assert "made 1 copy on one\n" in result.out
        assert "three is left out: " in result.err
        assert path.exists()
        (plain.root / "away").rename(plain.root / "three")
        check_mended(plain)

    def test_all_of_them(self, plain: Machine) -> None:
        for label in LABELS:
            (plain.root / label).rename(plain.root / f"{label}.away")
        for action in ("scrub", "repair"):
            result = plain.run(action, "URL")
            assert (result.status, result.code) == (26, "store-missing")

    def test_the_one_that_is_to_be_repaired(self, plain: Machine) -> None:
        find(plain, "one", "volume").unlink()
        (plain.root / "three").rename(plain.root / "away")
        before = copies(plain, "one", "two")
        result = plain.run("repair", "URL", "--store", "three")
        assert (result.status, result.code) == (26, "store-missing")
        assert copies(plain, "one", "two") == before

    def test_what_nobody_else_lists_is_still_owed(self, plain: Machine) -> None:
        """The only copies are on the store that is down: no debt of them ends."""
        for label in ("one", "two"):
            (plain.root / label).rename(plain.root / f"{label}.away")
        (plain.source / "other").write_text("other")
        back_up(plain, 2)
        for label in ("one", "two"):
            (plain.root / f"{label}.away").rename(plain.root / label)
        assert len(debts(plain)) == 8
        [kept] = (plain.root / "three").glob("*debts*")
        shutil.copy(kept, plain.root / "one")
        (plain.root / "three").rename(plain.root / "three.away")
        assert plain.run("repair", "URL").status == 26
        assert len(debts(plain)) == 8
        (plain.root / "three.away").rename(plain.root / "three")
        plain.run("repair", "URL").succeeded()
        check_mended(plain)


class TestDeleted:
    """Sets that were deleted do not come back."""

    def test_nor_do_their_debts_stay(self, plain: Machine) -> None:
        (plain.root / "two").rename(plain.root / "away")
        (plain.source / "more").write_text("more")
        back_up(plain, 2)
        (plain.root / "away").rename(plain.root / "two")
        assert debts(plain)
        now_s = ("--current-time", str(1_790_000_100))
        plain.run("full", "SOURCE", "URL", *now_s).succeeded()
        words = ("remove-older-than", "now", "URL", "--force", *now_s)
        plain.run(*words).succeeded()
        assert debts(plain)
        status = plain.run("status", "URL").succeeded()
        [line] = [x for x in status.out.splitlines() if x.startswith("two ")]
        assert len(line.split()) == 4  # no debts of what is gone
        before = copies(plain)
        result = plain.run("repair", "URL").succeeded()
        assert "debts to forget" in result.err
        assert copies(plain) == before
        check_mended(plain)

    def test_a_deletion_that_was_cut_short(
        self, plain: Machine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What this machine began to delete it does not bring back."""
        now_s = ("--current-time", str(1_790_000_100))
        plain.run("full", "SOURCE", "URL", *now_s).succeeded()
        real = FileStore.delete

        def delete(store: FileStore, name: str) -> None:
            if store.label.endswith("three"):
                raise Unavailable("three is down")
            real(store, name)

        with monkeypatch.context() as patch:
            patch.setattr(FileStore, "delete", delete)
            words = ("remove-older-than", "now", "URL", "--force", *now_s)
            result = plain.run(*words, "--num-retries", "1")
        assert result.status == 23
        before = copies(plain)
        assert len(before["one"]) == len(before["three"]) - 1
        result = plain.run("repair", "URL").succeeded()
        assert "left as it is: inc " in result.out
        assert copies(plain) == before
        plain.run(*words).succeeded()
        check_mended(plain)


def test_a_set_that_is_being_written_is_left_alone(plain: Machine) -> None:
    """Its writer would not get the names that a repair takes."""
    for label in LABELS:
        for path in (plain.root / label).glob("hot_*inc*manifest*"):
            path.unlink()
    for path in (plain.root / "two").glob("cold_*inc*vol1*"):
        path.unlink()
    another_cache(plain)
    before = copies(plain)
    result = plain.run("scrub", "URL").succeeded()
    assert "left as it is: inc " in result.out
    assert plain.run("repair", "URL").succeeded().out.startswith("left as it is: inc ")
    assert copies(plain) == before


def test_a_store_that_left_the_config_owes_nothing(plain: Machine) -> None:
    (plain.root / "two").rename(plain.root / "away")
    (plain.source / "more").write_text("more")
    back_up(plain, 2)
    two = '{"url": "file://%(root)s/two", "name": "two"}, '
    assert two in plain.config
    smaller = Machine(
        root=plain.root,
        config=plain.config.replace(two, ""),
        query=plain.query,
        options=plain.options,
        folders=("one", "three"),
    )
    result = smaller.run("status", "URL").succeeded()
    assert "debts of stores that the config has no more: two" in result.out
    smaller.run("repair", "URL").succeeded()
    check_mended(smaller)
    assert "no more" not in smaller.run("status", "URL").succeeded().out
