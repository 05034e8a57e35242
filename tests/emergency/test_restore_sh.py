"""contrib/emergency/restore.sh brings back what every kind of member stands for."""

import os
import random
import stat
import subprocess
from pathlib import Path

import pytest

from tests.emergency.chain import (
    FIRST,
    FULL,
    PIECE,
    SECOND,
    Node,
    copy,
    delta,
    folder,
    gone,
    hard_link,
    same,
    symlink,
    write_set,
)
from tiered.archive.fileinfo import FileType
from tiered.archive.members import Role
from tiered.codec.age import X25519Identity
from tiered.codec.envelope import AgeEnvelope, Envelope, PlainEnvelope

SCRIPT = Path(__file__).parents[2] / "contrib/emergency/restore.sh"
State = dict[bytes, Node]

RANDOM = random.Random(5)
BIG = RANDOM.randbytes(3 * PIECE)
LONG = RANDOM.randbytes(2 * PIECE + 100)
FAR = b"d" * 120 + b"/" + b"\xff e" * 40


@pytest.fixture
def key() -> X25519Identity:
    return X25519Identity.generate(os.urandom)


@pytest.fixture
def sealed(key: X25519Identity) -> Envelope:
    return AgeEnvelope(lambda: [key.recipient], lambda: [key], os.urandom)


@pytest.fixture
def objects(tmp_path: Path) -> Path:
    found = tmp_path / "objects"
    found.mkdir()
    return found


def full_set() -> State:
    return {
        b"": folder(0o755),
        b"a": folder(0o700),
        b"a/big": Node(content=BIG),
        b"a/empty": Node(content=b""),
        b"a/long": Node(content=LONG, mode=0o400),
        b"a/name\n": Node(content=b"a line feed at the end"),
        b"a/to be renamed": Node(content=b"moves"),
        FAR.partition(b"/")[0]: folder(),
        FAR: Node(content=b"far"),
        b"becomes dir": Node(content=b"file"),
        b"becomes file": folder(),
        b"becomes file/x": folder(),
        b"becomes file/x/y": Node(content=b"y"),
        b"becomes file/z": symlink(b"x"),
        b"becomes same": Node(content=b"own"),
        b"becomes two": Node(content=b"grouped"),
        b"becomes two, other": hard_link(b"becomes two", b"grouped"),
        b"fifo": Node(type=FileType.FIFO),
        b"gone": folder(),
        b"gone/*": Node(content=b"star"),
        b"gone/.hidden": Node(content=b"hidden"),
        b"kept": Node(content=b"kept", xattrs=((b"user.a=b%", b"1"),)),
        b"kept link": hard_link(b"kept", b"kept"),
        b"long link": hard_link(b"a/long", LONG),
        b"symlink": symlink(b"a"),
        b"twin": same(b"kept", b"kept"),
        b"twin link": hard_link(b"twin", b"kept"),
        **{  # in whatever order they are found
            b"twin%d" % n: same(b"twin%d" % (n - 1) if n else b"twin", b"kept")
            for n in range(9)
        },
    }


def first_set(where: Path) -> State:
    bigger = BIG[:4000] + RANDOM.randbytes(2 * PIECE) + BIG[5000:]
    longer = b"in front" + LONG
    return {
        b"": folder(0o711),
        b"a/big": delta(BIG, bigger, where),
        b"a/long": delta(LONG, longer, where),
        b"a/name\n": Node(content=b"new"),
        b"a/renamed": copy(b"a/to be renamed", b"moves"),
        b"a/to be renamed": gone(),
        b"becomes dir": folder(),
        b"becomes dir/big": Node(content=BIG),
        b"becomes dir/copy": copy(b"becomes dir", b"file"),
        b"becomes file": copy(b"becomes file/x/y", b"y"),
        b"becomes file/x": gone(),
        b"becomes file/x/y": gone(),
        b"becomes file/z": gone(),
        b"becomes same": same(b"a/renamed", b"moves"),
        b"becomes two": copy(b"becomes two", b"grouped", mode=0o600),
        b"becomes two, other": copy(b"becomes two", b"grouped"),
        b"fifo": gone(),
        b"gone": gone(),
        b"gone/*": gone(),
        b"gone/.hidden": gone(),
        b"kept": Node(content=b"not kept"),
        b"kept link": copy(b"kept", b"kept"),
        b"long link": hard_link(b"a/long", longer),
        b"old name": copy(b"a/name\n", b"a line feed at the end"),
        b"symlink": folder(),
        b"symlink/x": copy(b"kept", b"kept"),
        b"twin": same(b"kept", b"not kept"),
        b"twin link": hard_link(b"twin", b"not kept"),
    }


def second_set() -> State:
    return {
        b"becomes dir": Node(content=BIG[:-1]),
        b"becomes dir/big": gone(),
        b"becomes dir/copy": gone(),
        b"symlink": symlink(b"/nowhere"),
        b"symlink/x": gone(),
    }


def after(state: State, changes: State) -> State:
    merged = state | changes
    return {path: n for path, n in merged.items() if n.role is not Role.DELETED}


def restore(
    tmp_path: Path, key: X25519Identity | None, *words: str
) -> subprocess.CompletedProcess[str]:
    identity = tmp_path / "key.txt"
    if key:
        identity.write_text(key.export().reveal() + "\n")
    given = identity if key else Path("-")
    folders = (given, tmp_path / "objects", tmp_path / "target")
    call = [str(SCRIPT), *map(str, folders), *words]
    return subprocess.run(call, capture_output=True, text=True, check=False)


