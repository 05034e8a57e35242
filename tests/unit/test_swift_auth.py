"""duplicity's variables, read without a server."""

import pytest

from tests.accounts import variables
from tiered.backends.swift.auth import (
    Domain,
    ReadyToken,
    V1Password,
    V2Password,
    V3Application,
    V3Password,
    read_account,
)
from tiered.errors import ConfigError
from tiered.secret import Secret

V3 = "https://auth.example/v3"
BASE: dict[str, str | None] = {
    "AUTHURL": V3,
    "USERNAME": "user",
    "PASSWORD": "hush",
    "TENANTID": "abc",
}


def test_the_guide_of_ovh_names_the_domain_of_the_project_only() -> None:
    env = variables("PCA_", **BASE, AUTHVERSION="3", PROJECT_DOMAIN_NAME="Default")
    account = read_account("PCA_", env, default_version=2)
    assert account.login == V3Password(
        auth_url=V3,
        username="user",
        user_id=None,
        user_domain=Domain(None, "Default"),
        password=Secret("hush"),
        project_id="abc",
        project_name=None,
        project_domain=Domain(None, "Default"),
    )
    assert account.region is None
    assert account.host == "auth.example"


@pytest.mark.parametrize(
    ("given", "user", "project"),
    [
        ({}, Domain(None, "Default"), Domain(None, "Default")),
        ({"PROJECT_DOMAIN_ID": "p"}, Domain("p", None), Domain("p", None)),
        ({"USER_DOMAIN_NAME": "U"}, Domain(None, "U"), Domain(None, "U")),
        (
            {"USER_DOMAIN_NAME": "U", "PROJECT_DOMAIN_NAME": "P"},
            Domain(None, "U"),
            Domain(None, "P"),
        ),
    ],
)
def test_domains_fall_back_on_each_other(
    given: dict[str, str | None], user: Domain, project: Domain
) -> None:
    env = variables("SWIFT_", **(BASE | given))
    login = read_account("SWIFT_", env, default_version=1).login
    assert isinstance(login, V3Password)
    assert (login.user_domain, login.project_domain) == (user, project)


@pytest.mark.parametrize(
    ("url", "version", "default", "kind"),
    [
        ("https://a/v3", None, 1, V3Password),
        ("https://a/identity/v3/", None, 2, V3Password),
        ("https://a/v2.0", None, 1, V2Password),
        ("https://a/auth/v1.0", None, 2, V1Password),
        ("https://a/auth", None, 1, V1Password),
        ("https://a", None, 2, V2Password),
        ("https://a", "3", 1, V3Password),
        ("https://a", "2.0", 1, V2Password),
        ("https://a", "1.0", 2, V1Password),
    ],
)
def test_the_version_comes_from_url_variable_or_scheme(
    url: str, version: str | None, default: int, kind: type
) -> None:
    env = variables("SWIFT_", **(BASE | {"AUTHURL": url, "AUTHVERSION": version}))
    assert isinstance(read_account("SWIFT_", env, default_version=default).login, kind)


@pytest.mark.parametrize(
    ("url", "version", "full"),
    [
        ("https://a", "3", "https://a/v3"),
        ("https://a/identity/", "3", "https://a/identity/v3"),
        ("https://a/v3/", None, "https://a/v3"),
        ("https://a", "2", "https://a/v2.0"),
    ],
)
def test_the_url_gets_its_version(url: str, version: str | None, full: str) -> None:
    env = variables("SWIFT_", **(BASE | {"AUTHURL": url, "AUTHVERSION": version}))
    login = read_account("SWIFT_", env, default_version=1).login
    assert isinstance(login, V2Password | V3Password)
    assert login.auth_url == full


def test_a_v2_user_may_name_the_tenant() -> None:
    changed = {"AUTHURL": "https://a/v2.0", "USERNAME": "t:u", "TENANTID": None}
    env = variables("SWIFT_", **(BASE | changed))
    login = read_account("SWIFT_", env, default_version=1).login
    assert isinstance(login, V2Password)
    assert (login.project_name, login.username) == ("t", "u")


