"""scrub and repair over three folders: what is seen, made again, and said."""

from pathlib import Path

import pytest

from tests.crash.machine import Machine, digests
from tests.mirrors import (
    HARMS,
    KINDS,
    LABELS,
    PLACES,
    SLOW,
    Kind,
    Reads,
    another_cache,
    are_equal,
    check_mended,
    copies,
    cut,
    debts,
    document,
    find,
    flip,
    for_each_kind,
    for_each_quick_kind,
)
from tiered.store import Owed

CASES = [
    (kind, place)
    for kind in KINDS
    for place in PLACES[kind.style]
    if place != "key" and (kind != SLOW or place == "manifest")
]
for_each_case = pytest.mark.parametrize(("kind", "place"), CASES, ids=str)
for_each_encrypted_case = pytest.mark.parametrize(
    ("kind", "place"), [case for case in CASES if case[0].encrypted], ids=str
)


pytestmark = pytest.mark.usefixtures("key_at_hand")


@for_each_quick_kind
def test_equal_copies(made: dict[Kind, Machine], kind: Kind) -> None:
    result = made[kind].run("scrub", "URL", "--sample", "100%").succeeded()
    assert result.err == ""
    check_mended(made[kind])


@pytest.mark.parametrize("harm", HARMS)
@for_each_case
def test_one_copy_that_a_listing_shows(
    made: dict[Kind, Machine], tmp_path: Path, kind: Kind, place: str, harm: str
) -> None:
    machine = made[kind].fork(tmp_path / "machine")
    path = find(machine, "two", place)
    HARMS[harm](path)
    result = machine.run("scrub", "URL")
    assert (result.status, result.code) == (34, "copies-differ")
    word = {"lost": "missing", "shorter": "different"}[harm]
    assert f"{path.name}: {word} on two\n" in result.out
    result = machine.run("repair", "URL").succeeded()
    assert "made 1 copy on two\n" in result.out
    check_mended(machine)


@for_each_kind
def test_a_bit_that_flipped_is_found_by_reading_only(
    made: dict[Kind, Machine], tmp_path: Path, kind: Kind
) -> None:
    machine = made[kind].fork(tmp_path / "machine")
    path = find(machine, "three", "volume")
    flip(path)
    machine.run("scrub", "URL").succeeded()
    result = machine.run("scrub", "URL", "--sample", "100")
    assert (result.status, result.code) == (34, "copies-differ")
    assert f"damaged on three: {path.name}\n" in result.out
    [debt] = debts(machine)
    assert (debt.name, debt.label, debt.owed) == (path.name, "three", Owed.DAMAGED)
    # from then on everybody is told, also without reading
    another_cache(machine)
    assert machine.run("scrub", "URL").error == (
        "runs have kept debts that are not paid"
    )
    machine.run("repair", "URL").succeeded()
    check_mended(machine)


