"""Fail at call 1, 2, 3 ... of each action, until it survives; check after each.

* a set that looks whole restores to exactly what was backed up
* a set that was whole before still is, unless it was to be deleted
* the next run, without faults, ends in a good set; cleanup removes what was
  left, and nothing else
* of keys: who was let in before still is, unless that was to end, and the same
  again ends what was begun
* no spool file is left, and the cache holds what the stores hold
"""

import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Literal

import pytest

from tests.crash.world import World, make_source, read_files
from tiered.archive.collection import collect
from tiered.archive.filename import SetId
from tiered.archive.style import Style
from tiered.engine.backup import Action
from tiered.engine.context import Context
from tiered.engine.inventory import Purpose, take_inventory
from tiered.engine.native.keyobjects import MAIN, KeyObjects
from tiered.engine.native.keyring import NewWay, passphrase_way
from tiered.engine.native.ways import add_way, init_keys, revoke_way, rotate_way
from tiered.errors import PassphraseError, Unavailable
from tiered.secret import Secret
from tiered.store import Store
from tiered.testing.faulty import Faulty
from tiered.testing.tree import differences, snapshot

When = Literal["before", "after"]
Run = Callable[[World, Context], object]
Paths = pytest.TempPathFactory
LONGEST_RUN = 60

OLD, NEW = "open sesame", "close sesame"
STYLES = (Style.DUPLICITY, Style.TIERED)

pytestmark = [
    pytest.mark.parametrize("when", ["before", "after"]),
    pytest.mark.parametrize("place", ["router", "hot", "cold"]),
]


@pytest.fixture(scope="module", params=STYLES, ids=lambda s: str(s.value))
def new(tmp_path_factory: Paths, request: pytest.FixtureRequest) -> World:
    """No backup yet."""
    style: Style = request.param
    world = World(
        root=tmp_path_factory.mktemp("new"),
        style=style,
        passphrase=OLD if style is Style.TIERED else "",
    )
    make_source(world.source, 1)
    return world


@pytest.fixture(scope="module")
def chain(new: World, tmp_path_factory: Paths) -> World:
    """A full and an inc, and changes since."""
    world = new.fork(tmp_path_factory.mktemp("chain") / "world")
    for version, action in ((2, Action.FULL), (3, Action.INC)):
        world.back_up(action)
        make_source(world.source, version)
    return world


@pytest.fixture(scope="module")
def tiered_chain(tmp_path_factory: Paths) -> World:
    """A full and an inc of style tiered, encrypted, and changes since."""
    world = World(
        root=tmp_path_factory.mktemp("tiered"), style=Style.TIERED, passphrase=OLD
    )
    for version in (1, 2):
        make_source(world.source, version)
        world.back_up(Action.AUTO)
    make_source(world.source, 3)
    return world


@pytest.fixture(scope="module")
def two_chains(chain: World, tmp_path_factory: Paths) -> World:
    """As `chain`, and a newer one."""
    world = chain.fork(tmp_path_factory.mktemp("two") / "world")
    world.back_up(Action.FULL)
    make_source(world.source, 4)
    return world


@pytest.fixture(scope="module")
def litter(two_chains: World, tmp_path_factory: Paths) -> World:
    """A chain, an inc whose full is gone, and a set that was interrupted here."""
    world = two_chains.fork(tmp_path_factory.mktemp("litter") / "world")
    full = world.collection().chains[0].sets[0]
    for name in full.objects:
        next(f for f in world.stores if (f / name.name).exists()).joinpath(
            name.name
        ).unlink()
        world.cache.forget(name.name)
    lost = world.context(members={"hot": lambda store: Faulty(store, 3, "before")})
    with pytest.raises(Unavailable):
        world.back_up(Action.FULL, lost)
    found = world.collection()
    assert len(found.orphans) == len(found.incomplete) == len(found.chains) == 1
    return world


