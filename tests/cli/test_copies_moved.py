"""copy, add-store and drop-store: an archive comes to other stores, all of it."""

import json
from pathlib import Path

import pytest

from tests.crash.machine import Machine, digests
from tests.mirrors import (
    LABELS,
    TIERED,
    Kind,
    are_equal,
    back_up,
    backed_up,
    check_mended,
    copies,
    cut,
    debts,
    find,
    flip,
    for_each_quick_kind,
    mirror,
)
from tiered.backends.file import FileStore
from tiered.store import PutMode, Source
from tiered.testing.tree import differences, snapshot

pytestmark = pytest.mark.usefixtures("key_at_hand")
HOT_COLD = [
    {"url": "file://%(root)s/hot", "name": "hot", "tier": "hot"},
    {"url": "file://%(root)s/cold", "name": "cold", "tier": "cold"},
]


def restores(machine: Machine, url: str, to: str) -> list[str]:
    """Restore from anywhere, without the cache of the archive."""
    target = machine.root / to
    words = ("restore", url, target, "--archive-dir", machine.root / f"{to}.cache")
    machine.run(*words).succeeded()
    return differences(snapshot(machine.source), snapshot(target))


def with_config(
    machine: Machine, config: object, mode: str = "mirror", name: str = "other"
) -> Machine:
    """The same machine, with another config beside its own."""
    file = machine.root / f"{name}.json"
    file.write_text(json.dumps(config) % {"root": machine.root})
    folders = [str(each["name"]) for each in config] if isinstance(config, list) else []
    for folder in folders:
        (machine.root / folder).mkdir(exist_ok=True)
    return Machine(
        root=machine.root,
        config=json.dumps(config),
        query=f"mode={mode}&onfail=continue",
        options=machine.options,
        folders=tuple(folders),
        env=machine.env,
    )


def stores(*labels: str) -> list[dict[str, str]]:
    return [{"url": f"file://%(root)s/{label}", "name": label} for label in labels]


