"""S3 and what speaks its language, with objects that may be cold.

`s3_store` makes a store out of a URL and the usual AWS variables.  boto3 comes
with the extra `tiered[s3]` and is looked for when a store is made, not before.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from tiered.backends.s3.access import read_access, read_place
from tiered.backends.s3.archive_class import provider_of, tier_for
from tiered.backends.s3.client import Addressing, LazyClient, require_boto3
from tiered.backends.s3.protection import Encryption, Retention
from tiered.secret import Secret
from tiered.url import StoreUrl

if TYPE_CHECKING:
    from tiered.backends.s3.store import S3Store


def s3_store(
    url: StoreUrl,
    env: Mapping[str, Secret],
    *,
    timeout_s: float,
    region: str | None = None,
    endpoint: str | None = None,
    storage_class: Callable[[str], str] | str = "STANDARD",
    thaw_days: int = 7,
    thaw_tier: str | None = None,
    etags_are_md5: bool = True,
    encryption: Encryption | None = None,
    retention: Callable[[str], Retention | None] = lambda _name: None,
    addressing: Addressing | None = None,
    page_rows: int = 1000,
) -> "S3Store":
    """`s3:///bucket[/prefix]` or `s3://host[:port]/bucket[/prefix]`.

    Args:
        url: A user, password or query in it is not used.
        env: Name -> value; the names that boto3 reads.
        timeout_s: For connecting, and for each silence of the server.
        region: None: AWS_REGION, AWS_DEFAULT_REGION, or what boto3 finds.
        endpoint: URL of the server; None: the host of the URL, AWS_ENDPOINT_URL,
            or AWS.
        storage_class: One for all objects, or what to give an object of that
            name.  With a function, some objects are taken to be cold.
        thaw_days: For how long a thawed object stays readable.
        thaw_tier: "Standard", "Bulk" or "Expedited"; None: the usual one.
        etags_are_md5: False for a bucket that encrypts with SSE-KMS by itself.
        encryption: What the server is asked for; with a KMS key no ETag is an MD5.
        retention: The lock of an object of that name that is put now.
        addressing: Of the bucket, in the path or in the host name; None: in the
            host name at AWS, in the path elsewhere.
        page_rows: Of a listing; 1000 at most.

    Raises:
        ConfigError: The URL, a variable or an argument is wrong.
        MissingDependency: The extra is not installed.
    """
    require_boto3()
    from tiered.backends.s3.bucket import S3Settings
    from tiered.backends.s3.store import S3Store

    place, access = (
        read_place(url, env, region=region, endpoint=endpoint),
        read_access(env),
    )
    provider = provider_of(place.endpoint)
    one_class = storage_class if isinstance(storage_class, str) else None
    settings = S3Settings(
        bucket=place.bucket,
        prefix=place.prefix,
        provider=provider,
        storage_class=_always(storage_class)
        if isinstance(storage_class, str)
        else storage_class,
        can_be_cold=one_class is None or one_class in provider.cold_classes,
        thaw_days=thaw_days,
        thaw_tier=tier_for(provider, thaw_tier),
        page_rows=page_rows,
        etags_are_md5=etags_are_md5 and not (encryption and encryption.kms_key),
        encryption=encryption,
        retention=retention,
    )
    client = LazyClient(access, place, timeout_s, addressing)
    return S3Store(settings, client, url.label)


def _always(storage_class: str) -> Callable[[str], str]:
    return lambda _name: storage_class