def test_full(new: World, tmp_path: Path, place: str, when: When) -> None:
    def run(world: World, context: Context) -> None:
        world.back_up(Action.FULL, context)

    for world, target in faulty_runs(new, tmp_path, place, when, run):
        world.check_sets(target)
        check_next_run(world)


def test_inc(chain: World, tmp_path: Path, place: str, when: When) -> None:
    def run(world: World, context: Context) -> None:
        world.back_up(Action.INC, context)

    before = whole_sets(chain)
    for world, target in faulty_runs(chain, tmp_path, place, when, run):
        assert world.check_sets(target) >= before
        check_next_run(world)


def test_remove_older_than(
    two_chains: World, tmp_path: Path, place: str, when: When
) -> None:
    kept = {s.id for s in two_chains.collection().chains[-1].sets}
    for world, target in faulty_runs(
        two_chains, tmp_path, place, when, World.remove_old
    ):
        assert world.check_sets(target) >= kept
        check_next_run(world)


def test_cleanup(litter: World, tmp_path: Path, place: str, when: When) -> None:
    kept = {s.id for c in litter.collection().chains for s in c.sets}
    for world, target in faulty_runs(litter, tmp_path, place, when, World.clean_up):
        assert world.check_sets(target) >= kept
        world.clean_up()
        assert not world.collection().orphans
        check_next_run(world)


def test_restore(chain: World, tmp_path: Path, place: str, when: When) -> None:
    target = tmp_path / "half"
    end_s = chain.collection().chains[-1].end_s

    def run(world: World, context: Context) -> None:
        shutil.rmtree(world.root / "cache")
        target.mkdir(exist_ok=True)
        world.restore(target / world.root.name, end_s, context)

    before = read_files(*chain.stores)
    for world, whole in faulty_runs(chain, tmp_path, place, when, run):
        after = {Path(p).name: data for p, data in read_files(*world.stores).items()}
        assert after == {Path(p).name: data for p, data in before.items()}
        for path in (target / world.root.name).rglob("*"):
            if path.is_file() and not path.is_symlink():
                wanted = chain.trees[end_s][
                    bytes(path.relative_to(target / world.root.name))
                ]
                assert path.stat().st_size == wanted.size_bytes
        world.check_sets(whole)


def lost_hot_side(world: World) -> World:
    """Nothing but volumes and copies of keys is left, and no cache."""
    for path in (world.root / "hot").iterdir():
        path.unlink()
    shutil.rmtree(world.root / "cache")
    return world


def test_rebuild(tiered_chain: World, tmp_path: Path, place: str, when: When) -> None:
    before = whole_sets(tiered_chain)
    cold = read_files(tiered_chain.root / "cold").values()
    lost = lost_hot_side(tiered_chain.fork(tmp_path / "lost"))
    for world, target in faulty_runs(lost, tmp_path, place, when, World.rebuild):
        context = world.context()
        seen = collect(context.store.list(), context.namer)
        assert {s.id for s in seen.sets} <= before
        assert world.rebuild().failed == {}
        assert world.check_sets(target) == before
        assert [*read_files(world.root / "cold").values()] == [*cold]
        check_next_run(world)


def test_key_init(new: World, tmp_path: Path, place: str, when: When) -> None:
    if not new.passphrase:
        return  # style duplicity has no keys

    def run(world: World, context: Context) -> None:
        found = take_inventory(context, Purpose.ADD)
        init_keys(world.keyring(context), found, MAIN, way)

    for world, target in faulty_runs(new, tmp_path, place, when, run):
        check_next_run(world)
        check_keys(world, {MAIN: world.passphrase})
        assert len(world.check_sets(target)) == 1


def test_key_add(tiered_chain: World, tmp_path: Path, place: str, when: When) -> None:
    """Who was let in before still is; who is half let in can be let in again."""

    def run(world: World, context: Context) -> None:
        add_way(world.keyring(context), "other", new_way)

    before = {MAIN: tiered_chain.passphrase}
    for world, _ in faulty_runs(tiered_chain, tmp_path, place, when, run):
        assert opens(world, world.passphrase)
        keyring = world.keyring(world.context())
        if any(k.way == "other" for k in keyring.objects.listed()):
            rotate_way(keyring, "other", new_way)
        else:
            add_way(keyring, "other", new_way)
        check_next_run(world)
        check_keys(world, before | {"other": NEW})


