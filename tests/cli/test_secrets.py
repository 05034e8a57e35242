"""Secrets that stand in a config as they are: used, and seen nowhere.

Every kind of store that takes one talks to a server that says back all it was told,
as some do in their error pages; at -v9, with secrets that no header can carry, and in
the traceback of a bug.  What our children are given is in /proc, and is looked at while
they run.
"""

import base64
import json
import socketserver
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from contrib.servers.relay import Answer, Request, serving
from tests.crash.machine import PASSPHRASE, Machine
from tests.store_servers import Folder, Ssh

STEM = "hunter2hundred"
SECRETS = {
    "plain": STEM,
    "two lines": f"{STEM}\r\nX-More: {STEM}",
    "not Latin": f"{STEM}\N{EURO SIGN}\N{PILE OF POO}",
}
SPY = """#!{python} -IS
import json, os, pathlib, sys

def read(path):
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""

seen = {{
    "ps": [read(p) for p in pathlib.Path("/proc").glob("[0-9]*/cmdline")],
    "families": [
        (read(p / "cmdline"), read(p / "environ"))
        for p in pathlib.Path("/proc").glob("[0-9]*")
        if read(p / "stat").rpartition(")")[2].split()[1:2] == [str(os.getppid())]
    ],
}}
with open({log!r}, "a") as log:
    log.write(json.dumps(seen) + "\\n")
os.execv({real!r}, [{real!r}, *sys.argv[1:]])
"""
"""Notes what is known of all processes, and of our parent's children, then does what
it was called for."""
PATIENCE = ("--num-retries", "1", "--timeout", "2", "--concurrency", "1")
STATUSES = 200, 400, 403, 500
"""With which the secret comes back; 200 says that it is what was asked for."""


@dataclass(frozen=True)
class Kind:
    """How a store is given a secret."""

    url: str
    env: dict[str, str]
    """`{port}` is that of the server, `{secret}` the secret."""
    ftp: bool = False


HTTP = "http://127.0.0.1:{port}"
KINDS = {
    "swift 1": Kind(
        "swift://box",
        {
            "SWIFT_AUTHURL": f"{HTTP}/auth/v1.0",
            "SWIFT_USERNAME": "me",
            "SWIFT_PASSWORD": "{secret}",
        },
    ),
    **{
        f"swift {version}": Kind(
            "swift://box",
            {
                "SWIFT_AUTHURL": f"{HTTP}/v{version}",
                "SWIFT_AUTHVERSION": version,
                "SWIFT_USERNAME": "me",
                "SWIFT_TENANTNAME": "us",
                "SWIFT_PASSWORD": "{secret}",
            },
        )
        for version in "23"
    },
    "pca": Kind(
        "pca://box",
        {
            "PCA_AUTHURL": f"{HTTP}/v3",
            "PCA_AUTHVERSION": "3",
            "PCA_USERNAME": "me",
            "PCA_TENANTNAME": "us",
            "PCA_PASSWORD": "{secret}",
        },
    ),
    "s3": Kind(
        "s3:///box",
        {
            "AWS_ENDPOINT_URL": HTTP,
            "AWS_ACCESS_KEY_ID": "me",
            "AWS_SECRET_ACCESS_KEY": "{secret}",
            "AWS_SESSION_TOKEN": "{secret}",
        },
    ),
    "azure": Kind(
        "azure://box",
        {
            "AZURE_CONNECTION_STRING": "DefaultEndpointsProtocol=http;AccountName=me;"
            f"AccountKey={{base64}};BlobEndpoint={HTTP}/me"
        },
    ),
    "azure, a signature": Kind(
        "azure://box",
        {
            "AZURE_CONNECTION_STRING": f"BlobEndpoint={HTTP}/me;"
            "SharedAccessSignature=sv=2024&sig={secret}"
        },
    ),
    "gs": Kind(
        "gs://box",
        {
            "GOOGLE_APPLICATION_CREDENTIALS": "{key_file}",
            "STORAGE_EMULATOR_HOST": HTTP,
        },
    ),
    "b2": Kind(
        "b2://box",
        {
            "B2_APPLICATION_KEY_ID": "me",
            "B2_APPLICATION_KEY": "{secret}",
            "B2_ENVIRONMENT": HTTP,
        },
    ),
    "webdav": Kind("webdav://me@127.0.0.1:{port}/x", {"BACKEND_PASSWORD": "{secret}"}),
    "ftp": Kind(
        "ftp://me@127.0.0.1:{port}/x", {"BACKEND_PASSWORD": "{secret}"}, ftp=True
    ),
}


