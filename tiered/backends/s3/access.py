"""Which account, endpoint and bucket an S3 store uses: URL and variables in,
values out.  Pure: it never looks at the process environment.

URLs, as duplicity 3.0 reads them (backends/s3_boto3_backend.py: empty parts are
dropped, the first is the bucket), plus a host:

    s3:///bucket[/prefix]               the endpoint that is configured
    s3://bucket[/prefix]                the same, if it has no dot and no port
    boto3+s3://bucket[/prefix]          the same
    s3://host[:port]/bucket[/prefix]    https://host[:port]

See docs/backends/s3.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from tiered.errors import ConfigError
from tiered.secret import Secret, first_set, text_of
from tiered.url import StoreUrl, prefix_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the objects are."""

    bucket: str
    prefix: str
    """Empty, or it ends in a slash."""
    endpoint: str | None
    """None is AWS."""
    region: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """An access key; `token` comes with temporary ones."""

    access: Secret
    secret: Secret
    token: Secret | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who asks.  Without keys and profile, boto3 looks where it always does."""

    keys: Keys | None
    profile: str | None


def read_access(env: Mapping[str, Secret]) -> Access:
    """The credentials among the variables.

    Raises:
        ConfigError: One half of a key pair is missing.
    """
    access = first_set(env, ("AWS_ACCESS_KEY_ID",))
    secret = first_set(env, ("AWS_SECRET_ACCESS_KEY",))
    keys = None
    if access and secret:
        token = first_set(env, ("AWS_SESSION_TOKEN",))
        keys = Keys(access=access, secret=secret, token=token)
    elif access or secret:
        missing = "AWS_SECRET_ACCESS_KEY" if access else "AWS_ACCESS_KEY_ID"
        raise ConfigError(
            f"{missing} is not set, and the other half of the key pair is",
            hint=f"Export {missing} too, or neither of them.",
        )
    return Access(keys=keys, profile=text_of(env, "AWS_PROFILE"))


def read_place(
    url: StoreUrl,
    env: Mapping[str, Secret],
    *,
    region: str | None,
    endpoint: str | None,
) -> Place:
    """Where; what is passed wins over the variables.

    Raises:
        ConfigError: There is no bucket, or two endpoints are given.
    """
    host, parts = _host_and_parts(url)
    if not parts:
        raise ConfigError(
            f"{url.scheme}:// names no bucket",
            hint="Write s3:///bucket or s3:///bucket/prefix.",
        )
    if host and endpoint and host != endpoint.rstrip("/"):
        raise ConfigError(
            f"{url.label}: its host is not the endpoint that is configured",
            hint="Write s3:///bucket/prefix, or configure no endpoint.",
        )
    found = host or endpoint or text_of(env, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    return Place(
        bucket=parts[0],
        prefix=prefix_of(parts[1:]),
        endpoint=_checked(found) if found else None,
        region=region or text_of(env, "AWS_REGION", "AWS_DEFAULT_REGION"),
    )


def _host_and_parts(url: StoreUrl) -> tuple[str | None, tuple[str, ...]]:
    """The endpoint that the URL names, and the parts of the path."""
    is_host = url.scheme == "s3" and ("." in url.host or url.port is not None)
    if is_host:
        at = f"{url.host}:{url.port}" if url.port is not None else url.host
        return f"https://{at}", url.parts[1:]
    return None, url.parts


def _checked(endpoint: str) -> str:
    """The message does not repeat the text: it may hold a password."""
    try:
        parts = urlsplit(endpoint)
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        good = False
    if not good or "@" in parts.netloc:
        raise ConfigError(
            "the S3 endpoint is not the URL of a server",
            hint="Write it as https://host[:port], without user and password.",
        )
    return endpoint
