"""Fixtures: real servers of simple protocols, for the stores that speak them.

As in `tests.servers`: each starts when it is first asked for, once per worker,
on 127.0.0.1, ends with the session, and fails the test if it cannot start.
"""

import ipaddress
import math
import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import asyncssh
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.server_process import (
    BUILD,
    await_open,
    free_port,
    interpreter,
    program,
    server,
)
from tiered.clock import RehearsalClock

LOGIN: Final = "nobody"
"""Who sshd runs as, and lets in, when the tests run as root: it needs no
privilege separation then, and file modes count."""


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A server that has a folder of this machine."""

    port: int
    data: Path
    """Where its clients begin."""
    user: str
    password: str = ""

    def new_folder(self, *, exists: bool = True) -> str:
        """Its name, below `data`; nobody else uses it."""
        name = f"test-{uuid.uuid4().hex[:12]}"
        if exists:
            (self.data / name).mkdir()
            if os.geteuid() == 0:
                shutil.chown(self.data / name, self.data.owner())
        return name


@dataclass(frozen=True, kw_only=True)
class Ssh(Folder):
    """An SFTP server."""

    known_hosts: Path
    identity: Path
    """A private key that it accepts, if it accepts keys."""

    @property
    def options(self) -> str:
        """For `--ssh-options`, so that nothing of ~/.ssh is used."""
        files = {"IdentityFile": self.identity, "UserKnownHostsFile": self.known_hosts}
        return " ".join(f"-o{name}={path}" for name, path in files.items())


@pytest.fixture(scope="session")
def sshd() -> Iterator[Ssh]:
    """OpenSSH, by key."""
    with openssh(as_nobody) as found:
        yield found


@contextmanager
def openssh(login: Callable[[Path], list[str]]) -> Iterator[Ssh]:
    """OpenSSH, in a folder of its own.

    Args:
        login: Given that folder, the words that run what follows them as who logs in.
    """
    with public_folder() as folder:
        found = _ssh(folder, "nobody" if os.geteuid() == 0 else _me())
        (folder / "authorized_keys").write_bytes(
            found.identity.with_suffix(".pub").read_bytes()
        )
        (folder / "sshd_config").write_text(
            _SSHD.format(folder=folder, port=found.port)
        )
        give(folder)
        command = [*login(folder), *_sshd_program(folder), "-D", "-e"]
        command += ["-f", str(folder / "sshd_config")]
        with program(command, folder / "log", found.port):
            yield found


@pytest.fixture(scope="session")
def rclone_sftp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ssh]:
    """rclone's, by password; its rename replaces what is there."""
    folder = tmp_path_factory.mktemp("rclone-sftp")
    found = _ssh(folder, "user", "se cret")
    command = rclone("serve", "sftp", str(found.data), f"--key={folder / 'host_key'}")
    command += [f"--addr=127.0.0.1:{found.port}", "--dir-cache-time=0s"]
    command += [f"--user={found.user}", f"--pass={found.password}"]
    with program(command, folder / "log", found.port):
        yield found


def rclone(*words: str) -> list[str]:
    """A command line of rclone, without anybody's config."""
    return [str(interpreter("venv").with_name("rclone")), "--config=", *words]


# ---- OpenSSH -------------------------------------------------------------------

_SSHD = """
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM yes
StrictModes no
MaxStartups 100
Subsystem sftp internal-sftp -d {folder}/data
"""


def _ssh(folder: Path, user: str, password: str = "") -> Ssh:
    port = free_port()
    for name in ("host_key", "identity"):
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(folder / name)
        (folder / name).chmod(0o600)
        key.write_public_key(folder / f"{name}.pub")
    public = (folder / "host_key.pub").read_text()
    (folder / "known_hosts").write_text(f"* {public}")  # behind a proxy as well
    (folder / "data").mkdir()
    return Ssh(
        port=port,
        data=folder / "data",
        user=user,
        password=password,
        known_hosts=folder / "known_hosts",
        identity=folder / "identity",
    )


def _sshd_program(folder: Path) -> list[str]:
    """Debian's; one that is only unpacked is copied to where anybody may run it."""
    if Path("/usr/sbin/sshd").exists():
        return ["/usr/sbin/sshd"]
    unpacked = BUILD / "openssh"
    if not unpacked.exists():
        pytest.fail("there is no sshd: `make test` unpacks one", False)
    for path in (unpacked / "usr/sbin/sshd", *unpacked.glob("**/libwrap.so.0")):
        shutil.copy(path, folder)
    return ["env", f"LD_LIBRARY_PATH={folder}", str(folder / "sshd")]


