"""What a config says about an S3 store: its `options`, as values of the backend.

The form is checked by schemas/multi.schema.json when the config is read; here is
what the schema cannot know: which classes of this provider must be thawed.
"""

from argparse import Namespace
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, TypedDict, cast

from tiered.archive.kinds import Kind, kind_of
from tiered.assemble.wanted import Wanted
from tiered.clock import Clock
from tiered.errors import ConfigError

if TYPE_CHECKING:
    from tiered.backends.s3.archive_class import Provider
    from tiered.backends.s3.client import Addressing
    from tiered.backends.s3.protection import Encryption, LockMode, Retention

_LOCKED = (Kind.ARCHIVE, Kind.MANIFEST)
_STANDARD = "STANDARD"


class KmsDocument(TypedDict):
    kms: str


class LockDocument(TypedDict):
    mode: "LockMode"
    days: int


class S3Document(TypedDict, total=False):
    """What the schema lets through."""

    storage_class: str | dict[str, str]
    sse: Literal["AES256"] | KmsDocument
    lock: LockDocument
    addressing: "Addressing"


def provider(wanted: Wanted, options: Namespace) -> "Provider":
    """Who speaks S3 there, as far as the URL and the settings tell; no I/O.

    Raises:
        ConfigError: The URL or its variables are wrong.
    """
    from tiered.backends.s3.access import read_place
    from tiered.backends.s3.archive_class import provider_of

    region, endpoint = options.s3_region, options.s3_endpoint
    place = read_place(wanted.url, wanted.env, region=region, endpoint=endpoint)
    return provider_of(place.endpoint)


def storage_class(wanted: Wanted, options: Namespace) -> Callable[[str], str]:
    """The class of an object, by its name.

    Volumes may lie cold; what every command reads never does.  The copy of a key
    that lies beside the volumes has the class of keys; debts, which are deleted
    soon, and all that is no part of an archive are STANDARD.

    Raises:
        ConfigError: As `provider`; or a type that every command reads would have
            to be thawed.
    """
    asked = _document(wanted).get("storage_class", {})
    by_type = {"archive": asked} if isinstance(asked, str) else asked
    cold = provider(wanted, options).cold_classes
    for type_, found in by_type.items():
        if type_ != Kind.ARCHIVE.value and found in cold:
            raise ConfigError(
                f"{_at(wanted)}.storage_class.{type_}: objects of class {found} must "
                "be thawed before they can be read",
                hint="Every command reads these objects: name a class that is "
                "readable at once, such as STANDARD_IA.",
            )
    classes = {Kind.ARCHIVE.value: _usual(wanted, options), **by_type}
    classes[Kind.KEY_COPY.value] = classes.get(Kind.KEY.value, _STANDARD)
    return lambda name: classes.get(kind_of(name).value, _STANDARD)


def encryption(wanted: Wanted) -> "Encryption | None":
    """What the server is asked to encrypt with."""
    from tiered.backends.s3.protection import Encryption

    asked = _document(wanted).get("sse")
    if asked is None:
        return None
    return Encryption(kms_key=asked["kms"] if isinstance(asked, dict) else None)


def retention(wanted: Wanted, clock: Clock) -> "Callable[[str], Retention | None]":
    """The lock of an object that is put now: of volumes and manifests."""
    from tiered.backends.s3.protection import Retention

    def of(name: str) -> Retention | None:
        if asked is None or kind_of(name) not in _LOCKED:
            return None
        now = datetime.fromtimestamp(clock.time_s(), UTC)
        until = now + timedelta(days=asked["days"])
        return Retention(mode=asked["mode"], until=until)

    asked = _document(wanted).get("lock")
    return of


def addressing(wanted: Wanted) -> "Addressing | None":
    """Where the bucket's name goes; None: where this kind of server wants it."""
    return _document(wanted).get("addressing")


def _usual(wanted: Wanted, options: Namespace) -> str:
    """The class of volumes, if the config names none."""
    from tiered.router.rules import Tier

    if options.s3_deep_archive or wanted.tier is Tier.COLD:
        return "DEEP_ARCHIVE"
    return "GLACIER" if options.s3_glacier else _STANDARD


def _document(wanted: Wanted) -> S3Document:
    return cast(S3Document, wanted.options)


def _at(wanted: Wanted) -> str:
    return f"{wanted.at or wanted.url.label}.options"
