"""What is special about PCA: policies, and that no read unseals by accident."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import parse_qsl

import pytest

from tests.accounts import keystone, variables
from tests.scripted import Answer, scripted
from tests.servers import OpenStack
from tiered.backends.swift import pca_store
from tiered.backends.swift.pca import PcaStore
from tiered.errors import Frozen, NotFound, Unavailable, WrongPolicy
from tiered.secret import Secret
from tiered.store import PutMode, Warmth
from tiered.testing.sources import BytesSource
from tiered.url import parse_url

DAY_S = 86_400.0


@contextmanager
def opened(container: str, env: dict[str, Secret]) -> Iterator[PcaStore]:
    url = parse_url(f"pca://{container}")
    with closing(pca_store(url, env, timeout_s=30.0)) as store:
        yield store


@pytest.fixture
def store(openstack: OpenStack) -> Iterator[PcaStore]:
    container = openstack.make_container("PCA")
    with opened(container, keystone(openstack, "PCA_")) as store:
        for name in ("a", "b", "c d/é"):
            store.put(name, BytesSource(name.encode()), PutMode.CREATE)
        openstack.forget()
        yield store


def asked(openstack: OpenStack, method: str) -> list[str]:
    """The objects that this was asked of, in order."""
    return [r.name for r in openstack.requests() if r.method == method and r.name]


def warmth(store: PcaStore, name: str) -> Warmth:
    return store.frost([name])[name].warmth


def test_a_thaw_asks_once_for_each_sealed_object(
    openstack: OpenStack, store: PcaStore
) -> None:
    store.thaw(["b"])
    store.thaw(["a", "b", "c d/é", "a"])
    store.thaw(["a", "b"])
    assert sorted(asked(openstack, "GET")) == ["a", "b", "c d/é"]
    openstack.move_clock(DAY_S / 2)
    assert warmth(store, "a") is Warmth.WARM
    store.thaw(["a"])
    assert len(asked(openstack, "GET")) == 3


@pytest.mark.parametrize("thawing", [False, True])
def test_reading_a_cold_object_asks_only_for_its_state(
    openstack: OpenStack, store: PcaStore, *, thawing: bool
) -> None:
    if thawing:
        store.thaw(["a"])
        openstack.forget()
    for read in (lambda: store.get("a"), lambda: store.get_range("a", 0, 1)):
        with pytest.raises(Frozen) as caught:
            read()
        assert (caught.value.wait_s is not None) == thawing
    assert asked(openstack, "GET") == []
    assert asked(openstack, "HEAD") == ["a", "a"]


def test_hot_verbs_never_unseal(openstack: OpenStack, store: PcaStore) -> None:
    store.list()
    store.stat("a")
    store.frost(["a", "b"])
    store.put("a", BytesSource(b"new"), PutMode.REPLACE)
    store.delete("b")
    assert asked(openstack, "GET") == []
    assert warmth(store, "a") is Warmth.COLD


def test_what_was_thawed_is_read_and_sealed_again(
    openstack: OpenStack, store: PcaStore
) -> None:
    store.thaw(["a"])
    wait_s = store.frost(["a"])["a"].wait_s
    assert wait_s is not None
    openstack.move_clock(wait_s)
    with store.get("a") as stream:
        assert stream.read() == b"a"
    assert store.get_range("a", 0, 1) == b"a"
    openstack.move_clock(2 * DAY_S)
    assert warmth(store, "a") is Warmth.COLD
    with pytest.raises(Frozen):
        store.get("a")


def test_frost_needs_one_listing_of_what_the_names_share(
    openstack: OpenStack, store: PcaStore
) -> None:
    assert store.frost([]) == {}
    assert openstack.requests() == []
    assert set(store.frost(["c d/é"])) == {"c d/é"}
    prefixes = {dict(parse_qsl(r.query))["prefix"] for r in openstack.requests()}
    assert prefixes == {"c d/é"}
    with pytest.raises(NotFound, match="'zz'"):
        store.frost(["a", "zz"])


def test_the_policy_is_checked_once(openstack: OpenStack) -> None:
    container = openstack.make_container("PCA")
    with opened(container, keystone(openstack, "PCA_")) as store:
        openstack.forget()
        store.list()
        store.list()
    methods = [r.method for r in openstack.requests()]
    assert methods == ["HEAD", "GET", "GET"]


def test_a_hot_container_is_refused(openstack: OpenStack) -> None:
    container = openstack.make_container("PCS")
    with opened(container, keystone(openstack, "PCA_")) as store:
        openstack.forget()
        for call in (
            store.list,
            store.create,
            lambda: store.get("a"),
            lambda: store.stat("a"),
            lambda: store.delete("a"),
            lambda: store.frost(["a"]),
            lambda: store.thaw(["a"]),
            lambda: store.put("a", BytesSource(b"x"), PutMode.CREATE),
        ):
            with pytest.raises(WrongPolicy, match="'PCA'") as caught:
                call()
            assert "X-Storage-Policy: PCA" in caught.value.hint
    assert asked(openstack, "PUT") == asked(openstack, "GET") == []


def test_create_makes_a_cold_container(openstack: OpenStack) -> None:
    container = openstack.new_name()
    with opened(container, keystone(openstack, "PCA_")) as store:
        assert store.create()
        assert not store.create()
    headers = openstack.admin().head_container(container)
    assert headers["x-storage-policy"] == "PCA"


# ---- a 429 has two meanings --------------------------------------------------


LISTING = (
    b'[{"name": "o", "bytes": 1, "hash": "x", "policy_retrieval_state": "sealed"}]'
)


def archive(states: list[str], *, get: int = 429) -> "Answers":
    return Answers(states, get)


class Answers:
    """A PCA container with one sealed object "o", whose GET is answered as told.

    Args:
        states: What each HEAD of the object says, in order.
        get: Status of each GET.
    """

    def __init__(self, states: list[str], get: int) -> None:
        self._states, self._get = states, get

    def __call__(self, method: str, path: str) -> Answer:
        if "marker=" in path:
            return Answer(status=200, body=b"[]")
        match method, path.partition("?")[0]:
            case "HEAD", "/c":
                return Answer(status=204, headers={"X-Storage-Policy": "PCA"})
            case "GET", "/c":
                return Answer(status=200, body=LISTING)
            case "HEAD", _:
                state = self._states.pop(0)
                headers = {"X-Ovh-Retrieval-State": state, "Content-Length": "1"}
                return Answer(status=200, headers=headers)
        return Answer(status=self._get, headers={"Retry-After": "60"}, body=b"x")


@contextmanager
def over(answers: Answers) -> Iterator[tuple[PcaStore, list[str]]]:
    with scripted(answers) as server:
        env = variables("PCA_", PREAUTHURL=server.url, PREAUTHTOKEN="t")
        with opened("c", env) as store:
            yield store, server.asked


def test_a_rate_limit_on_a_readable_object_is_no_frost() -> None:
    with (
        over(archive(["unsealed", "unsealed"])) as (store, _),
        pytest.raises(Unavailable) as caught,
    ):
        store.get("o")
    assert caught.value.wait_s == 60.0


def test_an_object_that_was_sealed_meanwhile_is_frozen() -> None:
    with over(archive(["unsealed", "unsealing"])) as (store, _), pytest.raises(Frozen):
        store.get("o")


def test_a_rate_limit_on_a_thaw_is_not_taken_for_a_thaw() -> None:
    with over(archive(["sealed"])) as (store, _), pytest.raises(Unavailable) as caught:
        store.thaw(["o"])
    assert caught.value.wait_s == 60.0


def test_a_thaw_is_done_when_the_object_is_unsealing() -> None:
    with over(archive(["unsealing"])) as (store, asked):
        store.thaw(["o"])
    assert asked.count("GET /c/o") == 1


def test_a_thaw_of_what_is_readable_by_now_reads_nothing() -> None:
    with over(archive([], get=200)) as (store, asked):
        store.thaw(["o"])
        assert store.list()[0].name == "o"
    assert asked.count("GET /c/o") == 1
