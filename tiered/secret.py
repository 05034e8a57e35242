"""Text that must not be seen: it cannot print, format or pickle itself."""

from collections.abc import Iterable, Mapping
from typing import NoReturn


class Secret:
    """A password, passphrase or token.  Only `reveal` gives the text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself; pass it on at once and never keep it elsewhere."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(...)"

    def __str__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")


def first_set(env: Mapping[str, Secret], names: Iterable[str]) -> Secret | None:
    """The first of these variables that is set; an empty one is not."""
    found = (env.get(name) for name in names)
    return next((secret for secret in found if secret and secret.reveal()), None)


def text_of(env: Mapping[str, Secret], *names: str) -> str | None:
    """What the first of these variables says that is set."""
    found = first_set(env, names)
    return found.reveal() if found else None