def test_key_rotate(
    tiered_chain: World, tmp_path: Path, place: str, when: When
) -> None:
    def run(world: World, context: Context) -> None:
        rotate_way(world.keyring(context), MAIN, new_way)

    for world, _ in faulty_runs(tiered_chain, tmp_path, place, when, run):
        ways = [p for p in (world.passphrase, NEW) if opens(world, p)]
        assert ways
        keyring = world.keyring(world.context(), ways[0])
        rotate_way(keyring, MAIN, new_way)
        assert not opens(world, world.passphrase)
        check_keys(world, {MAIN: NEW})


def test_key_revoke(
    tiered_chain: World, tmp_path: Path, place: str, when: When
) -> None:
    def run(world: World, context: Context) -> None:
        revoke_way(KeyObjects(context), "other", force=False)

    base = tiered_chain.fork(tmp_path / "base")
    add_way(base.keyring(base.context()), "other", new_way)
    for world, _ in faulty_runs(base, tmp_path, place, when, run):
        objects = KeyObjects(world.context())
        if any(k.way == "other" for k in objects.listed()):
            revoke_way(objects, "other", force=False)
        assert not opens(world, NEW)
        check_next_run(world)
        check_keys(world, {MAIN: world.passphrase})


def way() -> NewWay:
    return passphrase_way(Secret(OLD), 4)


def new_way() -> NewWay:
    return passphrase_way(Secret(NEW), 4)


def opens(world: World, passphrase: str) -> bool:
    """Is the archive open to who knows this and nothing else?"""
    try:
        if world.passphrase:
            world.keyring(world.context(), passphrase).identity()
    except PassphraseError:
        return False
    return True


def check_keys(world: World, passphrases: dict[str, str]) -> None:
    """These are the ways in, each with its copy, and each opens the archive."""
    objects = KeyObjects(world.context())
    found = {k.way: 0 for k in objects.listed()}
    for key in objects.listed():
        found[key.way] += 1
    assert found == dict.fromkeys(passphrases, 2)
    assert all(opens(world, p) for p in passphrases.values())


def faulty_runs(
    base: World, folder: Path, place: str, when: When, run: Run
) -> Iterator[tuple[World, Path]]:
    """A world for each call that failed, and a place to restore to."""
    for at in count(1):
        assert at < LONGEST_RUN, "the run never ended"
        world = base.fork(folder / f"world{at}")
        faulty: list[Faulty] = []

        def wrap(store: Store, at: int = at, faulty: list[Faulty] = faulty) -> Store:
            faulty.append(Faulty(store, at, when))
            return faulty[0]

        if place == "router":
            context = world.context(wrap)
        else:
            context = world.context(members={place: wrap})
        try:
            run(world, context)
            failed = False
        except Unavailable:
            failed = True
        fired = faulty[0].fired
        assert fired or not failed, at
        world.check_scratch()
        if not world.cache.names() or opens(
            world, world.passphrase
        ):  # else it was changed by this run
            world.check_cache()
        yield world, folder / f"restored{at}"
        if not fired:
            return


def whole_sets(world: World) -> set[SetId]:
    return {s.id for s in world.collection().sets}


def check_next_run(world: World) -> None:
    """Without faults: a good set, nothing left over, nothing else gone."""
    set_id = world.back_up(Action.AUTO)
    whole = whole_sets(world)
    assert set_id in whole
    world.clean_up()
    found = world.collection()
    assert found.incomplete == ()
    assert whole_sets(world) == whole
    restored = world.restore(world.root / "restored", set_id.end_s)
    assert differences(snapshot(world.source), restored) == []
    world.check_scratch()
    world.check_cache()
    names = {p.name for folder in world.stores for p in folder.iterdir()}
    assert set(world.cache.names()) <= names
