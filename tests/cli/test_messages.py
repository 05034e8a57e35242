"""What people see when something is wrong, through the real program.

Three lines, and nothing else: what happened, what to do, where it is explained
with the exit status.  No traceback, and no secret, however much is asked to be
shown.
"""

import fcntl
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.crash.machine import PASSPHRASE, PROGRAM, Machine, Result
from tests.crash.world import make_source
from tiered.archive.style import Style
from tiered.rsync import library

PASSWORD = "hunter-two-hundred"
QUICK = ("--scrypt-work-factor", "3")


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Style], Machine]:
    """One encrypted full of each style, made when a test needs it."""

    @cache
    def make(style: Style) -> Machine:
        root = tmp_path_factory.mktemp(style.value) / "machine"
        env = {"PASSPHRASE": PASSPHRASE}
        machine = Machine(root=root, options=QUICK, env=env)
        make_source(machine.source, 1)
        words = ("full", "SOURCE", "URL", f"--style={style.value}")
        machine.call(*words).succeeded()
        return machine

    return make


@pytest.fixture(params=Style, ids=lambda style: style.value)
def machine(
    archives: Callable[[Style], Machine],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Machine:
    return archives(request.param).fork(tmp_path / "machine")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A command line, and what must be said."""

    words: tuple[str, ...]
    status: int
    code: str
    error: str
    """Regular expression that the whole message must match."""
    hint: str
    """Text in one of the hints."""
    env: tuple[tuple[str, str], ...] = (("PASSPHRASE", PASSPHRASE),)
    arrange: Callable[[Machine], object] = lambda machine: None
    styles: tuple[Style, ...] = tuple(Style)
    """Of the archives for which this is said."""


def drop(*paths: str) -> Callable[[Machine], object]:
    """Put some folders of the machine aside."""

    def arrange(machine: Machine) -> None:
        for path in paths:
            (machine.root / path).rename(machine.root / f"{path}.away")

    return arrange


def config(text: str) -> Callable[[Machine], object]:
    return lambda machine: machine.config_file.write_text(text)


def fill(machine: Machine) -> None:
    (machine.root / "full").mkdir()
    (machine.root / "full" / "file").touch()


def entry(**more: object) -> str:
    return json.dumps([{"url": "file:///nowhere", **more}])


RESTORE = ("restore", "URL", "ROOT/restored")
PUBLIC = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
SAY_TIERED = ("--style", "tiered")
DUPLICITY, TIERED = (Style.DUPLICITY,), (Style.TIERED,)
CASES = {
    "no word": Case(
        words=(),
        status=2,
        code="usage-invalid",
        error="nothing to do",
        hint="--help",
    ),
    "unknown option": Case(
        words=(*RESTORE, "--forse"),
        status=2,
        code="usage-invalid",
        error="unknown option --forse",
        hint="Did you mean --force?",
    ),
    "unknown option with a secret": Case(
        words=(*RESTORE, f"--passwd={PASSWORD}"),
        status=2,
        code="usage-invalid",
        error="unknown option --passwd",
        hint="--help",
    ),
    "option of duplicity only": Case(
        words=(*RESTORE, "--encrypt-key", "ABCD"),
        status=2,
        code="usage-invalid",
        error="the option --encrypt-key of duplicity is not supported yet",
        hint="Leave it out",
    ),
    "unknown action": Case(
        words=("restor", "URL", "ROOT/restored"),
        status=2,
        code="usage-invalid",
        error="'restor' is not an action",
        hint="Did you mean 'restore'?",
    ),
    "a word too few": Case(
        words=("full", "URL"),
        status=2,
        code="usage-invalid",
        error="full takes DIR and URL, not 1 words?",
        hint="Write: tiered full DIR URL",
    ),
    "words the wrong way round": Case(
        words=("full", "URL", "SOURCE"),
        status=2,
        code="usage-invalid",
        error="full expects a path as its DIR",
        hint="Write: tiered full DIR URL",
    ),
    "volume size 0": Case(
        words=("full", "SOURCE", "URL", "--volsize", "0"),
        status=2,
        code="usage-invalid",
        error=".*--volsize.*",
        hint="--help",
    ),
    "option without its value": Case(
        words=("full", "SOURCE", "URL", "--volsize"),
        status=2,
        code="usage-invalid",
        error=".*--volsize.*",
        hint="--help",
    ),
    "unknown time": Case(
        words=(*RESTORE, "--time", "yesterday"),
        status=2,
        code="usage-invalid",
        error="'yesterday' is not a time",
        hint="3D",
    ),
    "unknown scheme": Case(
        words=("status", "gopher://host/path"),
        status=2,
        code="config-invalid",
        error="there is no backend for gopher://",
        hint="Known are",
    ),
    "URL with a password": Case(
        words=("status", f"gopher://user:{PASSWORD}@host/path"),
        status=2,
        code="config-invalid",
        error="there is no backend for gopher://",
        hint="Known are",
    ),
    "unknown key in the config": Case(
        words=("status", "URL"),
        status=2,
        code="config-invalid",
        error=r".*/config\.json: \[0\]\.prefix: .*did you mean .*prefixes.*",
        hint="multi.schema.json",
        arrange=config(entry(prefix=["hot_"])),
    ),
    "no JSON": Case(
        words=("status", "URL"),
        status=2,
        code="config-invalid",
        error=r".*/config\.json:1:10: not JSON: Expecting value",
        hint=" ",
        arrange=config('[{"url": }]'),
    ),
    "no config": Case(
        words=("status", "multi:///nowhere/config.json"),
        status=2,
        code="config-invalid",
        error=".*/nowhere/config.json.*",
        hint=" ",
    ),
    "missing source": Case(
        words=("inc", "ROOT/nowhere", "URL"),
        status=10,
        code="source-unreadable",
        error="cannot read '.*/nowhere': No such file or directory",
        hint="Check the path",
    ),
    "source is a file": Case(
        words=("inc", "ROOT/config.json", "URL"),
        status=10,
        code="source-unreadable",
        error="cannot read '.*/config.json': Not a directory",
        hint="Check the path",
    ),
    "missing store, inc": Case(
        words=("incremental", "SOURCE", "URL"),
        status=26,
        code="store-missing",
        error="file://.*/hot: there is no such directory",
        hint="Mount the disk",
        arrange=drop("hot"),
    ),
    "missing store, restore": Case(
        words=RESTORE,
        status=26,
        code="store-missing",
        error="file://.*/(hot|cold): there is no such directory",
        hint="Mount the disk",
        arrange=drop("hot", "cold"),
    ),
    "missing store, restore, no cache": Case(
        words=RESTORE,
        status=26,
        code="store-missing",
        error="file://.*/cold: there is no such directory",
        hint="Mount the disk",
        arrange=drop("cold", "cache"),
    ),
    "empty archive": Case(
        words=("inc", "SOURCE", "file://ROOT/tmp"),
        status=12,
        code="no-backup",
        error="there is no full backup to build on",
        hint="tiered full",
        arrange=drop("cache"),
    ),
    "wrong passphrase": Case(
        words=RESTORE,
        status=31,
        code="passphrase-wrong",
        error="the passphrase does not open '.*'",
        hint="Set PASSPHRASE",
        env=(("PASSPHRASE", PASSWORD),),
        arrange=drop("cache"),
    ),
    "wrong passphrase for an inc": Case(
        words=("inc", "SOURCE", "URL"),
        status=31,
        code="passphrase-wrong",
        error="the passphrase does not open '.*'",
        hint="Set PASSPHRASE",
        env=(("PASSPHRASE", PASSWORD),),
        styles=DUPLICITY,
    ),
    "wrong passphrase for an inc, no cache": Case(
        words=("inc", "SOURCE", "URL"),
        status=31,
        code="passphrase-wrong",
        error="the passphrase does not open '.*'",
        hint="Set PASSPHRASE",
        env=(("PASSPHRASE", PASSWORD),),
        arrange=drop("cache"),
    ),
    "no passphrase": Case(
        words=("full", "SOURCE", "URL"),
        status=31,
        code="passphrase-wrong",
        error="no passphrase is given",
        hint="Set PASSPHRASE",
        env=(),
        arrange=drop("cache"),
    ),
    "no passphrase for a new archive": Case(
        words=("full", "SOURCE", "file://ROOT/tmp"),
        status=31,
        code="passphrase-wrong",
        error="no passphrase is given",
        hint="Set PASSPHRASE",
        env=(),
        arrange=drop("cache"),
        styles=TIERED,
    ),
    "no passphrase, restore": Case(
        words=RESTORE,
        status=31,
        code="passphrase-wrong",
        error="no passphrase is given",
        hint="Set PASSPHRASE",
        env=(),
    ),
    "only the public key, an inc without cache": Case(
        words=("inc", "SOURCE", "URL", "--recipient", PUBLIC),
        status=31,
        code="passphrase-wrong",
        error="no passphrase is given",
        hint="begin with `tiered full`",
        env=(),
        arrange=drop("cache"),
        styles=TIERED,
    ),
    "no gpg": Case(
        words=("full", "SOURCE", "URL", "--gpg-binary", "/nonexistent/gpg"),
        status=4,
        code="dependency-missing",
        error="the program '/nonexistent/gpg' cannot be run: No such file .*",
        hint="Install GnuPG",
        styles=DUPLICITY,
    ),
    "options for gpg": Case(
        words=("inc", "SOURCE", "URL", "--gpg-binary=gpg", "--gpg-options=--no-tty"),
        status=2,
        code="config-invalid",
        error="--gpg-binary and --gpg-options: style tiered is without GnuPG",
        hint="tiered full --style duplicity",
        styles=TIERED,
    ),
    "options for gpg, and style tiered": Case(
        words=("full", "SOURCE", "file://ROOT/tmp", "--gpg-options=", *SAY_TIERED),
        status=2,
        code="config-invalid",
        error="--gpg-options: style tiered is without GnuPG",
        hint="Leave it out",
        arrange=drop("cache"),
        styles=TIERED,
    ),
    "an inc of the other style": Case(
        words=("inc", "SOURCE", "URL", *SAY_TIERED),
        status=2,
        code="config-invalid",
        error="the newest chain is of style duplicity",
        hint="Begin a chain of style tiered with `tiered full`",
        styles=DUPLICITY,
    ),
    "target in use": Case(
        words=("restore", "URL", "ROOT/full"),
        status=11,
        code="target-unusable",
        error="'.*/full' exists already, and is not an empty directory",
        hint="--force",
        arrange=fill,
    ),
    "target in nowhere": Case(
        words=("restore", "URL", "ROOT/no/where"),
        status=11,
        code="target-unusable",
        error="the directory above '.*/no/where' does not exist",
        hint="Create it",
    ),
    "time before the first backup": Case(
        words=(*RESTORE, "--time", "2001-01-01"),
        status=12,
        code="no-backup",
        error="there is no backup as old as that",
        hint="The oldest is of 20",
    ),
    "path that is not there": Case(
        words=(*RESTORE, "--path-to-restore", "dir/nowhere"),
        status=12,
        code="no-backup",
        error="dir/nowhere is not in the archive at that time",
        hint="list-current-files",
    ),
}


@pytest.mark.parametrize(
    ("name", "machine"),
    [
        (name, style)
        for name, case in CASES.items()
        for style in (TIERED if case.code == "usage-invalid" else case.styles)
    ],
    indirect=["machine"],
)
def test_message(machine: Machine, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES[name]
    case.arrange(machine)
    before = machine.objects()
    words = [word.replace("ROOT", str(machine.root)) for word in case.words]
    result = machine.call(*words, env=dict(case.env)) if words else alone()
    assert result.status == case.status
    assert result.code == case.code
    assert re.fullmatch(case.error, result.error), result.error
    kinds = [line.split(": ")[1].split()[0] for line in talk(result)]
    assert kinds == ["error", "hint", "see"]
    assert case.hint in talk(result)[1]
    assert not result.out
    monkeypatch.delenv("PASSPHRASE", raising=False)
    for key, value in case.env:
        monkeypatch.setenv(key, value)
    loud = machine.run(*words, "-v9")
    if words:
        assert loud.status == case.status
    for secret in (PASSPHRASE, PASSWORD):
        assert secret not in result.err + loud.err + loud.out
    assert machine.objects() == before


def talk(result: Result) -> list[str]:
    """Lines on stderr that are not notes about a restore."""
    notes = ("tiered: restoring the state of", "tiered: thaw plan")
    return [x for x in result.err.splitlines() if not x.startswith(notes)]


def alone(*words: str) -> Result:
    """Without the options that a machine adds."""
    done = subprocess.run(
        [PROGRAM, *words], capture_output=True, text=True, check=False, env={}
    )
    return Result(done.returncode, done.stdout, done.stderr)


def test_locked(machine: Machine) -> None:
    with (machine.cache / "it" / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for words in (
            ("full", "SOURCE", "URL"),
            ("cleanup", "URL"),
            ("remove-older-than", "1Y", "--force", "URL"),
        ):
            result = machine.call(*words)
            assert (result.status, result.code) == (5, "archive-locked")
            assert (
                result.error == "another tiered works on this archive on this machine"
            )
        machine.call("collection-status", "URL").succeeded()
        machine.call("restore", "URL", machine.root / "restored").succeeded()
    machine.call("cleanup", "URL").succeeded()


def test_no_librsync(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setenv("PASSPHRASE", PASSPHRASE)
    monkeypatch.setattr("ctypes.CDLL", nowhere)
    library.load_library.cache_clear()
    try:
        result = machine.run("full", "SOURCE", "URL")
    finally:
        library.load_library.cache_clear()
    assert (result.status, result.code) == (4, "dependency-missing")
    assert "librsync" in result.error
    assert "librsync2" in result.err
    assert list(machine.tmp.iterdir()) == []


def test_options_for_gpg_make_a_new_archive_one_of_duplicity(tmp_path: Path) -> None:
    """It goes on so without them, also if the first run was interrupted."""
    machine = Machine(root=tmp_path, options=QUICK, env={"PASSPHRASE": PASSPHRASE})
    words = ("SOURCE", "URL")
    first = machine.call("full", *words, "--gpg-options=--s2k-count=65536").succeeded()
    assert "a new archive of style duplicity, because of --gpg-options" in first.err
    (manifest,) = (tmp_path / "hot").glob("*.manifest.gpg")
    manifest.unlink()
    shutil.rmtree(machine.cache)
    again = machine.call("backup", *words, "--accept-loss").succeeded()
    assert "style" not in again.err
    machine.call("inc", *words, "--gpg-options=").succeeded()
    assert all("_duplicity-" in name for name in machine.objects())


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("full", "--help")])
def test_asking_is_no_error(words: tuple[str, ...]) -> None:
    result = alone(*words)
    assert result.status == 0
    assert result.out.startswith(("usage: tiered", "tiered 0"))
    assert not result.err