def compare(root: Path, expected: State) -> None:
    paths = {b"": root}
    for path in root.rglob("*"):
        paths[os.fsencode(path.relative_to(root))] = path
    assert set(paths) == set(expected)
    for name, node in expected.items():
        _compare_one(paths[name], node)
        if node.type is FileType.HARDLINK:
            assert paths[name].samefile(paths[node.link])


def _compare_one(path: Path, node: Node) -> None:
    found = path.lstat()
    kinds = {
        FileType.DIRECTORY: stat.S_IFDIR,
        FileType.SYMLINK: stat.S_IFLNK,
        FileType.FIFO: stat.S_IFIFO,
    }
    assert stat.S_IFMT(found.st_mode) == kinds.get(node.type, stat.S_IFREG), path
    if node.type is FileType.SYMLINK:
        assert os.fsencode(path.readlink()) == node.link
        return
    if node.type in (FileType.REGULAR, FileType.HARDLINK):
        assert path.read_bytes() == node.content, path
    if node.type is not FileType.HARDLINK:
        assert stat.S_IMODE(found.st_mode) == node.mode, path
    if node.type is FileType.REGULAR:
        assert int(found.st_mtime) == node.mtime_s, path
        xattrs = {
            os.fsencode(key): os.getxattr(path, key) for key in os.listxattr(path)
        }
        assert xattrs == dict(node.xattrs), path
    if os.geteuid() == 0:
        assert (found.st_uid, found.st_gid) == (4321, 1234), path


@pytest.mark.parametrize(
    ("until", "sets"), [("20231114T221320Z", 1), ("20231114T221501Z", 2), (None, 3)]
)
def test_each_state_of_a_chain_comes_back(
    until: str | None,
    sets: int,
    tmp_path: Path,
    objects: Path,
    key: X25519Identity,
    sealed: Envelope,
) -> None:
    states = [full_set(), first_set(tmp_path), second_set()]
    for set_id, members, cuts in zip(
        (FULL, FIRST, SECOND), states, (2, 1, 0), strict=True
    ):
        write_set(objects, set_id, members, sealed, cuts)
    (objects / "tiered-full.20231114T221320Z.index.age").write_bytes(b"not a volume")
    done = restore(tmp_path, key, *([until] if until else []))
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == sets
    expected: State = {}
    for changes in states[:sets]:
        expected = after(expected, changes)
    compare(tmp_path / "target/snapshot", expected)
    assert [p.name for p in (tmp_path / "target").iterdir()] == ["snapshot"]


def test_an_archive_without_encryption_comes_back(
    tmp_path: Path, objects: Path
) -> None:
    write_set(objects, FULL, full_set(), PlainEnvelope())
    assert restore(tmp_path, None).returncode == 0
    compare(tmp_path / "target/snapshot", full_set())


def test_it_can_be_read_in_one_sitting() -> None:
    assert len(SCRIPT.read_text().splitlines()) <= 100


def test_with_a_key_nothing_in_the_clear_is_believed(
    tmp_path: Path, objects: Path, key: X25519Identity, sealed: Envelope
) -> None:
    write_set(objects, FULL, full_set(), sealed)
    write_set(objects, FIRST, first_set(tmp_path), PlainEnvelope())
    done = restore(tmp_path, key)
    assert (done.returncode, done.stdout) == (0, "full.20231114T221320Z\n")
    compare(tmp_path / "target/snapshot", full_set())


def test_another_key_and_damage_are_told(
    tmp_path: Path, objects: Path, key: X25519Identity, sealed: Envelope
) -> None:
    write_set(objects, FULL, full_set(), sealed, cuts=1)
    write_set(objects, FIRST, first_set(tmp_path), sealed)
    done = restore(tmp_path, X25519Identity.generate(os.urandom))
    assert done.returncode == 1
    assert "cannot be read" in done.stderr
    (tmp_path / "target").rename(tmp_path / "with another key")
    volume = objects / "tiered-inc.20231114T221320Z.to.20231114T221500Z.vol1"
    volume = volume.with_name(volume.name + ".difftar.zst.age")
    data = volume.read_bytes()
    volume.write_bytes(data[:-700] + bytes([data[-700] ^ 1]) + data[-699:])
    done = restore(tmp_path, key)
    assert done.returncode == 1
    assert done.stdout == "full.20231114T221320Z\n"
    compare(tmp_path / "target/snapshot", full_set())


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_missing_volume_is_told(
    number: int, tmp_path: Path, objects: Path, key: X25519Identity, sealed: Envelope
) -> None:
    write_set(objects, FULL, full_set(), sealed, cuts=2)
    (objects / f"tiered-full.20231114T221320Z.vol{number}.difftar.zst.age").unlink()
    done = restore(tmp_path, key)
    assert done.returncode == 1
    assert "restore.sh: " in done.stderr
    assert done.stdout == ""


def test_a_target_that_is_there_is_not_touched(
    tmp_path: Path, objects: Path, key: X25519Identity, sealed: Envelope
) -> None:
    write_set(objects, FULL, full_set(), sealed)
    (tmp_path / "target").mkdir()
    assert restore(tmp_path, key).returncode != 0
    assert not any((tmp_path / "target").iterdir())
