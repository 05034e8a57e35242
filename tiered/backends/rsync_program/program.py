"""One run of the program rsync for each question.

Facts, observed with rsync 3.5.0 [rsync(1)]:
  * names that `--files-from` reads are taken as they are, but for one that begins
    with # or ;, which is a remark; names on the command line may be patterns to the
    server, and words to its shell
  * a password that is not in RSYNC_PASSWORD is asked for at the terminal, so
    something always stands there, and the process has no terminal
  * messages are English in every locale, and all but printable ASCII in names is
    written as `\\#ooo`, if the locale is C
"""

import math
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import which

from tiered.backends.rsync_program.access import Access
from tiered.errors import MissingDependency
from tiered.secret import Secret

_VARIABLES = ("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "SSH_AUTH_SOCK")
_PROXY = "RSYNC_PROXY"
_NO_PASSWORD = "-"
_PATIENCE_S = 5.0
"""How long it may take to end when it is told to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one run said."""

    status: int
    lines: tuple[str, ...]
    complaints: str


class Program:
    """rsync, as it is called for one folder.

    Raises:
        MissingDependency: It is not installed.
    """

    def __init__(
        self, access: Access, env: Mapping[str, Secret], timeout_s: float, label: str
    ) -> None:
        self._env = _environment(access, env)
        self._command = [
            _found("rsync", self._env, label),
            f"--timeout={math.ceil(timeout_s)}",
            "--no-motd",
            *_way(access, timeout_s, self._env, label),
        ]

    def run(self, words: Sequence[str], folder: Path, name: str = "") -> Answer:
        """Ask something; from any thread.

        Args:
            words: Options and places.
            folder: Where relative places are.
            name: What `--files-from=-` shall read.
        """
        with subprocess.Popen(
            [*self._command, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=self._env,
            start_new_session=True,
        ) as process:
            try:
                said, complaints = process.communicate(f"./{name}\0".encode())
            except BaseException:  # Ctrl-C; it removes its temporary file
                _end(process)
                raise
        return Answer(
            status=process.returncode,
            lines=tuple(said.decode("ascii", "replace").splitlines()),
            complaints=complaints.decode("utf-8", "replace"),
        )


def _end(process: "subprocess.Popen[bytes]") -> None:
    """With whatever it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


def _environment(access: Access, env: Mapping[str, Secret]) -> dict[str, str]:
    """Of the child, and of nothing else."""
    wanted = [*_VARIABLES, *([_PROXY] if access.module else [])]
    found = {name: env[name].reveal() for name in wanted if name in env}
    found["LC_ALL"] = "C"
    if access.module:
        password = access.password.reveal() if access.password else _NO_PASSWORD
        found["RSYNC_PASSWORD"] = password
    return found


def _way(
    access: Access, timeout_s: float, env: Mapping[str, str], label: str
) -> list[str]:
    """Options that say how to reach the server."""
    patience_s = math.ceil(timeout_s)
    if access.module:
        port = [f"--port={access.port}"] if access.port else []
        return [f"--contimeout={patience_s}", *port]
    shell = [_found("ssh", env, label), "-oBatchMode=yes"]
    shell += [f"-oConnectTimeout={patience_s}", *access.ssh_options]
    if access.port:
        shell += ["-p", str(access.port)]
    return [f"--rsh={' '.join(map(_quoted, shell))}"]


def _quoted(word: str) -> str:
    """As `--rsh` is read, which no shell does [rsync(1), --rsh]."""
    return '"' + word.replace('"', '""') + '"'


def _found(program: str, env: Mapping[str, str], label: str) -> str:
    path = which(program, path=env.get("PATH"))
    if path is None:
        raise MissingDependency(
            f"{label} needs the program {program}",
            hint="Install the package rsync, and openssh-client for SSH.",
        )
    return path
