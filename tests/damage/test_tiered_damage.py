"""Style tiered: damage x place x action.  Never wrong data with exit status 0.

The cache is lost in the first half, as it would hide the damage; in the second half
it is what is damaged, and hides nothing: the stores are the truth.
"""

import random
import shutil
from pathlib import Path

import pytest

from tests.crash.machine import PASSPHRASE, Machine, digests
from tests.crash.world import make_source
from tests.damage import faults
from tests.damage.faults import EARLIER, DamagedArchive, make_archive, right_so_far
from tiered.testing.tree import Seen, differences, snapshot

SIZE = 600_000
PLACES = {
    "volume 1 of full": "cold/*full*.vol1.*",
    "volume 2 of full": "cold/*full*.vol2.*",
    "volume 1 of inc": "cold/*inc*.vol1.*",
    "signatures of full": "hot/*full*.sigtar.*",
    "signatures of inc": "hot/*inc*.sigtar.*",
    "index of full": "hot/*full*.index*",
    "index of inc": "hot/*inc*.index*",
    "manifest of full": "hot/*full*.manifest.*",
    "manifest of inc": "hot/*inc*.manifest.*",
    "key of all": "hot/*-key.*",
    "key copy of all": "cold/*-keycopy.*",
}
BAD = {"archive-damaged", "object-corrupt", "object-not-found"}
DOUBT = {"listing-doubtful"}


def swap(path: Path) -> None:
    """What another object holds, of the size of this one."""
    size = path.stat().st_size
    kind = path.suffixes[-2:]
    others = sorted(path.parent.iterdir(), key=lambda p: p.suffixes[-2:] != kind)
    [other, *_] = [p for p in others if p != path]
    path.write_bytes(other.read_bytes()[:size].ljust(size, b"\0"))


DAMAGES = {**faults.DAMAGES, "swap": swap}
OPTIONS = {
    "encrypted": ("--scrypt-work-factor", "3"),
    "plain": ("--no-encryption",),
}
TRIED = {
    "encrypted": ("delete", "flip", "swap"),
    "plain": ("truncate", "flip", "replace", "empty"),
}
"""Elsewhere than in keys, which there are in one of them only."""
CASES = [
    (kind, place, damage)
    for kind, damages in TRIED.items()
    for place in PLACES
    for damage in (DAMAGES if "key" in place else damages)
    if kind == "encrypted" or "key" not in place
]


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Machine]:
    """For each kind of options a full in two volumes, an inc, and their trees."""
    made = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PASSPHRASE", PASSPHRASE)
        for kind, options in OPTIONS.items():
            root = tmp_path_factory.mktemp(kind) / "machine"
            made[kind] = make(
                Machine(root=root, options=("--style", "tiered", *options))
            )
    return made


def make(machine: Machine) -> Machine:
    noise = random.Random(4).randbytes(SIZE)

    def change(version: int) -> None:
        (machine.source / "noise").write_bytes(b"%d" % version + noise)

    return make_archive(machine, SIZE, change)


class Damaged(DamagedArchive):
    """One of style tiered."""

    def __init__(self, base: Machine, root: Path, place: str, damage: str) -> None:
        super().__init__(base, root, PLACES[place], DAMAGES[damage])
        self.what, _, self.which = place.partition(" of ")
        self.damage = damage
        plain = "--no-encryption" in base.options
        self.is_silent = (plain, self.what, damage) == (True, "manifest", "flip")
        """It may be a digit of a hash: a manifest in the clear has no checksum, but
        the BLAKE3 of each file stands in the index."""

    def is_right_or_refused(self, *words: str, tree: dict[bytes, Seen]) -> None:
        """Ranges that nobody needs may be damaged."""
        result, found = self.restore(*words)
        if result.status:
            assert result.code in BAD
            assert right_so_far(found, self.new, self.old)
        else:
            assert differences(tree, found) == []


@pytest.mark.parametrize(("kind", "place", "damage"), CASES)
def test_damage_in_a_store(
    bases: dict[str, Machine],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    place: str,
    damage: str,
) -> None:
    monkeypatch.setenv("PASSPHRASE", PASSPHRASE)
    case = Damaged(bases[kind], tmp_path / "machine", place, damage)
    check_newest(case)
    check_earlier(case)
    check_looks(case)
    check_inc(case)
    check_rebuild(bases[kind], case)


