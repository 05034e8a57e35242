"""Secrets that a config refers to are used, and seen nowhere: not in what a run says
at its loudest, not in a traceback, not in `ps`, not in the environment of a process.
"""

import json
import os
import shlex
import sys
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.crash.machine import PASSPHRASE, Machine
from tiered.assemble.store_opener import StoreOpener
from tiered.assemble.stores import open_backend
from tiered.assemble.wanted import Wanted
from tiered.clock import Clock
from tiered.secret import Secret
from tiered.store import Store

SECRETS = {kind: f"hunter-{kind}-hundred" for kind in ("env", "file", "cmd", "keyring")}
NOBODY = "http://127.0.0.1:9"
PATIENCE = ("--num-retries", "1", "--timeout", "5", "--scrypt-work-factor", "3")
RING = f"""
from keyring.backend import KeyringBackend

class Ring(KeyringBackend):
    priority = 1

    def get_password(self, service, username):
        return {SECRETS["keyring"]!r} if (service, username) == ("s3", "me") else None

    def set_password(self, service, username, password):
        raise NotImplementedError
"""
SPY = f"""
import json, os, pathlib, sys

def read(path):
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""

seen = {{
    "ps": [read(p) for p in pathlib.Path("/proc").glob("[0-9]*/cmdline")],
    "parent": read(pathlib.Path(f"/proc/{{os.getppid()}}/environ")),
    "own": dict(os.environ),
}}
pathlib.Path(sys.argv[1]).write_text(json.dumps(seen))
print({PASSPHRASE!r})
"""