class _Repeating(socketserver.StreamRequestHandler):
    """An FTP server that says what it was told, and lets nobody in."""

    def handle(self) -> None:
        self.wfile.write(b"220 say it\r\n")
        for line in self.rfile:
            verb = line[:4].upper()
            code = b"331" if verb == b"USER" else b"530"
            self.wfile.write(code + b" you said " + line.strip() + b"\r\n")


@contextmanager
def repeating() -> Iterator[int]:
    """Its port."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Repeating) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def told(status: int) -> Callable[[Request], Answer]:
    """All that came, as text, and in the header that messages are taken from."""

    def answer(request: Request) -> Answer:
        said = f"{request.method} {request.target} {request.headers}".encode()
        said += request.body + _decoded(request.headers.get("authorization", ""))
        return Answer(status, [("content-type", "text/plain")], said)

    return answer


def _decoded(authorization: str) -> bytes:
    kind, _, value = authorization.partition(" ")
    return base64.b64decode(value) if kind == "Basic" else b""


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, plain).decode()


def machine_of(
    root: Path, kind: Kind, secret: str, port: int, private_key: str
) -> Machine:
    """A mirror of a folder and one store of that kind."""
    machine = Machine(
        root=root,
        folders=("hot",),
        query="mode=mirror&onfail=continue",
        options=("--no-encryption", "-v9", *PATIENCE),
    )
    account = {
        "type": "service_account",
        "client_email": "me@example.net",
        "private_key_id": "1",
        "private_key": private_key,
        "token_uri": f"http://127.0.0.1:{port}/token",
    }
    (root / "key.json").write_text(json.dumps(account))
    values = {
        "port": str(port),
        "secret": secret,
        "base64": base64.b64encode(secret.encode()).decode(),
        "key_file": str(root / "key.json"),
    }
    env = [
        {"name": name, "value": value.format_map(values)}
        for name, value in kind.env.items()
    ]
    entries = [
        {"url": f"file://{root}/hot"},
        {"url": kind.url.format_map(values), "env": env},
    ]
    machine.config_file.write_text(json.dumps(entries))
    (machine.source / "file").write_text("data")
    return machine


def shown(secret: str, private_key: str) -> list[str]:
    """What must not be seen: the secret, and what is as good."""
    return [
        STEM,
        base64.b64encode(secret.encode()).decode()[:16],
        base64.b64encode(f"me:{secret}".encode()).decode()[:16],
        *private_key.splitlines()[1:-1],
    ]


@pytest.mark.parametrize("text", SECRETS)
@pytest.mark.parametrize("name", KINDS)
def test_a_server_that_repeats_all_it_hears(
    name: str, text: str, private_key: str, tmp_path: Path
) -> None:
    kind, secret = KINDS[name], SECRETS[text]
    for status in STATUSES if text == "plain" and not kind.ftp else (403,):
        root = tmp_path / str(status)
        with repeating() if kind.ftp else serving(told(status)) as port:
            machine = machine_of(root, kind, secret, port, private_key)
            result = machine.run("full", "SOURCE", "URL")
            refused = machine.run("cleanup", "--force", "URL")
        said = result.out + result.err + refused.out + refused.err
        assert "a bug in tiered" not in said, said
        for hidden in shown(secret, private_key):
            assert hidden not in said, (status, said)
        assert result.status == 0 or result.code == "config-invalid", said
        assert refused.status > 1, said


@pytest.mark.parametrize("name", KINDS)
def test_the_traceback_of_a_bug(
    name: str, private_key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library raises what nobody has foreseen, while the secret is in its hands."""
    kind = KINDS[name]

    def fail(*words: object, **named: object) -> None:
        raise RuntimeError("not foreseen")

    monkeypatch.setattr("socket.create_connection", fail)
    monkeypatch.setattr("urllib3.util.connection.create_connection", fail)
    machine = machine_of(tmp_path, kind, STEM, 9, private_key)
    machine.config_file.write_text(
        json.dumps(json.loads(machine.config_file.read_text())[1:])
    )
    result = machine.run("status", "URL")
    taken_for_a_broken_line = name in ("s3", "b2")
    assert ("RuntimeError: not foreseen" in result.err) != taken_for_a_broken_line
    assert result.status in (1, 20, 23)
    for hidden in shown(STEM, private_key):
        assert hidden not in result.out + result.err


