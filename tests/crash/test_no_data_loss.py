"""The data loss of duplicity 3.2.1 cannot happen.

There, a hot store that is unreachable for one listing makes the next run delete
the volumes of the newest set and the whole cache.  Here every action, on stores
that are away, lying empty or failing once, ends with one message and its exit
status, and not a byte has changed, in no store and not in the cache.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.machine import Machine, digests
from tests.crash.world import World, make_source
from tiered.archive.kinds import Kind, kind_of
from tiered.backends.file import FileStore
from tiered.engine.backup import Action
from tiered.engine.inventory import Purpose, take_inventory
from tiered.engine.prune import plan_remove_older_than
from tiered.errors import ListingDoubtful, Unavailable
from tiered.store import Entry, Store
from tiered.testing.tree import differences, snapshot
from tiered.wrap.base import Wrapped

BACKUPS = (
    ("full", "SOURCE", "URL"),
    ("incremental", "SOURCE", "URL"),
    ("backup", "SOURCE", "URL"),
)
ACTIONS = (
    *BACKUPS,
    ("cleanup", "--force", "URL"),
    ("remove-older-than", "now", "--force", "URL"),
    ("restore", "URL", "TARGET"),
    ("list-current-files", "URL"),
    ("collection-status", "URL"),
)
for_each_action = pytest.mark.parametrize("words", ACTIONS, ids=lambda w: str(w[0]))
for_each_store = pytest.mark.parametrize("store", ["hot", "cold"])


@pytest.fixture(scope="module", params=["duplicity", "tiered"])
def chain(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Machine:
    """Two chains, a full with two incs and one that is new, a cache, a change."""
    machine = Machine(
        root=tmp_path_factory.mktemp("machine") / "chain",
        options=("--no-encryption", "--style", str(request.param)),
    )
    make_source(machine.source, 1)
    for version, action in enumerate(("full", "incremental", "incremental", "full"), 2):
        machine.run(action, "SOURCE", "URL", "--current-time", now(version)).succeeded()
        make_source(machine.source, version)
    return machine


def now(version: int) -> str:
    return str(1_790_000_000 + version * 100_000)


@pytest.fixture
def machine(chain: Machine, tmp_path: Path) -> Machine:
    return chain.fork(tmp_path / "machine")


def refuses(machine: Machine, words: tuple[str, ...]) -> tuple[int, str]:
    """Run it; it must fail and change nothing.  Returns exit status and code."""
    target = machine.root / "target"
    line = [str(target) if w == "TARGET" else w for w in words]
    before = digests(*machine.stores, machine.cache)
    result = machine.run(*line, "--num-retries", "1")
    assert digests(*machine.stores, machine.cache) == before
    assert list(machine.tmp.iterdir()) == []
    assert not target.exists()
    return result.status, result.code


def works_again(machine: Machine) -> None:
    machine.run("incremental", "SOURCE", "URL").succeeded()
    assert machine.restores() == []


def away(folder: Path) -> None:
    folder.rename(folder.with_suffix(".away"))


def back(folder: Path) -> None:
    if folder.is_dir():
        folder.rmdir()
    folder.unlink(missing_ok=True)
    folder.with_suffix(".away").rename(folder)


@for_each_action
@for_each_store
def test_a_store_that_is_away(
    machine: Machine, words: tuple[str, ...], store: str
) -> None:
    folder = machine.root / store
    away(folder)
    assert refuses(machine, words) == (26, "store-missing")
    back(folder)
    works_again(machine)


@for_each_action
@for_each_store
def test_a_file_where_a_store_should_be(
    machine: Machine, words: tuple[str, ...], store: str
) -> None:
    folder = machine.root / store
    away(folder)
    folder.write_text("not a folder")
    assert refuses(machine, words) == (26, "store-missing")
    back(folder)
    works_again(machine)


@for_each_action
@for_each_store
@pytest.mark.parametrize("cache", ["kept", "lost"])
def test_a_store_that_is_lying_empty(
    machine: Machine, words: tuple[str, ...], store: str, cache: str
) -> None:
    if cache == "lost":
        shutil.rmtree(machine.cache)
    folder = machine.root / store
    away(folder)
    folder.mkdir()
    refuses_in_doubt(machine, words)
    back(folder)
    works_again(machine)


def refuses_in_doubt(machine: Machine, words: tuple[str, ...]) -> None:
    """As `refuses`; but status shows what it sees before it says so, and the
    folder of the cache may be made.
    """
    machine.cache.mkdir(exist_ok=True)
    (machine.cache / "it" / "objects").mkdir(parents=True, exist_ok=True)
    assert refuses(machine, words) == (32, "listing-doubtful")


@for_each_action
@for_each_store
def test_a_store_that_fails_one_listing(
    machine: Machine,
    words: tuple[str, ...],
    store: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = FileStore.list
    calls: list[str] = []

    def flaky(self: FileStore, prefix: str = "") -> tuple[Entry, ...]:
        if self.label.endswith(store):
            calls.append(prefix)
            if len(calls) == 1:
                raise Unavailable(f"{self.label}: no answer", hint="Wait a little.")
        return real(self, prefix)

    monkeypatch.setattr(FileStore, "list", flaky)
    assert refuses(machine, words) == (23, "store-unavailable")
    works_again(machine)


@for_each_action
def test_both_stores_lying_empty(machine: Machine, words: tuple[str, ...]) -> None:
    for folder in machine.stores:
        away(folder)
        folder.mkdir()
    assert refuses(machine, words) == (32, "listing-doubtful")


@pytest.mark.parametrize("words", BACKUPS, ids=lambda w: str(w[0]))
@for_each_store
def test_a_store_that_is_away_and_the_cache_lost(
    machine: Machine, words: tuple[str, ...], store: str
) -> None:
    """As for a new archive its folder may be made; nothing is put there."""
    shutil.rmtree(machine.cache)
    folder = machine.root / store
    away(folder)
    others = [f for f in machine.stores if f != folder]
    before = digests(*others)
    result = machine.run(*words)
    assert (result.status, result.code) in (
        (26, "store-missing"),
        (32, "listing-doubtful"),
    )
    assert digests(*others) == before
    assert not folder.exists() or list(folder.iterdir()) == []
    back(folder)
    works_again(machine)


class TestAcceptLoss:
    """--accept-loss: what is listed is all there is."""

    def test_a_new_full_when_the_hot_store_is_lost(self, machine: Machine) -> None:
        volumes = {n for n in machine.objects() if kind_of(n) is Kind.ARCHIVE}
        empty(machine, "hot")
        for action in ("incremental", "remove-older-than"):
            words = ("now", "URL") if action != "incremental" else ("SOURCE", "URL")
            machine.run(action, *words, "--accept-loss")
        assert volumes == machine.objects()
        machine.run("backup", "SOURCE", "URL", "--accept-loss").succeeded()
        assert machine.objects() > volumes
        assert machine.restores() == []
        machine.run("incremental", "SOURCE", "URL").succeeded()

    def test_no_inc_on_nothing(self, machine: Machine) -> None:
        empty(machine, "hot")
        result = machine.run("incremental", "SOURCE", "URL", "--accept-loss")
        assert (result.status, result.code) == (12, "no-backup")

    def test_cleanup_keeps_volumes_that_may_be_of_another_machine(
        self, machine: Machine
    ) -> None:
        empty(machine, "hot")
        result = machine.run(
            "cleanup", "--force", "URL", "--accept-loss", "--current-time", now(5)
        ).succeeded()
        assert "kept full" in result.out

    def test_an_unreachable_store_is_not_a_loss(self, machine: Machine) -> None:
        away(machine.root / "hot")
        for words in ACTIONS:
            assert refuses(machine, (*words, "--accept-loss"))[0] == 26

    def test_a_new_full_when_the_cold_store_is_lost(self, machine: Machine) -> None:
        empty(machine, "cold")
        result = machine.run("incremental", "SOURCE", "URL", "--accept-loss")
        assert (result.status, result.code) == (30, "archive-damaged")
        machine.run("full", "SOURCE", "URL", "--accept-loss").succeeded()
        assert machine.restores() == []
        machine.run("incremental", "SOURCE", "URL").succeeded()

    def test_an_earlier_state_when_the_newest_manifest_is_lost(
        self, machine: Machine
    ) -> None:
        max((machine.root / "hot").glob("*full*.manifest*")).unlink()
        newest = ("restore", "URL", str(machine.root / "target"))
        assert refuses(machine, newest) == (32, "listing-doubtful")
        result = machine.run(*newest, "--accept-loss").succeeded()
        assert "is incomplete; this is the state of" in result.err


def empty(machine: Machine, store: str) -> None:
    shutil.rmtree(machine.root / store)
    (machine.root / store).mkdir()


class Late(Wrapped):
    """A store whose listing does not show some names yet."""

    hidden: Callable[[str], bool] = staticmethod(lambda name: False)

    def list(self, prefix: str = "") -> tuple[Entry, ...]:
        return tuple(e for e in super().list(prefix) if not self.hidden(e.name))


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(root=tmp_path / "world")
    make_source(world.source, 1)
    world.back_up(Action.FULL)
    make_source(world.source, 2)
    return world


def late(kind: Kind, times: int) -> Callable[[Store], Store]:
    """Hide the newest object of a kind."""

    def wrap(store: Store) -> Store:
        wrapper = Late(store)
        names = sorted(e.name for e in store.list() if kind_of(e.name) is kind)
        wrapper.hidden = lambda name: name in names[-times:]
        return wrapper

    return wrap


def test_cleanup_of_a_set_whose_manifest_is_not_listed_yet(world: World) -> None:
    """A run that was killed behind its last put, seen through a late listing."""
    set_id = world.back_up(Action.INC)
    world.cache.journal_add([str(set_id)])
    for name in world.cache.names():
        world.cache.forget(name)
    before = digests(*world.stores)
    context = world.context(members={"hot": late(Kind.MANIFEST, 1)})
    with pytest.raises(ListingDoubtful, match="not listed yet"):
        world.clean_up(context)
    assert digests(*world.stores) == before
    assert world.clean_up().sets == ()
    assert world.cache.journal() == ()


def test_a_listing_that_is_late_does_not_wipe_the_cache(world: World) -> None:
    before = digests(world.root / "cache")
    context = world.context(members={"hot": late(Kind.SIGNATURE, 1)})
    with pytest.raises(ListingDoubtful, match="not listed yet"):
        world.back_up(Action.INC, context)
    assert digests(world.root / "cache") == before


def test_a_second_run_in_the_same_second_waits(world: World) -> None:
    """It must not take the names of what the first one left."""
    path = next((world.root / "cold").iterdir())
    now_s = int(world.clock.time_s()) + 2
    stamp = world.context().namer.volume
    inc = next(iter(world.collection().chains[0].sets)).id
    left = stamp(type(inc)(now_s, inc.end_s), 1, ".gz")
    (world.root / "cold" / left).write_bytes(path.read_bytes())
    world.cache.journal_add([str(type(inc)(now_s, inc.end_s))])
    set_id = world.back_up(Action.INC)
    assert set_id.end_s == now_s + 1
    restored = world.restore(world.root / "restored", set_id.end_s)
    assert differences(snapshot(world.source), restored) == []


def test_the_newest_chain_is_never_too_old(world: World) -> None:
    inventory = take_inventory(world.context(), Purpose.DELETE)
    assert plan_remove_older_than(inventory, 1 << 40).sets == ()
