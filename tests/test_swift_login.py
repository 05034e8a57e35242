"""Logins to Swift, right and wrong."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import pytest
import requests
from keystoneauth1.identity import v3
from keystoneauth1.session import Session

from contrib.servers.fault_proxy import FaultProxy, Faults
from tests.accounts import keystone, variables
from tests.scripted import Answer, scripted
from tests.servers import OpenStack
from tests.stores import put
from tiered.backends import swift as package
from tiered.backends.swift import swift_store
from tiered.backends.swift.store import SwiftStore
from tiered.errors import (
    ConfigError,
    Denied,
    MissingDependency,
    StoreError,
    Unavailable,
)
from tiered.secret import Secret
from tiered.url import parse_url

DATA = bytes(i % 251 for i in range(3_000_000))


@contextmanager
def opened(container: str, env: dict[str, Secret]) -> Iterator[SwiftStore]:
    url = parse_url(f"swift://{container}")
    with closing(swift_store(url, env, timeout_s=30.0)) as store:
        yield store


def test_a_wrong_password_is_denied_and_not_shown(openstack: OpenStack) -> None:
    env = keystone(openstack, "SWIFT_", PASSWORD="not-it")
    with opened("any", env) as store, pytest.raises(Denied) as caught:
        store.list()
    assert "SWIFT_PASSWORD" in caught.value.hint
    assert "not-it" not in str(caught.value) + caught.value.hint
    assert urlsplit(openstack.auth_url).netloc in str(caught.value)


def test_an_unknown_region_lists_those_there_are(openstack: OpenStack) -> None:
    env = keystone(openstack, "SWIFT_", REGIONNAME="XYZ")
    with opened("any", env) as store, pytest.raises(ConfigError) as caught:
        store.list()
    assert "'XYZ'" in str(caught.value)
    assert openstack.region in str(caught.value)
    assert "SWIFT_REGIONNAME" in caught.value.hint


def test_with_several_regions_one_must_be_named(openstack: OpenStack) -> None:
    other = openstack.region_at(openstack.swift_port)
    env = keystone(openstack, "SWIFT_", REGIONNAME=None)
    with opened("any", env) as store, pytest.raises(ConfigError) as caught:
        store.list()
    assert other in str(caught.value)


def test_a_login_of_another_version_says_so(openstack: OpenStack) -> None:
    url = openstack.auth_url.removesuffix("/v3")
    env = keystone(openstack, "SWIFT_", AUTHURL=url, AUTHVERSION="2")
    with opened("any", env) as store, pytest.raises(ConfigError) as caught:
        store.list()
    assert "SWIFT_AUTHVERSION" in caught.value.hint


@pytest.mark.parametrize("version", ["v1.0", "v3"])
def test_a_login_that_is_answered_400_is_refused_as_one_that_is_answered_401(
    version: str,
) -> None:
    """So it is one member of a mirror that fails, and not the config."""
    env = variables("SWIFT_", USERNAME="u", PASSWORD="hush", TENANTID="t")
    with scripted(lambda _method, _path: Answer(status=400)) as server:
        env |= variables("SWIFT_", AUTHURL=f"{server.url}/{version}")
        with opened("any", env) as store, pytest.raises(Denied) as caught:
            store.list()
    assert "SWIFT_USERNAME" in caught.value.hint
    assert "SWIFT_AUTHURL" in caught.value.hint
    assert "hush" not in f"{caught.value}{caught.value.hint}{caught.value.facts}"


def test_what_answers_no_login_at_all_tells_what_to_check() -> None:
    env = variables("SWIFT_", USERNAME="u", PASSWORD="p")
    with scripted(lambda _method, _path: Answer(status=200)) as server:
        env |= variables("SWIFT_", AUTHURL=f"{server.url}/v1.0")
        with opened("any", env) as store, pytest.raises(StoreError) as caught:
            store.list()
    assert "SWIFT_AUTHURL" in caught.value.hint


def test_an_unreachable_login_names_the_host(
    openstack: OpenStack, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy = fault_proxy(openstack.auth_port)
    proxy.faults = Faults(refuse=True)
    url = f"http://127.0.0.1:{proxy.port}/v3"
    env = keystone(openstack, "SWIFT_", AUTHURL=url)
    with opened("any", env) as store, pytest.raises(Unavailable) as caught:
        store.list()
    assert f"127.0.0.1:{proxy.port}" in str(caught.value)


def test_an_overloaded_login_tells_when_to_come_back() -> None:
    busy = Answer(status=429, headers={"Retry-After": "17"})
    with scripted(lambda _method, _path: busy) as server:
        env = variables(
            "SWIFT_",
            AUTHURL=f"{server.url}/v3",
            USERNAME="u",
            PASSWORD="p",
            TENANTID="t",
        )
        with opened("any", env) as store, pytest.raises(Unavailable) as caught:
            store.list()
    assert caught.value.wait_s == 17.0
    assert len(server.asked) == 1


def test_project_and_user_by_name(openstack: OpenStack) -> None:
    container = openstack.make_container()
    env = keystone(
        openstack,
        "SWIFT_",
        TENANTID=None,
        PROJECT_NAME=openstack.project_name,
        PROJECT_DOMAIN_NAME=None,
        USER_DOMAIN_ID="default",
        AUTHURL=openstack.auth_url.removesuffix("/v3"),
    )
    with opened(container, env) as store:
        assert store.list() == ()


def test_an_application_credential(openstack: OpenStack) -> None:
    container = openstack.make_container()
    user_id, token = _user_and_token(openstack)
    body = {"application_credential": {"name": container, "secret": "app-secret"}}
    answer = requests.post(
        f"{openstack.auth_url}/users/{user_id}/application_credentials",
        json=body,
        headers={"X-Auth-Token": token},
        timeout=30,
    )
    env = variables(
        "SWIFT_",
        AUTHURL=openstack.auth_url,
        REGIONNAME=openstack.region,
        APPLICATION_CREDENTIAL_ID=answer.json()["application_credential"]["id"],
        APPLICATION_CREDENTIAL_SECRET="app-secret",
    )
    with opened(container, env) as store:
        put(store, "o")
        assert [e.name for e in store.list()] == ["o"]


def _user_and_token(openstack: OpenStack) -> tuple[str, str]:
    login = v3.Password(
        auth_url=openstack.auth_url,
        username=openstack.user,
        password=openstack.password,
        user_domain_name=openstack.domain,
        project_id=openstack.project_id,
    )
    with requests.Session() as connections:
        found = login.get_access(Session(login, session=connections))
    return str(found.user_id), str(found.auth_token)


def test_a_refused_token_is_renewed_once(openstack: OpenStack) -> None:
    """A v1 login whose first token is a stale one."""
    container = openstack.make_container()
    url, token = openstack.admin().get_auth()
    tokens = ["stale", token]

    def login(_method: str, _path: str) -> Answer:
        headers = {"X-Storage-Url": url, "X-Auth-Token": tokens.pop(0)}
        return Answer(status=204, headers=headers)

    with scripted(login) as server:
        env = variables(
            "SWIFT_", AUTHURL=f"{server.url}/auth/v1.0", USERNAME="a:u", PASSWORD="p"
        )
        with opened(container, env) as store:
            put(store, "o", DATA)
            with store.get("o") as stream:
                assert stream.read() == DATA
    assert server.asked == ["GET /auth/v1.0"] * 2


def test_a_ready_token_that_is_refused_is_denied(openstack: OpenStack) -> None:
    url, _ = openstack.admin().get_auth()
    env = variables("SWIFT_", PREAUTHURL=url, PREAUTHTOKEN="stale-token")
    with opened("any", env) as store, pytest.raises(Denied) as caught:
        store.list()
    assert "SWIFT_PREAUTHTOKEN" in caught.value.hint
    assert "stale-token" not in str(caught.value)


def test_nothing_is_asked_before_the_first_call() -> None:
    with scripted(lambda _method, _path: Answer(status=500)) as server:
        env = variables("SWIFT_", PREAUTHURL=server.url, PREAUTHTOKEN="t")
        with opened("any", env):
            pass
    assert server.asked == []


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "find_spec", lambda _: None)
    env = variables("SWIFT_", PREAUTHURL="http://a", PREAUTHTOKEN="t")
    with pytest.raises(MissingDependency, match="swiftclient") as caught:
        swift_store(parse_url("swift://c"), env, timeout_s=1.0)
    assert "tiered[swift]" in caught.value.hint