def check_newest(case: Damaged) -> None:
    if case.is_silent:
        case.is_right_or_refused(tree=case.new)
        return
    match case.what.split()[0], case.which, case.damage:
        case "signatures", _, _:
            case.is_restored(tree=case.new)
        case "key", _, damage:
            said = case.is_restored(tree=case.new).err
            is_seen = case.what == "key" and damage not in ("delete", "swap")
            assert ("a key object cannot be used" in said) == is_seen
        case "volume", _, "delete" | "empty":
            case.is_refused(codes=BAD)
        case "volume", _, _:
            case.is_right_or_refused(tree=case.new)
        case "manifest", "full", "delete":
            case.is_refused(codes=DOUBT)
        case "manifest", "inc", "delete":
            said = case.is_restored(tree=case.old).err  # it may be interrupted
            assert "is incomplete; this is the state of" in said
        case _:
            case.is_refused(codes=BAD)


def check_earlier(case: Damaged) -> None:
    match case.what.split()[0], case.which, case.damage:
        case _, "inc" | "all", _:
            case.is_restored(*EARLIER, tree=case.old)
        case "signatures", _, _:
            case.is_restored(*EARLIER, tree=case.old)
        case "volume", _, "delete" | "empty":
            case.is_refused(*EARLIER, codes=BAD)
        case what, _, _ if what == "volume" or case.is_silent:
            case.is_right_or_refused(*EARLIER, tree=case.old)
        case "manifest", _, "delete":
            case.is_refused(*EARLIER, codes=DOUBT)
        case _:
            case.is_refused(*EARLIER, codes=BAD)


def check_looks(case: Damaged) -> None:
    """status, list and cleanup say something true, and change nothing."""
    machine = case.machine
    before = digests(*machine.stores)
    for words in (("collection-status", "URL"), ("list-current-files", "URL")):
        shutil.rmtree(machine.cache, ignore_errors=True)
        result = machine.run(*words)
        if result.status:
            assert result.code in BAD | DOUBT
    doubtful = (case.what, case.which, case.damage) == ("manifest", "full", "delete")
    clean = machine.run("cleanup", "URL")
    assert clean.status == (32 if doubtful else 0), clean.err
    assert digests(*machine.stores) == before


def check_inc(case: Damaged) -> None:
    """An inc on top is right, or fails; what is damaged below is found later."""
    machine = case.machine.fork(case.machine.root.with_name("inc"))
    shutil.rmtree(machine.cache, ignore_errors=True)
    manifests = set(machine.root.glob("hot/*manifest*"))
    make_source(machine.source, 3, SIZE)
    result = machine.run("incremental", "SOURCE", "URL")
    assert list(machine.tmp.iterdir()) == []
    if result.status:
        assert result.code in BAD | DOUBT
        assert set(machine.root.glob("hot/*manifest*")) == manifests
        return
    target = machine.root / "on top"
    restored = machine.run("restore", "URL", target)
    if restored.status:
        assert case.what.startswith("volume") or case.is_silent
        assert restored.code in BAD
    else:
        assert differences(snapshot(machine.source), snapshot(target)) == []


def check_rebuild(base: Machine, case: Damaged) -> None:
    """All that is hot is made again from volumes, and nothing else is touched."""
    machine = case.machine
    volumes = digests(machine.root / "cold")
    shutil.rmtree(machine.cache, ignore_errors=True)
    result = machine.run("rebuild", "URL")
    if case.what.startswith("volume") or case.is_silent:
        return  # no set lost anything hot, as far as one can see
    result.succeeded()
    after = digests(machine.root / "cold")
    assert {p: d for p, d in after.items() if p in volumes} == volumes
    case.is_restored(tree=case.new)
    case.is_restored(*EARLIER, tree=case.old)
    if not case.what.startswith("key"):  # a backup makes the pair complete
        assert machine.objects() == base.objects()


@pytest.mark.parametrize(
    ("kind", "damage"),
    [("encrypted", "flip"), ("encrypted", "replace"), ("plain", "truncate")],
)
def test_damage_in_the_cache(
    bases: dict[str, Machine],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    damage: str,
) -> None:
    """Each file of it in turn: it costs time, no more."""
    monkeypatch.setenv("PASSPHRASE", PASSPHRASE)
    base = bases[kind]
    files = [p for p in base.cache.rglob("*") if p.is_file()]
    assert len(files) > 8
    for number, file in enumerate(files):
        if file.name.endswith("lock"):
            continue
        machine = base.fork(tmp_path / str(number))
        DAMAGES[damage](machine.cache / file.relative_to(base.cache))
        machine.run("list-current-files", "URL").succeeded()
        assert machine.restores() == []
        make_source(machine.source, 3, SIZE)
        machine.run("incremental", "SOURCE", "URL").succeeded()
        assert machine.restores(to="on top") == []
        shutil.rmtree(machine.root)
