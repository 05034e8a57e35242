"""`tiered key ...` through the real program: what is said, stored, and never shown."""

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.machine import PROGRAM, Machine, Result
from tests.unit.age_peers import pyrage_decrypt, run_age
from tiered.codec.age import X25519Identity
from tiered.secret import Secret

TIERS = """[
 {"url": "file://%(root)s/cold", "tier": "cold"},
 {"url": "file://%(root)s/hot", "tier": "hot"}
]"""
ONE, TWO, THREE = "one-and-secret", "two-and-secret", "three-and-secret"
KEY, COPY = "hot_tiered-key.main.1.age", "cold_tiered-keycopy.main.1.age"
PERSON = X25519Identity.generate(os.urandom)

Say = Callable[..., Result]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    options = ("--scrypt-work-factor", "3")
    return Machine(root=tmp_path / "machine", config=TIERS, options=options)


@pytest.fixture
def key(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Say:
    """Run a key action, with these variables and no others."""

    def run(action: str, *words: str | Path, one: str = ONE, two: str = "") -> Result:
        for name, value in (("PASSPHRASE", one), ("NEW_PASSPHRASE", two)):
            monkeypatch.delenv(name, raising=False)
            if value:
                monkeypatch.setenv(name, value)
        return machine.run("key", action, "URL", *words)

    return run


@pytest.fixture
def made(key: Say) -> Say:
    key("init").succeeded()
    return key


def document(result: Result) -> dict[str, object]:
    """Without what the stores did, which every action tells."""
    found = json.loads(result.succeeded().out)
    assert isinstance(found, dict)
    assert found.pop("stores")
    return found


def forget(machine: Machine) -> None:
    """The machine has never seen the archive."""
    shutil.rmtree(machine.cache, ignore_errors=True)


def public(key: Say, machine: Machine, passphrase: str) -> str:
    """Unlocked with nothing but the passphrase."""
    forget(machine)
    return key("export", "--public", one=passphrase).succeeded().out.strip()


def test_from_the_first_to_the_last(made: Say, machine: Machine) -> None:
    assert machine.objects() == {KEY, COPY}
    assert (machine.root / "hot" / KEY).exists()
    assert (machine.root / "cold" / COPY).exists()
    archive = public(made, machine, ONE)
    made("add", "--way", "laptop", two=TWO).succeeded()
    assert public(made, machine, TWO) == archive
    rotated = document(made("rotate", "--json", one=TWO, two=THREE))
    assert rotated == {"way": "main", "generation": 2}
    forget(machine)
    assert made("export", "--public").code == "passphrase-wrong"
    assert [public(made, machine, p) for p in (TWO, THREE)] == [archive] * 2
    revoked = document(made("revoke", "--way", "laptop", "--json", one=""))
    assert len(revoked["deleted"]) == 2  # type: ignore[arg-type] # a list, or it fails
    last = made("revoke", one="")
    assert (last.status, last.code) == (2, "config-invalid")
    assert last.error == "main is the last way in"
    made("revoke", "--force", one="").succeeded()
    assert machine.objects() == set()


def test_list(made: Say, machine: Machine) -> None:
    made("add", "--way", "person", "--recipient", str(PERSON.recipient)).succeeded()
    archive = made("export", "--public", one="").succeeded().out.strip()
    expected = [("main", "passphrase"), ("person", "key pair")]
    found = document(made("list", "--json", one=""))
    assert found == {
        "recipient": archive,
        "ways": [
            {"way": way, "generation": 1, "kind": kind, "key": True, "copy": True}
            for way, kind in expected
        ],
    }
    (machine.root / "cold" / COPY).unlink()
    lines = made("list", one="").succeeded().out.splitlines()
    assert lines == [
        "main, generation 1, passphrase, no copy",
        "person, generation 1, key pair",
        f"public key: {archive}",
    ]
    forget(machine)
    assert "does not know" in made("list", one="").succeeded().out


def test_list_of_nothing(key: Say) -> None:
    assert document(key("list", "--json", one="")) == {"recipient": None, "ways": []}


def test_other_programs_read_the_key_objects(
    made: Say, machine: Machine, tmp_path: Path
) -> None:
    content = pyrage_decrypt((machine.root / "hot" / KEY).read_bytes(), [], ONE)
    assert content is not None
    keys = tmp_path / "keys"
    keys.write_bytes(content)
    archive = made("export", "--public").succeeded().out.strip()
    made("add", "--way", "person", "--recipient", str(PERSON.recipient)).succeeded()
    theirs = tmp_path / "person"
    theirs.write_text(PERSON.export().reveal())
    data = (machine.root / "hot" / "hot_tiered-key.person.1.age").read_bytes()
    opened = run_age("--decrypt", "-i", str(theirs), data=data)
    assert opened.stdout == content
    assert archive in content.decode()


@pytest.mark.parametrize("form", ["file", "sheet", "typed", "spaced", "person"])
def test_identity_instead_of_a_passphrase(
    made: Say, machine: Machine, tmp_path: Path, form: str
) -> None:
    archive = made("export", "--public").succeeded().out.strip()
    made("add", "--way", "person", "--recipient", str(PERSON.recipient)).succeeded()
    content = pyrage_decrypt((machine.root / "hot" / KEY).read_bytes(), [], ONE) or b""
    own = content.decode().splitlines()[-1]
    groups = " ".join(own[16:][at : at + 4] for at in range(0, len(own) - 16, 4))
    texts = {
        "file": content.decode(),
        "sheet": made("export").succeeded().out,
        "typed": f"AGE-SECRET-KEY-1\n{groups}\n",
        "spaced": f"age-secret-key-1 {groups.lower()}",
        "person": f"# mine\n\n{PERSON.export().reveal()}\n",
    }
    file = tmp_path / "identity"
    file.write_text(texts[form])
    file.chmod(0o600)
    if form == "person":
        forget(machine)
    shown = made("export", "--identity", file, "--json", one="")
    assert document(shown)["recipient"] == archive
    assert shown.err == ""


def test_the_recovery_sheet(made: Say, tmp_path: Path) -> None:
    shown = made("export").succeeded().out
    assert shown.startswith("RECOVERY SHEET")
    file = tmp_path / "sheet"
    made("export", "--output", file).succeeded()
    assert file.read_text() == shown
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = made("export", "--output", file)
    assert again.code == "target-unusable"
    assert file.read_text() == shown


def test_an_archive_opened_by_a_key_pair_alone(key: Say, tmp_path: Path) -> None:
    key("init", "--recipient", str(PERSON.recipient), one="").succeeded()
    file = tmp_path / "identity"
    file.write_text(PERSON.export().reveal())
    key("add", "--way", "laptop", "--identity", file, one="", two=TWO).succeeded()
    key("export", one=TWO).succeeded()


class TestPassphrases:
    def test_file_command_and_variable_in_this_order(
        self, made: Say, machine: Machine, tmp_path: Path
    ) -> None:
        file = tmp_path / "passphrase"
        file.write_text(f"{ONE}\nnot read\n")
        file.chmod(0o600)
        forget(machine)
        by_file = ("--passphrase-file", file, "--passphrase-command", "false")
        assert made("export", *by_file, one="wrong").succeeded().err == ""
        command = ("--passphrase-command", f"cat '{file}'")
        forget(machine)
        made("export", *command, one="wrong").succeeded()

    def test_new_passphrase_file(self, made: Say, tmp_path: Path) -> None:
        file = tmp_path / "passphrase"
        file.write_text(TWO)
        made("rotate", "--new-passphrase-file", file, two=THREE).succeeded()
        made("export", one=TWO).succeeded()
        assert made("export", one=ONE).code == "passphrase-wrong"

    def test_everybody_can_read_it(self, made: Say, tmp_path: Path) -> None:
        file = tmp_path / "passphrase"
        file.write_text(ONE)
        file.chmod(0o644)
        result = made("export", "--passphrase-file", file, one="")
        assert "everybody can read or change" in result.succeeded().err

    @pytest.mark.parametrize(
        ("options", "code", "error"),
        [
            ((), "passphrase-wrong", "no passphrase is given"),
            (("--passphrase-file", "/no/such"), "config-invalid", "/no/such cannot"),
            (("--passphrase-file", "/dev/null"), "passphrase-wrong", "no passphrase"),
            (("--passphrase-command", "false"), "passphrase-wrong", "with status 1"),
            (("--passphrase-command", "true"), "passphrase-wrong", "no passphrase"),
            (("--passphrase-command", "/no/such"), "dependency-missing", "/no/such"),
            (("--passphrase-command", "'"), "config-invalid", "cannot be read"),
            (("--passphrase-command", " "), "config-invalid", "is empty"),
            (("--identity", "/dev/null"), "passphrase-wrong", "not a private key"),
            (("--identity", "/no/such"), "config-invalid", "/no/such cannot"),
        ],
    )
    def test_none(
        self, made: Say, options: tuple[str, ...], code: str, error: str
    ) -> None:
        result = made("export", *options, one="")
        assert result.code == code
        assert error in result.error

    def test_no_new_one(self, made: Say, machine: Machine) -> None:
        result = made("add", "--way", "laptop")
        assert result.code == "passphrase-wrong"
        assert "new passphrase" in result.error
        assert len(machine.objects()) == 2


def at_terminal(machine: Machine, *words: str, types: list[str]) -> tuple[int, str]:
    """Run the program with a terminal of its own, and answer its questions."""
    spawn = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"
    process = subprocess.Popen(
        [sys.executable, "-c", spawn, PROGRAM, *machine.line("key", *words)],
        env={"PATH": os.environ["PATH"], "HOME": str(machine.root)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    )
    assert process.stdin
    assert process.stdout
    shown = ""
    for text in types:
        asked = ""
        while not asked.endswith(": "):  # what is typed before is thrown away
            more = process.stdout.read(1000).decode()
            assert more, shown
            asked += more
        process.stdin.write(f"{text}\n".encode())
        shown += asked
    process.stdin.close()
    shown += process.stdout.read().decode()
    process.stdout.close()
    return process.wait(60), shown


def test_at_a_terminal_a_new_passphrase_is_typed_twice(machine: Machine) -> None:
    status, shown = at_terminal(machine, "init", "URL", types=[ONE, TWO])
    assert (status, machine.objects()) == (31, set())
    assert "the two passphrases differ" in shown
    assert at_terminal(machine, "init", "URL", types=[ONE, ONE])[0] == 0
    status, shown = at_terminal(machine, "rotate", "URL", types=[ONE, TWO, TWO])
    assert status == 0
    assert "New passphrase: " in shown
    assert not any(word in shown for word in (ONE, TWO))


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (("add",), "config-invalid", "there is a way in that is called main"),
        (("rotate", "--way", "x"), "config-invalid", "no way in that is called x"),
        (("revoke", "--way", "x"), "config-invalid", "no way in that is called x"),
        (("init",), "config-invalid", "the archive has its key"),
        (("add", "--way", "A"), "usage-invalid", "is not a valid NAME"),
        (("list", "--scrypt-work-factor", "21"), "usage-invalid", "is not a valid N"),
        (
            ("add", "--way", "x", "--recipient", "age1nonsense"),
            "config-invalid",
            "not a public key",
        ),
        (("list", f"--passphrase={ONE}"), "usage-invalid", "ambiguous option"),
        (("lost",), "usage-invalid", "key is followed by one of init, list, add"),
    ],
)
def test_refused(
    made: Say, machine: Machine, words: tuple[str, ...], code: str, error: str
) -> None:
    result = made(*words, two=TWO)
    assert result.code == code
    assert error in result.error
    assert ONE not in result.out + result.err
    assert machine.objects() == {KEY, COPY}


