"""Secrets that a config only refers to: each way to get them, and each way to fail."""

import json
import os
import shlex
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import keyring
import keyring.errors
import pytest
from keyring.backend import KeyringBackend

from tiered.assemble.references import References
from tiered.assemble.wanted import Environment
from tiered.errors import ConfigError, MissingDependency, TieredError
from tiered.monitor import SilentMonitor
from tiered.secret import Secret
from tiered.settings.multi import MultiConfig, read_multi
from tiered.settings.reference import Reference, parse_reference

SECRET = "hunter-two-hundred"
PYTHON = shlex.quote(sys.executable)


class Warnings(SilentMonitor):
    def __init__(self) -> None:
        self.told: list[str] = []

    def warn(self, message: str, hint: str = "") -> None:
        self.told.append(f"{message} {hint}")


class Memory(KeyringBackend):
    """A keyring that is open, locked, or not there."""

    priority = 1
    error: Exception | None = None

    def get_password(self, service: str, username: str) -> str | None:
        if self.error:
            raise self.error
        known = {("https://cloud/v3", "me"): SECRET}
        return known.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError


@pytest.fixture
def memory() -> Memory:
    """The keyring of this test.  Nobody else in this process uses one."""
    memory = Memory()  # type: ignore[no-untyped-call] # the library has no types here
    keyring.set_keyring(memory)
    return memory


def config(tmp_path: Path, *envs: dict[str, str]) -> MultiConfig:
    """Stores s0, s1, ... with these variables, all by reference."""
    path = tmp_path / "config.json"
    entries = [
        {
            "name": f"s{i}",
            "url": f"swift://box{i}",
            "env": [{"name": name, "from": text} for name, text in env.items()],
        }
        for i, env in enumerate(envs)
    ]
    path.write_text(json.dumps(entries))
    return read_multi(path)


def environment(
    tmp_path: Path,
    text: str,
    process: Environment | None = None,
    monitor: SilentMonitor | None = None,
) -> Environment:
    """What a store sees whose variable V comes from there."""
    references = References(process or {}, monitor or Warnings(), 10)
    return references.environment_of(config(tmp_path, {"V": text}).members[0])


def private(file: Path, data: bytes) -> str:
    file.write_bytes(data)
    file.chmod(0o600)
    return f"file:{file}"


def script(tmp_path: Path, code: str) -> str:
    (tmp_path / "script.py").write_text(f"import os, sys, time\n{code}")
    return f"cmd:{PYTHON} {shlex.quote(str(tmp_path / 'script.py'))}"


def test_each_kind_leads_to_its_value(tmp_path: Path, memory: Memory) -> None:
    process = {"THERE": Secret(SECRET), "OTHER": Secret("x")}
    ways = (
        "env:THERE",
        private(tmp_path / "one", f"{SECRET}\n".encode()),
        private(tmp_path / "two", f"{SECRET}\r\n".encode()),
        private(tmp_path / "three", SECRET.encode()),
        "file:one",
        f"cmd:echo {SECRET}",
        f"cmd:printf %s '{SECRET}'",
        "keyring:https://cloud/v3/me",
    )
    for way in ways:
        env = environment(tmp_path, way, process)
        assert env["V"] == Secret(SECRET), way
        assert (env["OTHER"], env.get("NONE")) == (Secret("x"), None)
        assert set(env) == {"V", "THERE", "OTHER"}
        assert SECRET not in repr(env)


def test_only_the_last_line_break_is_taken_away(tmp_path: Path) -> None:
    way = private(tmp_path / "file", b" two\nlines \n\n")
    assert environment(tmp_path, way)["V"].reveal() == " two\nlines \n"