def variables(**values: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def stores(root: Path) -> list[dict[str, object]]:
    """A folder, and four stores that nobody answers for, one secret each."""
    (root / "secret.txt").write_text(SECRETS["file"])
    (root / "secret.txt").chmod(0o600)
    (root / "ask.py").write_text(f"import sys\nprint({SECRETS['cmd']!r})\n")
    ask = f"cmd:{shlex.quote(sys.executable)} {shlex.quote(str(root / 'ask.py'))}"
    return [
        {"url": f"file://{root}/hot"},
        {
            "url": "swift://box",
            "env": [
                *variables(SWIFT_AUTHURL=f"{NOBODY}/v1", SWIFT_USERNAME="me"),
                {"name": "SWIFT_PASSWORD", "from": "env:A_SECRET"},
            ],
        },
        {
            "url": "webdav://me@127.0.0.1:9/x",
            "env": [{"name": "BACKEND_PASSWORD", "from": "file:secret.txt"}],
        },
        {
            "url": "ftp://me@127.0.0.1:9/x",
            "env": [{"name": "BACKEND_PASSWORD", "from": ask}],
        },
        {
            "url": "s3:///box",
            "env": [
                *variables(AWS_ENDPOINT_URL=NOBODY, AWS_ACCESS_KEY_ID="me"),
                {"name": "AWS_SECRET_ACCESS_KEY", "from": "keyring:s3/me"},
            ],
        },
    ]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(
        root=tmp_path,
        options=PATIENCE,
        folders=("hot",),
        query="mode=mirror&onfail=continue",
        env={
            "A_SECRET": SECRETS["env"],
            "PYTHON_KEYRING_BACKEND": "ring.Ring",
            "PYTHONPATH": str(tmp_path),
        },
    )
    machine.config_file.write_text(json.dumps(stores(tmp_path)))
    (machine.source / "file").write_text("data")
    (tmp_path / "ring.py").write_text(RING)
    (tmp_path / "spy.py").write_text(SPY)
    return machine


def test_no_secret_is_seen_while_all_are_in_use(machine: Machine) -> None:
    """The spy runs when the archive is unlocked: its stores are open then."""
    seen_file, spy = machine.root / "seen.json", machine.root / "spy.py"
    ask = shlex.join([sys.executable, str(spy), str(seen_file)])
    whole = machine.config_file.read_text()
    machine.config_file.write_text(json.dumps(stores(machine.root)[:1]))
    spied = ("-v9", "--passphrase-command", ask)
    machine.call("full", "SOURCE", "URL", *spied).succeeded()
    seen_file.unlink()
    machine.config_file.write_text(whole)
    words = ("restore", "URL", machine.root / "restored", *spied)
    result = machine.call(*words).succeeded()
    for kind, secret in SECRETS.items():
        assert secret not in result.out + result.err, kind
    assert "swift://box" in result.err  # all were opened, and are owed a copy
    assert "s3:///box" in result.err
    seen = json.loads(seen_file.read_text())
    assert any("--passphrase-command" in line for line in seen["ps"])
    for kind, secret in SECRETS.items():
        assert not [line for line in seen["ps"] if secret in line], kind
        inherited = kind == "env"  # it came from there
        assert (secret in seen["parent"]) == inherited, kind
        assert (secret in str(seen["own"])) == inherited, kind


def test_a_probe_shows_no_secret_either(machine: Machine) -> None:
    file = str(machine.config_file)
    for words in (("--json",), ()):
        line = ("config", "check", file, "mode=mirror", "--probe", "-v9", *words)
        result = machine.call(*line)
        assert (result.status, result.code) == (7, "config-doubtful")
        assert "ftp://127.0.0.1:9/x" in result.out
        for kind, secret in SECRETS.items():
            assert secret not in result.out + result.err, kind


def test_a_traceback_holds_no_secret(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a bug, which nobody has foreseen, with all secrets at hand."""
    (machine.root / "ring.py").unlink()
    entries = stores(machine.root)[:-1]  # a keyring is the whole process's
    machine.config_file.write_text(json.dumps(entries))
    monkeypatch.setenv("A_SECRET", SECRETS["env"])
    held: list[str] = []

    def fail(opener: object, wanted: Wanted) -> None:
        held.extend(wanted.env[name].reveal() for name in wanted.env)
        if wanted.url.scheme == "ftp":
            raise RuntimeError("a bug")

    monkeypatch.setattr(StoreOpener, "_wrapped", fail)
    result = machine.run("status", "URL", "-v9")
    assert result.status == 1
    assert "RuntimeError: a bug" in result.err
    assert {SECRETS[kind] for kind in ("env", "file", "cmd")} <= set(held)
    for secret in SECRETS.values():
        assert secret not in result.out + result.err


def test_variables_of_one_store_reach_no_other_and_not_the_process(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = [{"name": "BACKEND_PASSWORD", "from": "env:A_SECRET"}]
    literal = variables(BACKEND_PASSWORD="other", SWIFT_REGIONNAME="GRA")
    entries = [
        {"name": "one", "url": f"file://{machine.root}/hot", "env": env},
        {"name": "two", "url": f"file://{machine.root}/two", "env": literal},
        {"name": "three", "url": f"file://{machine.root}/three"},
    ]
    for name in ("two", "three"):
        (machine.root / name).mkdir()
    machine.config_file.write_text(json.dumps(entries))
    monkeypatch.setenv("A_SECRET", SECRETS["env"])
    monkeypatch.setenv("BACKEND_PASSWORD", "of the process")
    before = dict(os.environ)
    seen: dict[str | None, Mapping[str, Secret]] = {}
    during: list[dict[str, str]] = []

    def watch(wanted: Wanted, options: Namespace, clock: Clock) -> Store:
        seen[wanted.name] = {name: wanted.env[name] for name in wanted.env}
        during.append(dict(os.environ))
        return open_backend(wanted, options, clock)

    monkeypatch.setattr("tiered.assemble.store_opener.open_backend", watch)
    words = ("full", "SOURCE", "URL", "--no-encryption")
    machine.run(*words).succeeded()
    passwords = {k: env["BACKEND_PASSWORD"].reveal() for k, env in seen.items()}
    assert passwords == {
        "one": SECRETS["env"],
        "two": "other",
        "three": "of the process",
    }
    regions = [name for name, env in seen.items() if "SWIFT_REGIONNAME" in env]
    assert regions == ["two"]
    assert during == [before] * 3
    assert dict(os.environ) == before