def test_no_secret_is_shown_however_much_is_asked_for(
    key: Say, machine: Machine, tmp_path: Path
) -> None:
    file = tmp_path / "identity"
    file.write_text(PERSON.export().reveal())
    runs = [
        key("init", "-v9"),
        key("init", "-v9"),
        key("add", "--way", "x", "-v9", two=TWO),
        key("add", "--way", "y", "-v9", one="wrong-and-secret", two=TWO),
        key("add", "--way", "y", "-v9", "--recipient", PERSON.export().reveal()),
        key("rotate", "-v9", two=THREE),
        key("list", "-v9"),
        key("export", "--public", "-v9"),
        key("export", "-v9", "--identity", file),
        key("export", "-v9", "--output", tmp_path / "sheet", one=THREE),
        key("revoke", "-v9"),
    ]
    content = pyrage_decrypt(
        (machine.root / "hot" / "hot_tiered-key.x.1.age").read_bytes(), [], TWO
    )
    assert content is not None
    own = Secret(content.decode().splitlines()[-1]).reveal()
    assert [r.status for r in runs] == [0, 2, 0, 31, 2, 0, 0, 0, 31, 0, 0]
    said = "".join(r.out + r.err for r in runs)
    for secret in (ONE, TWO, THREE, "wrong-and-secret", own[20:30]):
        assert secret not in said
    assert PERSON.export().reveal()[20:30] not in said