@pytest.mark.parametrize("share", ["0%", "20%"])
def test_a_sample_is_as_large_as_was_asked(
    plain: Machine, share: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    another_cache(plain)
    reads = Reads(monkeypatch)
    result = plain.run("scrub", "URL", "--sample", share, "--json").succeeded()
    total = sum(len(d) for held in copies(plain).values() for d in held.values())
    read = document(result).get("read_bytes", 0)
    assert isinstance(read, int)
    if share == "0%":
        assert reads.names == []
    else:
        assert 0.2 * total <= read < 0.2 * total + 1_100_000


def test_a_scrub_reads_no_object(
    plain: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = sorted((plain.root / "one").iterdir())
    for path, label in zip(paths, LABELS * 9, strict=False):
        HARMS[("lost", "shorter")[len(path.name) % 2]](plain.root / label / path.name)
    another_cache(plain)
    reads = Reads(monkeypatch)
    assert plain.run("scrub", "URL").status == 34
    assert plain.run("repair", "URL", "--dry-run").succeeded().out
    assert reads.names == []


@for_each_case
def test_most_copies_are_shorter_and_the_manifest_knows(
    made: dict[Kind, Machine], tmp_path: Path, kind: Kind, place: str
) -> None:
    """Two that agree would win by their number; here the one is right."""
    machine = made[kind].fork(tmp_path / "machine")
    before = copies(machine, "three")
    for label in ("one", "two"):
        cut(find(machine, label, place))
    assert "which is right is not known" in machine.run("scrub", "URL").out
    machine.run("repair", "URL").succeeded()
    assert copies(machine, "three") == before
    check_mended(machine)


def without_key(machine: Machine, patch: pytest.MonkeyPatch) -> None:
    patch.delenv("PASSPHRASE")
    another_cache(machine)


@for_each_encrypted_case
def test_two_against_one_without_the_key(
    made: dict[Kind, Machine],
    tmp_path: Path,
    kind: Kind,
    place: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Most decide, but never for less bytes."""
    machine = made[kind].fork(tmp_path / "machine")
    without_key(machine, monkeypatch)
    path = find(machine, "one", place)
    cut(path)
    result = machine.run("repair", "URL").succeeded()
    assert result.err.count("manifests cannot be read") == 1
    assert are_equal(machine)
    for label in ("one", "three"):
        cut(find(machine, label, place))
    before = copies(machine)
    result = machine.run("repair", "URL")
    assert (result.status, result.code) == (34, "copies-differ")
    assert "nothing tells which is right" in result.error
    assert copies(machine) == before


@for_each_encrypted_case
def test_one_against_one(
    made: dict[Kind, Machine],
    tmp_path: Path,
    kind: Kind,
    place: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the key it is known who is right; without, nothing is replaced."""
    machine = made[kind].fork(tmp_path / "machine")
    another_cache(machine)
    cut(find(machine, "one", place))
    find(machine, "two", place).unlink()
    before = copies(machine)
    with monkeypatch.context() as patch:
        without_key(machine, patch)
        result = machine.run("repair", "URL")
    assert (result.status, result.code) == (34, "copies-differ")
    assert f"not decided: {find(machine, 'one', place).name}" in result.out
    assert "passphrase" in result.err
    assert copies(machine) == before
    result = machine.run("repair", "URL").succeeded()
    assert "made 1 copy on one\nmade 1 copy on two\n" in result.out
    check_mended(machine)


def test_keys_that_differ_are_left_to_a_person(plain: Machine) -> None:
    """Of a key object no manifest tells."""
    cut(find(plain, "one", "key"))
    find(plain, "two", "key").unlink()
    before = copies(plain)
    result = plain.run("repair", "URL")
    assert result.status == 34
    assert "delete the copy that you know to be wrong" in result.err
    assert copies(plain) == before
    find(plain, "one", "key").unlink()
    plain.run("repair", "URL").succeeded()
    check_mended(plain)


@for_each_quick_kind
def test_every_copy_damaged_and_a_good_one_brought_back(
    made: dict[Kind, Machine], tmp_path: Path, kind: Kind
) -> None:
    machine = made[kind].fork(tmp_path / "machine")
    good = find(machine, "one", "volume").read_bytes()
    for label in LABELS:
        flip(find(machine, label, "volume"))
    assert machine.run("scrub", "URL", "--sample", "100").status == 34
    assert len(debts(machine)) == 3
    for _ in range(2):
        result = machine.run("repair", "URL")
        assert (result.status, result.code) == (34, "copies-differ")
        assert "every copy is damaged" in result.error
        assert "damaged: every copy of" in result.out
    assert machine.run("status", "URL").succeeded().out.count("  1  ") == 3
    find(machine, "two", "volume").write_bytes(good)
    machine.run("repair", "URL").succeeded()
    check_mended(machine)
    assert machine.restores() == []


def test_one_store_of_several(plain: Machine) -> None:
    for label in ("one", "two"):
        find(plain, label, "volume").unlink()
    result = plain.run("repair", "URL", "--store", "two").succeeded()
    assert "made 1 copy on two\n" in result.out
    assert not list((plain.root / "one").glob(PLACES["tiered"]["volume"]))
    plain.run("repair", "URL").succeeded()
    check_mended(plain)


def test_a_store_that_the_config_does_not_have(plain: Machine) -> None:
    for words in (("repair", "URL", "--store", "x"), ("add-store", "x", "URL")):
        result = plain.run(*words)
        assert (result.status, result.code) == (2, "config-invalid")
        assert "one, two, three" in result.err


def test_a_single_store_has_no_copies(plain: Machine) -> None:
    for action in ("scrub", "repair"):
        result = plain.run(action, f"file://{plain.root}/one")
        assert (result.status, result.code) == (2, "config-invalid")


def test_a_dry_run_changes_nothing(plain: Machine) -> None:
    find(plain, "one", "volume").unlink()
    cut(find(plain, "two", "manifest"))
    flip(find(plain, "three", "index"))
    plain.run("scrub", "URL", "--sample", "100")
    (plain.root / "four").mkdir()
    folders = [plain.root / name for name in (*LABELS, "four", "cache", "tmp")]
    before = digests(*folders)
    result = plain.run("repair", "URL", "--dry-run").succeeded()
    assert result.out.startswith("plan: 3 copies, ")
    assert "1 object for one, " in result.out
    for words in (
        ("add-store", "one", "URL"),
        ("drop-store", "one", "URL"),
        ("copy", "URL", f"file://{plain.root}/four"),
        ("copy", "URL", f"file://{plain.root}/five"),
    ):
        assert plain.run(*words, "--dry-run").succeeded().out
    assert digests(*folders) == before
    assert not (plain.root / "five").exists()
    shown = document(plain.run("repair", "URL", "--dry-run", "--json").succeeded())
    assert shown["copies"] == 3
    assert isinstance(shown["transfers"], list)
    assert {tuple(each["to"]) for each in shown["transfers"]} == {
        (label,) for label in LABELS
    }


def test_a_damaged_key_is_not_taken_for_damage_of_manifests(plain: Machine) -> None:
    """Nothing can be told without it: listings decide."""
    for label in LABELS:
        for path in (plain.root / label).glob("*_tiered-key*"):
            cut(path)
    lost = find(plain, "two", "manifest")
    lost.unlink()
    another_cache(plain)
    result = plain.run("repair", "URL").succeeded()
    assert "cannot be read, so copies are judged by size" in result.err
    assert lost.exists()
    assert debts(plain) == set()
