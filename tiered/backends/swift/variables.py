"""Variables with one prefix, read by the part of the name after it.

Pure: it reads the mapping that it is given.  Errors name the variable and
never repeat its value, which may be a secret.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from tiered.errors import ConfigError
from tiered.secret import Secret, text_of


class Variables:
    """The variables of one account.  An empty one counts as unset."""

    def __init__(self, prefix: str, env: Mapping[str, Secret]) -> None:
        self._prefix, self._env = prefix, env

    def name(self, short: str) -> str:
        return self._prefix + short

    def text(self, short: str) -> str | None:
        return text_of(self._env, self.name(short))

    def has(self, *shorts: str) -> bool:
        return any(self.text(s) for s in shorts)

    def need(self, short: str) -> str:
        text = self.text(short)
        if text is None:
            raise ConfigError(
                f"{self.name(short)} is not set",
                hint=f"Export {self.name(short)}; see docs/backends/swift.md.",
            )
        return text

    def secret(self, short: str) -> Secret:
        return Secret(self.need(short))

    def url(self, short: str) -> str:
        """An http(s) URL.  The message does not repeat it: it may hold a password."""
        text = self.need(short)
        try:
            parts = urlsplit(text)
            good = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            good = False
        if not good or "@" in parts.netloc:
            raise ConfigError(
                f"{self.name(short)} is not a URL of a server",
                hint="Write it as https://host/path, without user and password.",
            )
        return text

    def either(self, first: str, second: str) -> str | None:
        """Two names of one thing; USERNAME and USERID may both be set."""
        one, two = self.text(first), self.text(second)
        if one and two and one != two and not first.startswith("USER"):
            raise ConfigError(
                f"{self.name(first)} and {self.name(second)} differ",
                hint="They mean the same: set one of them.",
            )
        return one or two

    def need_one(self, what: str, value: str | None, *shorts: str) -> None:
        if not value:
            names = " or ".join(self.name(s) for s in shorts)
            raise ConfigError(f"{what} is needed: {names} is not set", hint="Set one.")
