"""Passphrases and keys, as the command line and the environment give them.

A passphrase comes from the first of: a file, a command, a variable, the terminal.
None of them appears in a message, nor does what is in them.
"""

import os
import stat
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tiered.assemble.wanted import Environment
from tiered.codec.envelope import AgeEnvelope, Envelope, PlainEnvelope
from tiered.engine.context import Context
from tiered.errors import ConfigError, MissingDependency, PassphraseError
from tiered.monitor import Monitor
from tiered.secret import Secret

if TYPE_CHECKING:  # `age` takes long to load, and some commands need no key
    from tiered.codec.age import X25519Identity, X25519Recipient
    from tiered.engine.native.keyring import Keyring, NewWay

_KEY_START = "AGE-SECRET-KEY-1"


class Passphrases:
    """Those of one run; each is asked for once."""

    def __init__(
        self, options: Namespace, environment: Environment, monitor: Monitor
    ) -> None:
        self._options, self._environment = options, environment
        self._monitor = monitor
        self._current: Secret | None = None

    def current(self, *, is_new: bool) -> Secret:
        """The archive's: `--passphrase-file`, `--passphrase-command`, `PASSPHRASE`,
        or the terminal, where a new one is asked for twice.

        Raises:
            PassphraseError: There is none, or it is empty.
            ConfigError: The file or the command cannot be used.
        """
        if self._current is None:
            given = self._said()
            if given is None and sys.stdin.isatty():
                given = _prompt("Passphrase", twice=is_new)
            if given is None or not given.reveal():
                raise PassphraseError(
                    "no passphrase is given", hint=self._hint(is_new=is_new)
                )
            self._current = given
        return self._current

    def unasked(self) -> Secret | None:
        """The archive's, if it can be had without a question at the terminal.

        Raises:
            ConfigError: The file or the command cannot be used.
        """
        given = self._current or self._said()
        return given if given and given.reveal() else None

    def _hint(self, *, is_new: bool) -> str:
        if is_new:
            return "Set PASSPHRASE, or say --no-encryption to write in the clear."
        if self._options.recipient:
            return (
                "Set PASSPHRASE, or say --identity FILE: the public key does not "
                "read.  Where there is no cache, begin with `tiered full`."
            )
        return "Set PASSPHRASE; an archive of style tiered --identity FILE opens, too."

    def replacement(self) -> Secret:
        """A new one beside it: `--new-passphrase-file`, `NEW_PASSPHRASE`, or the
        terminal, twice.

        Raises:
            PassphraseError: There is none, or it is empty.
            ConfigError: The file cannot be used.
        """
        file = self._options.new_passphrase_file
        given = self._read(file) if file else self._environment.get("NEW_PASSPHRASE")
        if given is None and sys.stdin.isatty():
            given = _prompt("New passphrase", twice=True)
        if given is None or not given.reveal():
            raise PassphraseError(
                "no new passphrase is given",
                hint="Set NEW_PASSPHRASE, or say --new-passphrase-file or --recipient.",
            )
        return given

    def _said(self) -> Secret | None:
        if self._options.passphrase_file:
            return self._read(self._options.passphrase_file)
        if self._options.passphrase_command:
            return _ask_command(self._options.passphrase_command)
        return self._environment.get("PASSPHRASE")

    def _read(self, file: str) -> Secret:
        return Secret(_first_line(read_secret_file(Path(file), self._monitor)))


