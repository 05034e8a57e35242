"""Values of a config that stand somewhere else: fetched when a store asks for them.

Each is fetched once in a run, and not at all if nobody asks.  What goes wrong is
told with the store and the variable, never with what was found: not the value, not
the arguments of a command, not what the command or the keyring says.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import Lock

from tiered.assemble.keys import read_secret_file
from tiered.assemble.wanted import Environment
from tiered.errors import ConfigError, MissingDependency
from tiered.monitor import Monitor
from tiered.secret import Secret
from tiered.settings.members import MemberConfig, Value
from tiered.settings.reference import Origin, Reference

LONGEST_COMMAND_S = 60.0
"""A person may have to unlock something meanwhile."""


class References:
    """Those of one run.

    Args:
        environment: Of the process.
        monitor: Hears of files that everybody can read.
        longest_command_s: After that a command is ended.
    """

    def __init__(
        self,
        environment: Environment,
        monitor: Monitor,
        longest_command_s: float = LONGEST_COMMAND_S,
    ) -> None:
        self._environment, self._monitor = environment, monitor
        self._longest_command_s = longest_command_s
        self._found: dict[Reference, Secret] = {}
        self._lock = Lock()
        self._fetch: dict[Origin, Callable[[Reference], str]] = {
            Origin.ENV: self._variable,
            Origin.FILE: self._file,
            Origin.CMD: self._command,
            Origin.KEYRING: _keyring,
        }

    def environment_of(self, member: MemberConfig) -> Environment:
        """What one store sees: its own `env`, then that of the process."""
        return _MemberEnvironment(member, self._environment, self.value)

    def value(self, reference: Reference) -> Secret:
        """What it leads to.

        Raises:
            ConfigError: Nothing is there, or it cannot be had.
            MissingDependency: keyring: without its library; cmd: without its program.
        """
        with self._lock:  # so two stores do not ask a person at once
            if reference not in self._found:
                text = self._fetch[reference.origin](reference)
                self._found[reference] = _checked(reference, text)
            return self._found[reference]

    def _variable(self, reference: Reference) -> str:
        found = self._environment.get(reference.words[0])
        if found is None:
            raise ConfigError(
                f"{reference} is not set", hint=f"Export {reference.words[0]}."
            )
        return found.reveal()

    def _file(self, reference: Reference) -> str:
        file = Path(reference.words[0])
        try:
            return _chomped(read_secret_file(file.expanduser(), self._monitor).reveal())
        except RuntimeError:  # whose home?
            raise ConfigError(
                f"{reference}: there is no such home", hint="Write the whole path."
            ) from None

    def _command(self, reference: Reference) -> str:
        """What it prints.  It has no terminal but /dev/tty, and its talk is dropped:
        nobody knows what it says there.
        """
        from subprocess import DEVNULL, PIPE, Popen, TimeoutExpired

        hint = "Run it by hand; it must print the value, and nothing else."
        try:
            process = Popen(reference.words, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL)
        except (OSError, ValueError) as e:
            reason = e.strerror if isinstance(e, OSError) else "not a command"
            raise MissingDependency(
                f"{reference} cannot be run: {reason}",
                hint="Give the whole path of the program.",
            ) from None
        with process:
            try:
                output, _ = process.communicate(timeout=self._longest_command_s)
            except TimeoutExpired:
                output = None  # raised below: this error would hold what was printed
                process.kill()
        if output is None:
            raise ConfigError(
                f"{reference} took longer than {self._longest_command_s:g} s", hint=hint
            )
        if process.returncode:
            raise ConfigError(
                f"{reference} ended with status {process.returncode}", hint=hint
            )
        return _chomped(output.decode("utf-8", "surrogateescape"))


class _MemberEnvironment(Mapping[str, Secret]):
    """A store's own variables count more than those of the process."""

    def __init__(
        self,
        member: MemberConfig,
        environment: Environment,
        fetch: Callable[[Reference], Secret],
    ) -> None:
        self._label, self._environment = member.label, environment
        self._own: Mapping[str, Value] = member.env
        self._fetch = fetch

    def __getitem__(self, name: str) -> Secret:
        if name not in self._own:
            return self._environment[name]
        value = self._own[name]
        if isinstance(value, Secret):
            return value
        try:
            return self._fetch(value)
        except (ConfigError, MissingDependency) as e:
            e.args = (f"{self._label}: {name}: {e}",)
            raise

    def __iter__(self) -> Iterator[str]:
        yield from {**self._environment, **self._own}

    def __len__(self) -> int:
        return len({**self._environment, **self._own})

    def __repr__(self) -> str:
        return f"<environment of {self._label}>"


def _keyring(reference: Reference) -> str:
    try:
        import keyring
        from keyring.errors import NoKeyringError
    except ImportError:
        raise MissingDependency(
            f"{reference} needs the library keyring",
            hint="Run pip install 'tiered[keyring]'.",
        ) from None
    hint = "A service without a session has no keyring: use file: or cmd: there."
    service, user = reference.words
    try:
        found = keyring.get_password(service, user)
    except NoKeyringError:
        reason = "this machine has no keyring"
    except Exception as e:  # noqa: BLE001 - it is a plug-in: it may raise, and say, anything
        reason = f"the keyring cannot be read ({type(e).__name__})"
    else:
        if found is not None:
            return found
        reason = "it is not in the keyring"
        hint = f"Store it with `keyring set {service} {user}`."
    raise ConfigError(f"{reference}: {reason}", hint=hint)


def _checked(reference: Reference, text: str) -> Secret:
    """A value that can be a variable, and that no library chokes on: its complaint
    might repeat the value.
    """
    if not text:
        raise ConfigError(
            f"{reference} is empty", hint="Put the value where it points."
        )
    if "\0" in text or any("\ud800" <= c <= "\udfff" for c in text):
        raise ConfigError(f"{reference} is not UTF-8 text", hint="Save it as UTF-8.")
    return Secret(text)


def _chomped(text: str) -> str:
    """Without the end of its last line."""
    return text.removesuffix("\n").removesuffix("\r")