def test_a_plain_value_is_never_taken_for_a_reference(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    env = [{"name": "V", "value": "cmd:touch here"}, {"name": "W", "value": "env:V"}]
    path.write_text(json.dumps([{"url": "pca://box", "env": env}]))
    (member,) = read_multi(path).members
    seen = References({}, Warnings()).environment_of(member)
    assert {name: seen[name].reveal() for name in seen} == {
        "V": "cmd:touch here",
        "W": "env:V",
    }


def test_no_shell_reads_a_command(tmp_path: Path) -> None:
    env = environment(tmp_path, "cmd:echo '$HOME' $(id) ; touch x")
    assert env["V"].reveal() == "$HOME $(id) ; touch x"
    assert not Path("x").exists()


def test_each_is_fetched_once_and_only_if_somebody_asks(tmp_path: Path) -> None:
    way = script(tmp_path, "open(sys.argv[1], 'a').write('x'); print('v')")
    one, two = (f"{way} {tmp_path / name}" for name in ("one", "two"))
    found = config(tmp_path, {"A": one, "B": two}, {"C": one})
    references = References({}, Warnings())
    first, second = map(references.environment_of, found.members)
    assert "A" in set(first)
    assert not (tmp_path / "one").exists()
    assert first["A"] == first["A"] == second["C"] == Secret("v")
    assert (tmp_path / "one").read_text() == "x"
    assert not (tmp_path / "two").exists()


def test_a_variable_reaches_its_own_store_only(tmp_path: Path) -> None:
    found = config(tmp_path, {"V": f"cmd:echo {SECRET}"}, {"W": "env:V"})
    before = dict(os.environ)
    references = References({"V": Secret("of the process")}, Warnings())
    mine, other = map(references.environment_of, found.members)
    assert mine["V"] == Secret(SECRET)
    assert (other["V"], other["W"]) == (Secret("of the process"),) * 2
    assert mine.get("W") is None
    assert dict(os.environ) == before


def test_a_file_that_everybody_can_read_is_told(tmp_path: Path) -> None:
    way, monitor = private(tmp_path / "open", SECRET.encode()), Warnings()
    assert environment(tmp_path, way, monitor=monitor)["V"] == Secret(SECRET)
    assert monitor.told == []
    (tmp_path / "open").chmod(0o604)
    assert environment(tmp_path, way, monitor=monitor)["V"] == Secret(SECRET)
    path = tmp_path / "open"
    assert monitor.told == [f"everybody can read or change {path} chmod o= {path}"]


def keyring_raises(error: Exception) -> Callable[[Path, Memory], str]:
    def arrange(tmp_path: Path, memory: Memory) -> str:
        memory.error = error
        return "keyring:https://cloud/v3/me"

    return arrange


Arrange = Callable[[Path, Memory], str]
FAILURES: dict[str, tuple[Arrange, str, str]] = {
    "no variable": (
        lambda tmp_path, memory: "env:NOWHERE",
        "s0: V: env:NOWHERE is not set",
        "Export NOWHERE.",
    ),
    "no file": (
        lambda tmp_path, memory: f"file:{tmp_path}/none",
        "s0: V: {tmp}/none cannot be read: No such file",
        "must hold",
    ),
    "no home": (
        lambda tmp_path, memory: "file:~nobody-is-called-so/x",
        "s0: V: file:~nobody-is-called-so/x: there is no such home",
        "whole path",
    ),
    "empty": (
        lambda tmp_path, memory: private(tmp_path / "empty", b"\n"),
        "s0: V: file:{tmp}/empty is empty",
        "Put the value",
    ),
    "not text": (
        lambda tmp_path, memory: private(tmp_path / "x", SECRET.encode() + b"\xff"),
        "s0: V: file:{tmp}/x is not UTF-8 text",
        "UTF-8",
    ),
    "no program": (
        lambda tmp_path, memory: f"cmd:/nowhere/ask {SECRET}",
        "s0: V: cmd:/nowhere/ask cannot be run: No such file",
        "whole path",
    ),
    "program fails": (
        lambda tmp_path, memory: script(
            tmp_path,
            f"print('{SECRET}'); print('{SECRET}', file=sys.stderr); sys.exit(3)",
        ),
        "s0: V: cmd:{python} ended with status 3",
        "by hand",
    ),
    "not in the keyring": (
        lambda tmp_path, memory: "keyring:cloud/you",
        "s0: V: keyring:cloud/you: it is not in the keyring",
        "`keyring set cloud you`",
    ),
    "no keyring": (
        keyring_raises(keyring.errors.NoKeyringError(SECRET)),
        "s0: V: keyring:https://cloud/v3/me: this machine has no keyring",
        "file: or cmd:",
    ),
    "keyring broken": (
        keyring_raises(OSError(SECRET)),
        "keyring:https://cloud/v3/me: the keyring cannot be read (OSError)",
        "file: or cmd:",
    ),
    "keyring locked": (
        keyring_raises(keyring.errors.KeyringLocked(SECRET)),
        "keyring:https://cloud/v3/me: the keyring cannot be read (KeyringLocked)",
        "file: or cmd:",
    ),
}


@pytest.mark.parametrize(
    ("arrange", "message", "hint"), FAILURES.values(), ids=FAILURES
)
def test_a_failure_says_where_and_what_to_do_and_no_secret(
    arrange: Arrange,
    message: str,
    hint: str,
    tmp_path: Path,
    memory: Memory,
    capfd: pytest.CaptureFixture[str],
) -> None:
    env = environment(tmp_path, arrange(tmp_path, memory))
    with pytest.raises(TieredError) as caught:
        env["V"]
    error = caught.value
    wanted = message.replace("{tmp}", str(tmp_path))
    assert wanted.replace("{python}", sys.executable) in str(error)
    assert isinstance(error, MissingDependency if "run:" in message else ConfigError)
    assert hint in error.hint
    told = "".join(traceback.format_exception(error)) + repr(error.__dict__)
    seen = capfd.readouterr()
    assert SECRET not in told + error.hint + seen.out + seen.err


def test_a_command_that_does_not_end_is_ended(tmp_path: Path) -> None:
    """Nor does it matter that a child of it keeps the pipe open."""
    code = f"""
print('{SECRET}', flush=True)
child = os.fork()
if child:
    open({str(tmp_path / "pids")!r}, "w").write(f"{{os.getpid()}} {{child}}")
time.sleep(300)
"""
    found = config(tmp_path, {"V": script(tmp_path, code)})
    env = References({}, Warnings(), 3).environment_of(found.members[0])
    with pytest.raises(ConfigError, match="took longer than 3 s") as caught:
        env["V"]
    told = "".join(traceback.format_exception(caught.value))
    assert SECRET not in told
    pid, child = map(int, (tmp_path / "pids").read_text().split())
    os.kill(child, signal.SIGKILL)
    assert not Path(f"/proc/{pid}").exists()


def test_without_its_library_a_keyring_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(MissingDependency, match="needs the library keyring") as caught:
        environment(tmp_path, "keyring:cloud/me")["V"]
    assert "tiered[keyring]" in caught.value.hint


@pytest.mark.parametrize("text", ["cmd:vault --token geheim", "cmd:'a b' geheim"])
def test_a_reference_does_not_show_the_arguments_of_a_command(text: str) -> None:
    reference = parse_reference(text, Path("/etc"))
    assert isinstance(reference, Reference)
    assert "geheim" not in f"{reference}{reference!r}"