class KeyOptions:
    """What the options say about keys."""

    def __init__(
        self, options: Namespace, passphrases: Passphrases, monitor: Monitor
    ) -> None:
        self._options, self._passphrases = options, passphrases
        self._monitor = monitor

    def keyring(self, context: Context, *, told: bool) -> "Keyring":
        """The keys of one archive.

        Args:
            context: The archive.
            told: `--recipient` is the archive's; else it is whom to let in.

        Raises:
            ConfigError: `--recipient` is no public key.
        """
        from tiered.engine.native.keyring import Keyring, KeySources

        sources = KeySources(
            passphrase=self._passphrases.current,
            identities=self._identities,
            recipient=self._recipient() if told else None,
            work_factor=self._options.work_factor,
            random_bytes=os.urandom,
        )
        return Keyring(context, sources)

    def is_encrypted(self, environment: Environment) -> bool | None:
        """What the user says of the archive; None: nothing.

        Who gives a key or a passphrase says that it is.
        """
        options = self._options
        if options.encryption is not None:
            return bool(options.encryption)
        given = (
            options.identity,
            options.recipient,
            options.passphrase_file,
            options.passphrase_command,
            environment.get("PASSPHRASE", Secret("")).reveal(),
        )
        return True if any(given) else None

    def first_way(self) -> "NewWay":
        """Whom a new archive lets in: `--recipient`, or who knows the passphrase."""
        return self._way(lambda: self._passphrases.current(is_new=True))

    def unasked_way(self) -> "NewWay | None":
        """Who knows the passphrase, if one is given; nobody is asked for it."""
        from tiered.engine.native.keyring import passphrase_way

        given = self._passphrases.unasked()
        return passphrase_way(given, self._options.work_factor) if given else None

    def new_way(self) -> "NewWay":
        """Whom to let in as well: `--recipient`, or who knows the new passphrase."""
        return self._way(self._passphrases.replacement)

    def _way(self, passphrase: Callable[[], Secret]) -> "NewWay":
        from tiered.engine.native.keyring import NewWay, passphrase_way

        if recipient := self._recipient():
            return NewWay(recipient, None)
        return passphrase_way(passphrase(), self._options.work_factor)

    def _recipient(self) -> "X25519Recipient | None":
        from tiered.codec.age import X25519Recipient

        text = self._options.recipient
        return X25519Recipient.parse(text.strip()) if text else None

    def _identities(self) -> "Sequence[X25519Identity]":
        if not self._options.identity:
            return ()
        file = Path(self._options.identity)
        return _read_identities(read_secret_file(file, self._monitor), file)


def envelopes(keyring: "Callable[[], Keyring]") -> Callable[[str], Envelope]:
    """Suffix of a name -> its envelope; the keyring is asked when a key is needed."""
    plain = PlainEnvelope()
    age = AgeEnvelope(
        lambda: keyring().recipients(), lambda: keyring().identities(), os.urandom
    )

    def envelope_for(suffix: str) -> Envelope:
        if suffix not in ("", ".age"):
            raise ConfigError(f"objects that end in {suffix!r} cannot be read yet")
        return age if suffix else plain

    return envelope_for


def read_secret_file(file: Path, monitor: Monitor) -> Secret:
    """The text of a file that only its owner should be able to read.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        with file.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            data = stream.read()
    except OSError as e:
        raise ConfigError(
            f"{file} cannot be read: {e.strerror}",
            hint="It must hold the passphrase or key, and be readable for you alone.",
        ) from e
    if stat.S_ISREG(mode) and mode & stat.S_IRWXO:
        monitor.warn(f"everybody can read or change {file}", f"chmod o= {file}")
    return Secret(data.decode("utf-8", "surrogateescape"))


def _first_line(text: Secret) -> str:
    return text.reveal().partition("\n")[0].removesuffix("\r")


def _ask_command(command: str) -> Secret:
    """What a program prints first.  No shell reads the command; the program may
    speak to the terminal.
    """
    import shlex
    import subprocess

    try:
        words = shlex.split(command)
    except ValueError as e:
        raise _no_command(f"cannot be read: {e}") from None
    if not words:
        raise _no_command("is empty")
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, check=False)
    except OSError as e:
        raise MissingDependency(
            f"the passphrase command {words[0]} cannot be run: {e.strerror}",
            hint="Give the whole path of the program in --passphrase-command.",
        ) from None
    if done.returncode:
        raise PassphraseError(
            f"the passphrase command {words[0]} ended with status {done.returncode}",
            hint="Run it by hand; it must print the passphrase, and nothing before it.",
        )
    text = Secret(done.stdout.decode("utf-8", "surrogateescape"))
    return Secret(_first_line(text))


def _no_command(reason: str) -> ConfigError:
    return ConfigError(
        f"--passphrase-command {reason}",
        hint="Write a program and its arguments, quoted as in a shell.",
    )


def _read_identities(text: Secret, file: Path) -> "Sequence[X25519Identity]":
    """An identity file of age, a recovery sheet, or a key that was typed from one."""
    from tiered.codec.age import X25519Identity, identity_from_sheet, is_sheet

    lines = [line.strip() for line in text.reveal().splitlines()]
    typed = "".join(line for line in lines if not line.startswith("#"))
    before, *keys = "".join(typed.upper().split()).split(_KEY_START)
    try:
        if is_sheet(text):
            return (identity_from_sheet(text),)
        if before or not keys:
            keys = [before]
        return tuple(X25519Identity.parse(Secret(_KEY_START + key)) for key in keys)
    except PassphraseError as e:
        e.args = (f"{file}: {e}",)
        raise


def _prompt(what: str, *, twice: bool) -> Secret:
    import getpass

    first = getpass.getpass(f"{what}: ")
    if twice and getpass.getpass("The same again: ") != first:
        raise PassphraseError("the two passphrases differ", hint="Try again.")
    return Secret(first)
