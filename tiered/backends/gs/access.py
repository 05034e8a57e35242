"""Which bucket a store on Google Cloud Storage uses, and who asks: URL and variables
in, values out.  It never looks at the process environment, nor at what Google's tools
have left on the machine.

    gs://bucket[/prefix]

See docs/backends/gs.md.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiered.errors import ConfigError
from tiered.secret import Secret, text_of
from tiered.url import StoreUrl, prefix_of

CREDENTIALS = "GOOGLE_APPLICATION_CREDENTIALS"
ENDPOINT = "STORAGE_EMULATOR_HOST"
"""The names that Google's own libraries have."""
CLASSES = ("STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE")
"""All of them can be read at once; docs/backends/gs.md tells what they cost."""
COLDEST = "ARCHIVE"

_KEY_HINT = "Make a JSON key of the service account, and name its file."


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the objects are."""

    bucket: str
    prefix: str
    """Empty, or it ends in a slash."""
    endpoint: str | None
    """Of another server than Google's."""


def read_place(url: StoreUrl, env: Mapping[str, Secret]) -> Place:
    """Where the objects are.

    Raises:
        ConfigError: There is no bucket, or something that no URL of this kind has.
    """
    if not url.parts or url.query or url.user or url.port:
        raise ConfigError(
            f"{url.label}: a URL of Google Cloud Storage is a bucket and perhaps a "
            "prefix",
            hint="Write gs://bucket or gs://bucket/prefix.",
        )
    endpoint = text_of(env, ENDPOINT) or ""
    if endpoint and "://" not in endpoint:
        endpoint = f"http://{endpoint}"
    return Place(
        bucket=url.parts[0],
        prefix=prefix_of(url.parts[1:]),
        endpoint=endpoint.rstrip("/") or None,
    )


def read_key(env: Mapping[str, Secret]) -> Mapping[str, Any]:
    """The key of the service account: what Google's JSON file says.

    Its variable holds the path of that file, or what is in it.  The file is read.

    Raises:
        ConfigError: It is not named, cannot be read, or is no key of that kind.
    """
    text = text_of(env, CREDENTIALS)
    if not text:
        raise ConfigError(f"{CREDENTIALS} is not set", hint=_KEY_HINT)
    if not text.lstrip().startswith("{"):
        text = _read(Path(text))
    try:
        key = json.loads(text)
    except ValueError:  # its text would repeat what was read
        key = None
    if not isinstance(key, dict) or key.get("type") != "service_account":
        raise ConfigError(
            f"what {CREDENTIALS} names is not the key of a service account",
            hint=_KEY_HINT,
        )
    return key


def checked_class(name: str) -> str:
    """A storage class as Google spells it.

    Raises:
        ConfigError: There is no such class.
    """
    if name.upper() in CLASSES:
        return name.upper()
    raise ConfigError(
        f"Google has no storage class {name!r}", hint=f"It has {', '.join(CLASSES)}."
    )


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as e:
        why = getattr(e, "strerror", None) or "it is not text"
        raise ConfigError(
            f"{CREDENTIALS}: {path} cannot be read: {why}", hint=_KEY_HINT
        ) from e