def test_a_ready_token_needs_nothing_else() -> None:
    env = variables("SWIFT_", PREAUTHURL="https://s/v1/AUTH_x", PREAUTHTOKEN="tok")
    account = read_account("SWIFT_", env, default_version=1)
    assert account.login == ReadyToken(url="https://s/v1/AUTH_x", token=Secret("tok"))
    assert account.host == "s"


def test_an_application_credential_means_v3() -> None:
    env = variables(
        "SWIFT_",
        AUTHURL="https://a",
        APPLICATION_CREDENTIAL_ID="id",
        APPLICATION_CREDENTIAL_SECRET="hush",
    )
    login = read_account("SWIFT_", env, default_version=1).login
    assert isinstance(login, V3Application)
    assert (login.auth_url, login.id, login.secret) == (
        "https://a/v3",
        "id",
        Secret("hush"),
    )


def test_region_and_interface() -> None:
    env = variables("SWIFT_", **BASE, REGIONNAME="GRA", ENDPOINT_TYPE="internalURL")
    account = read_account("SWIFT_", env, default_version=1)
    assert (account.region, account.interface) == ("GRA", "internal")


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"AUTHURL": None}, "SWIFT_AUTHURL"),
        ({"AUTHURL": ""}, "SWIFT_AUTHURL"),
        ({"USERNAME": None}, "SWIFT_USERNAME"),
        ({"PASSWORD": None}, "SWIFT_PASSWORD"),
        ({"TENANTID": None}, "SWIFT_TENANTID"),
        ({"AUTHURL": "https://a/v1.0", "USERNAME": None}, "SWIFT_USERNAME"),
        ({"AUTHURL": "https://a/v2.0", "TENANTID": None}, "SWIFT_TENANTNAME"),
        ({"AUTHVERSION": "4"}, "SWIFT_AUTHVERSION"),
        ({"AUTHVERSION": "2"}, "SWIFT_AUTHVERSION"),
        ({"PROJECT_ID": "other"}, "SWIFT_PROJECT_ID and SWIFT_TENANTID differ"),
        ({"PROJECT_NAME": "a", "TENANTNAME": "b"}, "differ"),
        ({"ENDPOINT_TYPE": "secret"}, "SWIFT_ENDPOINT_TYPE"),
        ({"PREAUTHTOKEN": "t"}, "SWIFT_PREAUTHURL"),
        ({"PREAUTHURL": "https://a"}, "SWIFT_PREAUTHTOKEN"),
        ({"APPLICATION_CREDENTIAL_ID": "i"}, "SWIFT_APPLICATION_CREDENTIAL_SECRET"),
        ({"APPLICATION_CREDENTIAL_NAME": "n", "USERNAME": None}, "SWIFT_USERNAME"),
        (
            {"APPLICATION_CREDENTIAL_ID": "i", "AUTHURL": "https://a/v2.0"},
            "SWIFT_APPLICATION_CREDENTIAL_ID",
        ),
    ],
)
def test_what_is_missing_or_contradicts_is_named(
    changed: dict[str, str | None], named: str
) -> None:
    env = variables("SWIFT_", **(BASE | changed))
    with pytest.raises(ConfigError, match=named) as caught:
        read_account("SWIFT_", env, default_version=1)
    assert caught.value.hint


@pytest.mark.parametrize(
    "url",
    ["ftp://a", "auth.example/v3", "https://", "https://u:hush@a/v3", "http://[a"],
)
def test_a_bad_url_is_refused_and_not_repeated(url: str) -> None:
    env = variables("SWIFT_", **(BASE | {"AUTHURL": url}))
    with pytest.raises(ConfigError, match="SWIFT_AUTHURL") as caught:
        read_account("SWIFT_", env, default_version=1)
    assert "hush" not in str(caught.value)


def test_the_hint_names_variables_of_the_account() -> None:
    account = read_account("PCA_", variables("PCA_", **BASE), default_version=2)
    assert "PCA_PASSWORD" in account.hint
    assert "SWIFT_" not in account.hint
