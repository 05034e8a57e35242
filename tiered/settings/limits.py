"""Limits of one store, or of all: how they are written, and what they mean.

The same four names everywhere: `options.limits` of a store in a config
(schemas/multi.schema.json, $defs/limits), and `--limit-…` on the command line.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict, cast

_RATE = re.compile(r"(?=.*[1-9])([0-9]{1,9}(?:\.[0-9]{1,9})?)([KMG])")
_MOST_REQUESTS = 1_000_000
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What may not be exceeded; None: as much as there is."""

    upload_bytes_per_s: float | None = None
    download_bytes_per_s: float | None = None
    requests_per_s: float | None = None
    connections: int | None = None
    """Calls at the same time; one that reads an object lasts as long as it reads."""


class LimitsDocument(TypedDict, total=False):
    """What the schema lets through."""

    upload: str
    download: str
    requests: float
    connections: int


def read_limits(options: Mapping[str, object]) -> Limits:
    """The limits among the `options` of a store, which the schema has checked."""
    found = cast(LimitsDocument, options.get("limits", {}))
    upload, download = found.get("upload"), found.get("download")
    return Limits(
        upload_bytes_per_s=None if upload is None else byte_rate(upload),
        download_bytes_per_s=None if download is None else byte_rate(download),
        requests_per_s=found.get("requests"),
        connections=found.get("connections"),
    )


def byte_rate(text: str) -> float:
    """Bytes per second: `500K`, `20M`, `1.5G`, in units of 1024.

    A number alone is refused, as programs differ in what they take it for.

    Raises:
        ValueError: It is not that, or zero.
    """
    match = _RATE.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is no number with K, M or G, such as 20M")
    return float(match[1]) * _UNITS[match[2]]


def request_rate(text: str) -> float:
    """Requests per second, fractions included.

    Raises:
        ValueError: It is not a number above zero, or beyond a million.
    """
    rate = float(text)
    if not 0 < rate <= _MOST_REQUESTS:
        raise ValueError(f"{text!r} is not above zero, up to {_MOST_REQUESTS}")
    return rate