def test_a_password_that_an_sftp_server_refuses(
    rclone_sftp: Ssh, tmp_path: Path
) -> None:
    url = f"sftp://{rclone_sftp.user}@127.0.0.1:{{port}}/x"
    kind = Kind(url, {"BACKEND_PASSWORD": "{secret}"})
    for text, secret in SECRETS.items():
        root = tmp_path / text
        machine = machine_of(root, kind, secret, rclone_sftp.port, "")
        known = f"--ssh-options=-oUserKnownHostsFile={rclone_sftp.known_hosts}"
        result = machine.run("full", "SOURCE", "URL", known)
        assert result.status == 0
        assert "does not answer" in result.err
        assert "a bug" not in result.err
        for hidden in shown(secret, ""):
            assert hidden not in result.out + result.err


def test_children_are_given_what_they_need(rsyncd: Folder, tmp_path: Path) -> None:
    """gpg, rsync, and processes of ours; all else that we know is not for them."""
    ours = {"SWIFT_PASSWORD": STEM, "AWS_SECRET_ACCESS_KEY": STEM, "FTP_PASSWORD": STEM}
    seen = tmp_path / "seen.jsonl"
    programs = tmp_path / "bin"
    programs.mkdir()
    for program in ("gpg", "rsync"):
        real = which(program)
        assert real
        text = SPY.format(python=sys.executable, log=str(seen), real=real)
        (programs / program).write_text(text)
        (programs / program).chmod(0o755)
    url = f"rsync://{rsyncd.user}@127.0.0.1:{rsyncd.port}::login/{rsyncd.new_folder()}"
    machine = Machine(
        root=tmp_path / "machine",
        folders=("hot",),
        query="mode=mirror&onfail=abort",
        options=("--style", "duplicity", "-v9"),
        env={"PASSPHRASE": PASSPHRASE, "PATH": f"{programs}:/usr/bin:/bin", **ours},
    )
    password = [{"name": "BACKEND_PASSWORD", "value": rsyncd.password}]
    entries = [
        {"url": f"file://{machine.root}/hot"},
        {"url": url, "env": password},
    ]
    machine.config_file.write_text(json.dumps(entries))
    (machine.source / "file").write_text("data")
    result = machine.call("full", "SOURCE", "URL").succeeded()
    notes = [json.loads(line) for line in seen.read_text().splitlines()]
    families = {tuple(each) for note in notes for each in note["families"]}
    assert families
    kinds = set()
    for command, environ in families:
        given = dict(x.split("=", 1) for x in environ.split("\0") if "=" in x)
        kinds.add(next((k for k in ("gpg", "rsync", "walk") if k in command), command))
        assert not {STEM, PASSPHRASE} & {*given.values()}, command
        holds = {name for name, value in given.items() if value == rsyncd.password}
        assert holds == ({"RSYNC_PASSWORD"} if "RSYNC_PASSWORD" in given else set())
        assert ("rsync" in command) == bool(holds)
    assert kinds == {"gpg", "rsync", "walk"}
    for hidden in (STEM, PASSPHRASE, rsyncd.password):
        assert hidden not in result.out + result.err
        assert not [command for command, _ in families if hidden in command]
    lines = [line for note in notes for line in note["ps"]]
    assert not [line for line in lines if STEM in line or PASSPHRASE in line]


def test_stores_that_let_us_in(
    webdav: Folder, ftp: Folder, rclone_sftp: Ssh, tmp_path: Path
) -> None:
    """A backup and a restore, with all that can be said of them."""
    machine = Machine(
        root=tmp_path,
        folders=(),
        query="mode=mirror&onfail=abort",
        options=("--no-encryption", "-v9"),
    )
    entries = []
    for scheme, server in (("webdav", webdav), ("ftp", ftp), ("sftp", rclone_sftp)):
        at = f"{server.user}@127.0.0.1:{server.port}/{server.new_folder()}"
        env = [{"name": "BACKEND_PASSWORD", "value": server.password}]
        entries.append({"url": f"{scheme}://{at}", "env": env})
    machine.config_file.write_text(json.dumps(entries))
    (machine.source / "file").write_text("data")
    known = f"--ssh-options=-oUserKnownHostsFile={rclone_sftp.known_hosts}"
    kept = machine.run("full", "SOURCE", "URL", known).succeeded()
    read = machine.run("restore", "URL", tmp_path / "restored", known).succeeded()
    assert "debug: stored " in kept.err
    for result in (kept, read):
        for hidden in (webdav.password, f"{webdav.user}:{webdav.password}"):
            encoded = base64.b64encode(hidden.encode()).decode()
            assert hidden not in result.out + result.err
            assert encoded not in result.out + result.err
