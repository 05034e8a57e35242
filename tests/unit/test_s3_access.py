"""S3 URLs and variables, read without a server."""

import pytest

from tests.accounts import variables
from tiered.backends.s3.access import Access, Place, read_access, read_place
from tiered.errors import ConfigError
from tiered.url import parse_url


@pytest.mark.parametrize(
    ("url", "endpoint", "bucket", "prefix"),
    [
        ("s3:///b", None, "b", ""),
        ("s3:///b/p/q", None, "b", "p/q/"),
        ("s3://b/p", None, "b", "p/"),
        ("s3://b//p//", None, "b", "p/"),
        ("boto3+s3://b.c/p", None, "b.c", "p/"),
        ("s3://host.example/b/p", "https://host.example", "b", "p/"),
        ("s3://host:9000/b", "https://host:9000", "b", ""),
    ],
)
def test_urls_as_duplicity_writes_them(
    url: str, endpoint: str | None, bucket: str, prefix: str
) -> None:
    place = read_place(parse_url(url), {}, region=None, endpoint=None)
    assert place == Place(bucket=bucket, prefix=prefix, endpoint=endpoint, region=None)


def test_what_is_passed_wins_over_the_variables() -> None:
    env = variables("AWS_", REGION="r1", DEFAULT_REGION="r2", ENDPOINT_URL="https://e1")
    url = parse_url("s3:///b")
    found = read_place(url, env, region=None, endpoint=None)
    assert (found.region, found.endpoint) == ("r1", "https://e1")
    found = read_place(url, env, region="r", endpoint="https://e")
    assert (found.region, found.endpoint) == ("r", "https://e")


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("s3:///", None),
        ("s3://host.example/", None),
        ("s3://host.example/b", "https://other.example"),
        ("s3:///b", "host.example"),
        ("s3:///b", "https://user:hush@host.example"),
    ],
)
def test_places_that_are_refused(url: str, endpoint: str | None) -> None:
    with pytest.raises(ConfigError) as caught:
        read_place(parse_url(url), {}, region=None, endpoint=endpoint)
    assert "hush" not in str(caught.value)
    assert caught.value.hint


def test_half_a_key_pair_is_refused() -> None:
    with pytest.raises(ConfigError, match="AWS_SECRET_ACCESS_KEY"):
        read_access(variables("AWS_", ACCESS_KEY_ID="a"))
    with pytest.raises(ConfigError, match="AWS_ACCESS_KEY_ID"):
        read_access(variables("AWS_", SECRET_ACCESS_KEY="s", PROFILE="p"))
    assert read_access({}) == Access(keys=None, profile=None)