@contextmanager
def public_folder() -> Iterator[Path]:
    """pytest's own folders are for one user alone."""
    folder = Path(tempfile.mkdtemp(prefix="tiered-sshd-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def as_nobody(_: Path) -> list[str]:
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={LOGIN}", "--regid=nogroup", "--clear-groups", "--"]


def give(folder: Path) -> None:
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, LOGIN)


def _me() -> str:
    import getpass

    return getpass.getuser()


# ---- servers of our own ------------------------------------------------------


@contextmanager
def _node(kind: str, folder: Path, user: str, *more: str) -> Iterator[Folder]:
    """A server of `contrib/servers`, with a folder in `folder`."""
    (folder / "data").mkdir()
    port = free_port()
    found = Folder(port=port, data=folder / "data", user=user, password="se cret")
    options = [f"--port={port}", f"--data={found.data}", *more]
    with server(Path(sys.executable), kind, options, folder / "log") as running:
        await_open(running, port)
        yield found


# ---- WebDAV --------------------------------------------------------------------


@pytest.fixture(scope="session")
def rclone_webdav(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    """rclone's, basic login.  Folders must be made through it: it remembers them."""
    folder = tmp_path_factory.mktemp("rclone-webdav")
    (folder / "data").mkdir()
    port = free_port()
    found = Folder(port=port, data=folder / "data", user="basic", password="se cret")
    command = rclone("serve", "webdav", str(found.data), f"--addr=127.0.0.1:{port}")
    command += [f"--user={found.user}", f"--pass={found.password}"]
    with program(command, folder / "log", port):
        yield found


def _webdav(folder: Path, login: str, *more: str) -> AbstractContextManager[Folder]:
    return _node("webdav_node", folder, login, f"--login={login}", *more)


@pytest.fixture(scope="session")
def webdav(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    """wsgidav, basic login."""
    with _webdav(tmp_path_factory.mktemp("webdav"), "basic") as found:
        yield found


@pytest.fixture(scope="session")
def webdav_digest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    """The same with a digest login."""
    with _webdav(tmp_path_factory.mktemp("webdav-digest"), "digest") as found:
        yield found


@pytest.fixture(scope="session")
def webdavs(
    tmp_path_factory: pytest.TempPathFactory, certificate: Path
) -> Iterator[Folder]:
    """The same, basic login, behind TLS."""
    folder = tmp_path_factory.mktemp("webdavs")
    with _webdav(folder, "basic", f"--certificate={certificate}") as found:
        yield found


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PEM file for 127.0.0.1: the key, and a certificate that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("certificate") / "both.pem"
    plain = serialization.NoEncryption()
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    file.write_bytes(key.private_bytes(pem, form, plain) + made.public_bytes(pem))
    return file


# ---- FTP -----------------------------------------------------------------------


def _ftp(folder: Path, *more: str) -> AbstractContextManager[Folder]:
    return _node("ftp_node", folder, "user", *more)


@pytest.fixture(scope="session")
def ftp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    """pyftpdlib, in the clear."""
    with _ftp(tmp_path_factory.mktemp("ftp")) as found:
        yield found


@pytest.fixture(scope="session")
def ftp_old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    """The same without MLSD."""
    with _ftp(tmp_path_factory.mktemp("ftp-old"), "--old") as found:
        yield found


@pytest.fixture(scope="session")
def ftps(
    tmp_path_factory: pytest.TempPathFactory, certificate: Path
) -> Iterator[Folder]:
    """The same with TLS, and not without."""
    folder = tmp_path_factory.mktemp("ftps")
    with _ftp(folder, f"--certificate={certificate}") as found:
        yield found


@pytest.fixture(scope="session")
def ftps_implicit(
    tmp_path_factory: pytest.TempPathFactory, certificate: Path
) -> Iterator[Folder]:
    """The same with TLS from the beginning; such servers usually have port 990."""
    folder = tmp_path_factory.mktemp("ftps-implicit")
    with _ftp(folder, f"--certificate={certificate}", "--implicit") as found:
        yield found


# ---- Azure ---------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Azure:
    """Azurite, behind what makes its tier Archive slow."""

    port: int
    clock_file: Path
    account: str = "devstoreaccount1"
    key: str = (  # everybody's: it stands in Microsoft's documentation
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/"
        "KBHBeksoGMGw=="
    )

    @property
    def connection_string(self) -> str:
        at = f"http://127.0.0.1:{self.port}/{self.account}"
        key = f"AccountName={self.account};AccountKey={self.key}"
        return f"DefaultEndpointsProtocol=http;{key};BlobEndpoint={at};"

    def move_clock(self, seconds: float) -> None:
        RehearsalClock(self.clock_file, speed=math.inf).sleep_s(seconds)


@pytest.fixture(scope="session")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azure]:
    """Azurite, an emulator by Microsoft; signatures are checked."""
    state = tmp_path_factory.mktemp("azure")
    inner, found = free_port(), Azure(port=free_port(), clock_file=state / "clock")
    main = BUILD / "azurite/node_modules/azurite/dist/src/blob/main.js"
    if not main.exists():
        pytest.fail("there is no Azurite: `make test` installs it", False)
    command = ["node", str(main), "--location", str(state), "--blobPort", str(inner)]
    command += ["--skipApiVersionCheck", "--silent", "--disableTelemetry"]
    options = [f"--port={found.port}", f"--azurite-port={inner}"]
    options.append(f"--clock-file={found.clock_file}")
    python, log = Path(sys.executable), state / "archive.log"
    with (
        program(command, state / "azurite.log", inner),
        server(python, "azure_archive", options, log) as running,
    ):
        await_open(running, found.port)
        yield found