class TestCopy:
    @for_each_quick_kind
    def test_a_mirror_to_a_folder(
        self, made: dict[Kind, Machine], tmp_path: Path, kind: Kind
    ) -> None:
        machine = made[kind].fork(tmp_path / "machine")
        url = f"file://{machine.root}/four"
        result = machine.run("copy", "URL", url).succeeded()
        assert "copies on file://" in result.out
        assert copies(machine, "four")["four"] == copies(machine, "one")["one"]
        assert restores(machine, url, "restored") == []
        result = machine.run("copy", "URL", url).succeeded()
        assert result.out == f"{url} has all of the archive\n"

    def test_a_folder_to_a_stripe_and_back(self, plain: Machine) -> None:
        folder = f"file://{plain.root}/one"
        stripe = plain.root / "stripe.json"
        stripe.write_text(json.dumps(stores("a", "b", "c")) % {"root": plain.root})
        url = f"multi://{stripe}?mode=stripe"
        plain.run("copy", folder, url).succeeded()
        parts = copies(plain, "a", "b", "c").values()
        assert all(parts)
        whole = {name: data for part in parts for name, data in part.items()}
        assert len(whole) == sum(map(len, parts))
        assert whole == copies(plain, "one")["one"]
        assert restores(plain, url, "restored") == []
        plain.run("copy", url, f"file://{plain.root}/back").succeeded()
        assert copies(plain, "back")["back"] == whole

    def test_hot_and_cold_to_a_folder(self, tmp_path: Path) -> None:
        """A router whose stores hold different kinds of objects."""
        config = json.dumps(HOT_COLD)
        machine = backed_up(
            mirror(tmp_path / "machine", TIERED, config, ("hot", "cold"))
        )
        url = f"file://{machine.root}/all"
        machine.run("copy", "URL", url).succeeded()
        assert restores(machine, url, "restored") == []

    def test_a_router_to_another(self, plain: Machine) -> None:
        other = plain.root / "tiers.json"
        other.write_text(json.dumps(HOT_COLD) % {"root": plain.root})
        url = f"multi://{other}?mode=mirror"
        plain.run("copy", "URL", url).succeeded()
        held = copies(plain, "hot", "cold")
        assert all("vol" in n or "keycopy" in n for n in held["cold"])
        assert not any("vol" in name for name in held["hot"])
        assert restores(plain, url, "restored") == []

    def test_what_is_new_follows(self, plain: Machine) -> None:
        url = f"file://{plain.root}/four"
        plain.run("copy", "URL", url).succeeded()
        (plain.source / "more").write_text("more")
        back_up(plain, 2)
        result = plain.run("copy", "URL", url).succeeded()
        assert "made 4 copies on " in result.out
        assert restores(plain, url, "restored") == []

    def test_the_manifest_is_the_last_of_its_set(
        self, plain: Machine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put, order = FileStore.put, list[str]()

        def noted(store: FileStore, name: str, source: Source, mode: PutMode) -> None:
            put(store, name, source, mode)
            order.append(name)

        monkeypatch.setattr(FileStore, "put", noted)
        plain.run("copy", "URL", f"file://{plain.root}/four").succeeded()
        kinds = ["manifest" in name for name in order]
        assert sorted(kinds) == kinds
        assert sum(kinds) == 2

    def test_a_damaged_copy_is_passed_over(self, plain: Machine) -> None:
        """It is read from the next store, and owed by the first."""
        good = copies(plain, "three")["three"]
        flip(find(plain, "one", "volume"))
        cut(find(plain, "one", "index"))
        url = f"file://{plain.root}/four"
        plain.run("copy", "URL", url).succeeded()
        assert copies(plain, "four")["four"] == good
        assert {debt.label for debt in debts(plain)} == {"one"}
        plain.run("repair", "URL").succeeded()
        check_mended(plain)

    def test_what_is_damaged_everywhere_keeps_the_manifest_back(
        self, plain: Machine
    ) -> None:
        for label in LABELS:
            flip(find(plain, label, "volume"))
        url = f"file://{plain.root}/four"
        result = plain.run("copy", "URL", url)
        assert (result.status, result.code) == (34, "copies-differ")
        assert "its set is not whole there" in result.out
        names = copies(plain, "four")["four"]
        assert sum("manifest" in name for name in names) == 1  # of the inc

    def test_a_store_of_the_source_is_down(self, plain: Machine) -> None:
        (plain.root / "one").rename(plain.root / "away")
        url = f"file://{plain.root}/four"
        result = plain.run("copy", "URL", url)
        assert (result.status, result.code) == (26, "store-missing")
        assert copies(plain, "four")["four"] == copies(plain, "two")["two"]

    def test_into_one_of_its_own_stores(self, plain: Machine) -> None:
        result = plain.run("copy", "URL", f"file://{plain.root}/one")
        assert (result.status, result.code) == (2, "config-invalid")

    @pytest.mark.parametrize("year", ["2026", "2025"])
    @for_each_quick_kind
    def test_a_target_with_another_archive(
        self, made: dict[Kind, Machine], tmp_path: Path, kind: Kind, year: str
    ) -> None:
        """Of the same second, or of another year; with a key of the same name."""
        machine = made[kind].fork(tmp_path / "machine")
        other = mirror(tmp_path / "other", kind, json.dumps(stores("four")), ["four"])
        (other.source / "noise").write_text("another source")
        back_up(other, 0)
        for path in (other.root / "four").iterdir():
            path.rename(path.with_name(path.name.replace("2026", year)))
        before = digests(other.root / "four")
        result = machine.run("copy", "URL", f"file://{other.root}/four")
        assert (result.status, result.code) == (34, "copies-differ")
        assert "Nothing was copied" in result.err
        assert digests(other.root / "four") == before

    def test_a_target_with_nothing_but_another_key(self, plain: Machine) -> None:
        other = mirror(plain.root / "o", TIERED, json.dumps(stores("four")), ["four"])
        other.run("key", "init", "URL").succeeded()
        before = digests(other.root / "four")
        result = plain.run("copy", "URL", f"file://{other.root}/four")
        assert (result.status, result.code) == (34, "copies-differ")
        assert digests(other.root / "four") == before

    def test_a_target_with_sets_that_were_deleted_here(self, plain: Machine) -> None:
        """The key tells that it is the same archive."""
        url = f"file://{plain.root}/four"
        plain.run("copy", "URL", url).succeeded()
        now_s = ("--current-time", "1790000100")
        plain.run("full", "SOURCE", "URL", *now_s).succeeded()
        words = ("remove-older-than", "now", "URL", "--force", *now_s)
        plain.run(*words).succeeded()
        result = plain.run("copy", "URL", url).succeeded()
        assert "objects that the archive has no more" in result.err
        assert restores(plain, url, "restored") == []


class TestAddStore:
    def test_a_folder_that_is_not_there(self, plain: Machine) -> None:
        larger = with_config(plain, stores(*LABELS, "four"))
        (plain.root / "four").rmdir()
        result = larger.run("scrub", "URL")
        assert (result.status, result.code) == (26, "store-missing")
        result = larger.run("add-store", "four", "URL", "--dry-run").succeeded()
        assert "objects for four" in result.out
        assert not (plain.root / "four").exists()
        larger.run("add-store", "four", "URL").succeeded()
        check_mended(larger)

    def test_the_other_stores_are_left_alone(self, plain: Machine) -> None:
        larger = with_config(plain, stores(*LABELS, "four"))
        lost = find(plain, "one", "volume")
        lost.unlink()
        larger.run("add-store", "four", "URL").succeeded()
        assert not lost.exists()
        assert copies(larger, "four")["four"] == copies(larger, "two")["two"]


class TestDropStore:
    def test_of_a_mirror(self, plain: Machine) -> None:
        """What only this one has goes to the others."""
        for label in ("two", "three"):
            find(plain, label, "volume").unlink()
        before = digests(plain.root / "one")
        result = plain.run("drop-store", "one", "URL").succeeded()
        assert "take it out of the config" in result.err
        assert digests(plain.root / "one") == before
        smaller = with_config(plain, stores("two", "three"))
        (plain.root / "one").rename(plain.root / "gone")
        check_mended(smaller)
        assert smaller.restores() == []

    @for_each_quick_kind
    def test_of_a_stripe(self, tmp_path: Path, kind: Kind) -> None:
        machine = mirror(tmp_path / "machine", kind)
        stripe = with_config(machine, stores(*LABELS), "stripe")
        backed_up(stripe)
        assert not are_equal(stripe)
        before = digests(stripe.root / "two")
        stripe.run("drop-store", "two", "URL").succeeded()
        assert digests(stripe.root / "two") == before
        (stripe.root / "two").rename(stripe.root / "gone")
        smaller = with_config(machine, stores("one", "three"), "stripe")
        assert smaller.restores() == []
        result = smaller.run("repair", "URL").succeeded()
        assert result.out == "no copy was missing or wrong\n"

    def test_the_only_hot_one(self, tmp_path: Path) -> None:
        config = [{**each, "url": f"cold+{each['url']}"} for each in HOT_COLD[1:]]
        machine = mirror(
            tmp_path / "m", TIERED, json.dumps([HOT_COLD[0], *config]), ("hot", "cold")
        )
        backed_up(machine)
        result = machine.run("drop-store", "hot", "URL")
        assert (result.status, result.code) == (2, "config-invalid")
        assert "no hot store for manifests" in result.error

    def test_the_only_one(self, tmp_path: Path) -> None:
        machine = mirror(tmp_path / "m", TIERED, json.dumps(stores("a")), ["a"])
        back_up(machine, 0)
        result = machine.run("drop-store", "a", "URL")
        assert (result.status, result.code) == (2, "config-invalid")

    def test_the_only_one_of_a_route(self, tmp_path: Path) -> None:
        route = {"name": "keys", "match": {"types": ["key"]}, "stores": ["a"]}
        config = {"stores": stores("a", "b"), "routes": [route], "mode": "mirror"}
        machine = Machine(
            root=tmp_path / "m",
            config=json.dumps(config),
            query="onfail=continue",
            options=TIERED.options,
            folders=("a", "b"),
        )
        result = machine.run("drop-store", "a", "URL")
        assert (result.status, result.code) == (2, "config-invalid")
        assert "routes" in result.error
