"""OpenPGP through the `gpg` program: symmetric, as duplicity writes and reads it.

Facts, observed with gpg 2.2.40:
  * with `--passphrase-fd` and an explicit `--s2k-count`, no agent is needed for
    symmetric work, so none is started (`--no-autostart`) and none stays behind
  * the status line `BAD_PASSPHRASE` means that the session key did not open;
    `BADMDC`, that bytes were changed; only `DECRYPTION_OKAY` and exit status 0
    mean success
  * AES256, S2K mode 3 with count 65,011,712, MDC: the same as duplicity 3.2.1

  * two that start at once with no home directory both try to make it, and one
    fails with "File exists"

The passphrase goes through a pipe of its own: never the command line, the
environment or a file.  Of our environment gpg is given what it reads, as others may
hold the passwords of stores.
"""

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from tiered.codec.codec import Decoder, Encoder
from tiered.errors import (
    ArchiveDamaged,
    EncryptionFailed,
    MissingDependency,
    PassphraseError,
    ScratchError,
)
from tiered.secret import Secret

VARIABLES = (
    *("PATH", "LD_LIBRARY_PATH", "HOME", "GNUPGHOME", "XDG_RUNTIME_DIR", "TMPDIR"),
    *("USER", "LOGNAME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_MESSAGES"),
)
"""What gpg may need of an environment [gpg(1), ENVIRONMENT]."""

_COMMON = ("--batch", "--no-tty", "--no-autostart", "--no-secmem-warning")
_HOW_TO_FIX = "Set PASSPHRASE to the one the archive was written with."


@dataclass(frozen=True, slots=True, kw_only=True)
class GnupgSettings:
    """How to call gpg."""

    passphrase: Secret
    program: str = "gpg"
    options: tuple[str, ...] = ()
    compress: bool = True
    env: Mapping[str, str] | None = None
    """Its whole environment; None: that of this process."""


class Gnupg:
    """Symmetric encryption; gpg compresses as well."""

    suffix = ".gpg"

    def __init__(self, settings: GnupgSettings) -> None:
        self._settings = settings

    def prepare(self) -> None:
        """Let gpg make its home directory, before two of it try to at once.

        Raises:
            MissingDependency: There is no such program.
        """
        program = self._settings.program
        command = [program, *_COMMON, *self._settings.options, "--print-md", "sha1"]
        try:
            # Only that it ran matters: if another gpg was faster, this one fails.
            subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=self._settings.env,
                check=False,
            )
        except OSError as e:
            raise _not_there(program, e) from e

    def encode(self, target: BinaryIO) -> Encoder:
        arguments = ["--s2k-count", "65011712", "--force-mdc", "--symmetric"]
        if not self._settings.compress:
            arguments[:0] = ["--compress-algo", "none"]
        return _Encoder(_start(self._settings, arguments, subprocess.PIPE, target))

    def decode(self, source: BinaryIO, name: str) -> Decoder:
        process = _start(self._settings, ["--decrypt"], source, subprocess.PIPE)
        return _Decoder(process, name)


@dataclass(slots=True)
class _Process:
    popen: subprocess.Popen[bytes]
    talk: BinaryIO
    """Where its messages and status lines land."""

    def wait(self) -> tuple[int, str]:
        """Exit status and messages."""
        status = self.popen.wait()
        self.talk.seek(0)
        text = self.talk.read().decode("utf-8", "replace")
        self.talk.close()
        return status, text

    def kill(self) -> None:
        for pipe in (self.popen.stdin, self.popen.stdout):
            if pipe:
                with suppress(BrokenPipeError):
                    pipe.close()
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()
        self.talk.close()


def _start(
    settings: GnupgSettings,
    arguments: Sequence[str],
    stdin: BinaryIO | int,
    stdout: BinaryIO | int,
) -> _Process:
    read_end, write_end = os.pipe()
    talk: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - closed in wait, kill
    try:
        popen = subprocess.Popen(
            [
                settings.program,
                *_COMMON,
                f"--passphrase-fd={read_end}",
                "--status-fd=2",
                *arguments,
                *settings.options,  # behind our own, so that they win
            ],
            stdin=stdin,
            stdout=stdout,
            stderr=talk,
            env=settings.env,
            pass_fds=(read_end,),
        )
    except OSError as e:
        talk.close()
        os.close(write_end)
        raise _not_there(settings.program, e) from e
    finally:
        os.close(read_end)
    with suppress(BrokenPipeError), os.fdopen(write_end, "wb") as pipe:
        pipe.write(settings.passphrase.reveal().encode() + b"\n")
    return _Process(popen, talk)


class _Encoder:
    def __init__(self, process: _Process) -> None:
        self._process = process
        assert process.popen.stdin is not None
        self._stdin = process.popen.stdin

    def write(self, data: bytes) -> None:
        try:
            self._stdin.write(data)
        except BrokenPipeError:
            self.close()

    def close(self) -> None:
        with suppress(BrokenPipeError):
            self._stdin.close()
        status, talk = self._process.wait()
        if status == 0:
            return
        if "No space left" in talk:
            raise ScratchError(
                "the temporary directory is full",
                hint="Free space there, or choose another with --tempdir.",
            )
        raise EncryptionFailed(
            f"gpg failed to encrypt: {_last_words(talk)}",
            hint="Run gpg --symmetric by hand with the same options.",
        )

    def abort(self) -> None:
        if not self._process.talk.closed:
            self._process.kill()


class _Decoder:
    def __init__(self, process: _Process, name: str) -> None:
        self._process, self._name = process, name
        assert process.popen.stdout is not None
        self._stdout = process.popen.stdout

    def read(self, size: int, /) -> bytes:
        if self._stdout.closed:  # the end was reached, and checked
            return b""
        data = self._stdout.read(size)
        if not data and size:
            self._check()
        return data

    def close(self) -> None:
        while self.read(1 << 16):
            pass

    def abort(self) -> None:
        if not self._process.talk.closed:
            self._process.kill()

    def _check(self) -> None:
        if self._process.talk.closed:
            return
        self._stdout.close()
        status, talk = self._process.wait()
        if status == 0 and "[GNUPG:] DECRYPTION_OKAY" in talk:
            return
        if "BADMDC" in talk or "[GNUPG:] PLAINTEXT" in talk:
            raise ArchiveDamaged(
                f"{self._name!r} was changed after it was encrypted",
                hint="Read another copy of it, if there is one.",
            )
        if "DECRYPTION_FAILED" in talk:
            raise PassphraseError(
                f"the passphrase does not open {self._name!r}", hint=_HOW_TO_FIX
            )
        raise ArchiveDamaged(
            f"gpg cannot read {self._name!r}: {_last_words(talk)}",
            hint="Read another copy of it, if there is one.",
        )


def _not_there(program: str, error: OSError) -> MissingDependency:
    return MissingDependency(
        f"the program {program!r} cannot be run: {error.strerror}",
        hint="Install GnuPG (Debian: apt-get install gnupg), or give its path "
        "with --gpg-binary.",
    )


def _last_words(talk: str) -> str:
    """The last line that gpg wrote for people."""
    lines = [t for t in talk.splitlines() if t and not t.startswith("[GNUPG:]")]
    return lines[-1].removeprefix("gpg: ") if lines else "it gave no reason"
