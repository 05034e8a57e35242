"""Stores on S3, for tests."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager

from tests.accounts import s3_keys
from tests.servers import OpenStack
from tiered.backends.s3 import s3_store
from tiered.backends.s3.store import S3Store
from tiered.secret import Secret
from tiered.url import parse_url

ANY_KEYS = s3_keys("access", "hush")


@contextmanager
def opened(
    bucket: str,
    endpoint: str,
    env: Mapping[str, Secret] = ANY_KEYS,
    storage_class: Callable[[str], str] | str = "STANDARD",
    timeout_s: float = 30.0,
) -> Iterator[S3Store]:
    store = s3_store(
        parse_url(f"s3:///{bucket}"),
        env,
        timeout_s=timeout_s,
        endpoint=endpoint,
        storage_class=storage_class,
    )
    with closing(store):
        yield store


@contextmanager
def on_swift(openstack: OpenStack) -> Iterator[S3Store]:
    """A store on a new bucket of Swift, which checks signatures."""
    keys = s3_keys(openstack.s3_access, openstack.s3_secret)
    bucket = openstack.make_container()
    with opened(bucket, openstack.s3_url, keys) as store:
        yield store
