"""Which credentials a Swift store uses: duplicity's variables in, values out.

Pure: it opens no connection and never looks at the process environment.

The names are those of duplicity 3.0 (backends/swiftbackend.py and
pcabackend.py) behind `SWIFT_` or `PCA_`, and APPLICATION_CREDENTIAL_ID,
_NAME and _SECRET, which are ours.  Where duplicity is silent:

  * the version is the one that AUTHURL ends in, else AUTHVERSION, else the
    default that duplicity has for the scheme; if the two disagree, we refuse
  * OVH's guide sets PROJECT_DOMAIN_NAME only, and the user lies in the same
    domain; without any domain both are "Default"
  * an empty variable counts as unset

See docs/backends/swift.md.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from tiered.backends.swift.variables import Variables
from tiered.errors import ConfigError
from tiered.secret import Secret

_VERSIONS = {"1": 1, "1.0": 1, "2": 2, "2.0": 2, "3": 3}
_URL_VERSION = re.compile(r"^v(\d)(\.\d+)?$")
_URL_ENDS = {2: "/v2.0", 3: "/v3"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyToken:
    """The user has logged in already."""

    url: str
    token: Secret
    hints = ("PREAUTHTOKEN", "PREAUTHURL")


@dataclass(frozen=True, slots=True, kw_only=True)
class V1Password:
    """Login by two headers: tempauth, swauth."""

    auth_url: str
    username: str
    password: Secret
    hints = ("USERNAME", "PASSWORD")


@dataclass(frozen=True, slots=True, kw_only=True)
class V2Password:
    """Keystone v2: a user of a tenant; no domains."""

    auth_url: str
    username: str | None
    user_id: str | None
    password: Secret
    project_id: str | None
    project_name: str | None
    hints = ("USERNAME", "PASSWORD", "TENANTNAME", "AUTHVERSION")


@dataclass(frozen=True, slots=True)
class Domain:
    """A Keystone domain; the id wins over the name."""

    id: str | None
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class V3Password:
    """Keystone v3: a user and a project, each in a domain."""

    auth_url: str
    username: str | None
    user_id: str | None
    user_domain: Domain
    password: Secret
    project_id: str | None
    project_name: str | None
    project_domain: Domain
    hints = ("USERNAME", "PASSWORD", "TENANTID", "TENANTNAME", "USER_DOMAIN_NAME")


@dataclass(frozen=True, slots=True, kw_only=True)
class V3Application:
    """Keystone v3: an application credential, which knows its project."""

    auth_url: str
    id: str | None
    name: str | None
    secret: Secret
    username: str | None
    user_id: str | None
    user_domain: Domain
    hints = ("APPLICATION_CREDENTIAL_ID", "APPLICATION_CREDENTIAL_SECRET")


Login = ReadyToken | V1Password | V2Password | V3Password | V3Application


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """How to log in, and which endpoint to use then."""

    variables: str
    """What the variables begin with: "SWIFT_" or "PCA_"."""
    login: Login
    region: str | None = None
    interface: str = "public"

    @property
    def host(self) -> str:
        """Where the login happens, without path or credentials."""
        login = self.login
        url = login.url if isinstance(login, ReadyToken) else login.auth_url
        return urlsplit(url).netloc

    @property
    def hint(self) -> str:
        """What to check when the login is refused."""
        names = [self.variables + n for n in self.login.hints]
        return f"Check {', '.join(names[:-1])} and {names[-1]}."


def read_account(
    variables: str, env: Mapping[str, Secret], *, default_version: int
) -> Account:
    """Read one account.

    Args:
        variables: "SWIFT_" or "PCA_".
        env: Name -> value; other names are ignored.
        default_version: 1, 2 or 3, where neither AUTHVERSION nor AUTHURL tells.

    Raises:
        ConfigError: A variable is missing, or two contradict each other.
    """
    v = Variables(variables, env)
    return Account(
        variables=variables,
        login=_login(v, default_version),
        region=v.text("REGIONNAME"),
        interface=_interface(v),
    )


def _login(v: Variables, default_version: int) -> Login:
    if v.text("PREAUTHTOKEN") or v.text("PREAUTHURL"):
        return ReadyToken(url=v.url("PREAUTHURL"), token=v.secret("PREAUTHTOKEN"))
    url = v.url("AUTHURL")
    if v.has("APPLICATION_CREDENTIAL_ID", "APPLICATION_CREDENTIAL_NAME"):
        return _application(v, url, _version(v, url, 3))
    version = _version(v, url, default_version)
    if version == 1:
        username, password = v.need("USERNAME"), v.secret("PASSWORD")
        return V1Password(auth_url=url, username=username, password=password)
    return _v2(v, url) if version == 2 else _v3(v, url)


def _version(v: Variables, url: str, default: int) -> int:
    text = v.text("AUTHVERSION")
    if text is not None and text not in _VERSIONS:
        raise ConfigError(f"{v.name('AUTHVERSION')} is {text!r}", hint="Use 1, 2 or 3.")
    found = _URL_VERSION.match(_last_segment(url))
    in_url = int(found[1]) if found else None
    asked = _VERSIONS[text] if text is not None else None
    if asked and in_url and asked != in_url:
        raise ConfigError(
            f"{v.name('AUTHVERSION')} is {asked} and "
            f"{v.name('AUTHURL')} ends in v{in_url}",
            hint=f"Set {v.name('AUTHVERSION')} to {in_url}, or correct the URL.",
        )
    return asked or in_url or default


def _v2(v: Variables, url: str) -> V2Password:
    username, project_name = v.text("USERNAME"), v.either("PROJECT_NAME", "TENANTNAME")
    if username and not project_name and ":" in username:
        project_name, username = username.split(":", 1)  # as swiftclient does
    project_id = v.either("PROJECT_ID", "TENANTID")
    v.need_one("a user", username or v.text("USERID"), "USERNAME", "USERID")
    v.need_one("a tenant", project_id or project_name, "TENANTNAME", "TENANTID")
    return V2Password(
        auth_url=_versioned(url, 2),
        username=username,
        user_id=v.text("USERID"),
        password=v.secret("PASSWORD"),
        project_id=project_id,
        project_name=project_name,
    )


def _v3(v: Variables, url: str) -> V3Password:
    project_id = v.either("PROJECT_ID", "TENANTID")
    project_name = v.either("PROJECT_NAME", "TENANTNAME")
    user_domain, project_domain = _domains(v)
    v.need_one("a user", v.either("USERNAME", "USERID"), "USERNAME", "USERID")
    v.need_one("a project", project_id or project_name, "TENANTID", "TENANTNAME")
    return V3Password(
        auth_url=_versioned(url, 3),
        username=v.text("USERNAME"),
        user_id=v.text("USERID"),
        user_domain=user_domain,
        password=v.secret("PASSWORD"),
        project_id=project_id,
        project_name=project_name,
        project_domain=project_domain,
    )


def _application(v: Variables, url: str, version: int) -> V3Application:
    if version != 3:
        raise ConfigError(
            f"{v.name('APPLICATION_CREDENTIAL_ID')} needs Keystone v3",
            hint=f"Set {v.name('AUTHVERSION')} to 3.",
        )
    id_, name = (
        v.text("APPLICATION_CREDENTIAL_ID"),
        v.text("APPLICATION_CREDENTIAL_NAME"),
    )
    user = v.either("USERNAME", "USERID")
    if id_ is None:
        v.need_one("the user of an application credential", user, "USERNAME", "USERID")
    return V3Application(
        auth_url=_versioned(url, 3),
        id=id_,
        name=name,
        secret=v.secret("APPLICATION_CREDENTIAL_SECRET"),
        username=v.text("USERNAME"),
        user_id=v.text("USERID"),
        user_domain=_domains(v)[0],
    )


def _domains(v: Variables) -> tuple[Domain, Domain]:
    """Of the user and of the project; each falls back on the other."""
    user = Domain(v.text("USER_DOMAIN_ID"), v.text("USER_DOMAIN_NAME"))
    project = Domain(v.text("PROJECT_DOMAIN_ID"), v.text("PROJECT_DOMAIN_NAME"))
    unset, usual = Domain(None, None), Domain(None, "Default")
    if user == unset:
        user = project if project != unset else usual
    return user, project if project != unset else user


def _interface(v: Variables) -> str:
    text = v.text("ENDPOINT_TYPE") or "public"
    interface = text.removesuffix("URL")
    if interface not in ("public", "internal", "admin"):
        raise ConfigError(
            f"{v.name('ENDPOINT_TYPE')} is {text!r}",
            hint="Use public, internal or admin.",
        )
    return interface


def _last_segment(url: str) -> str:
    return urlsplit(url).path.rstrip("/").rpartition("/")[2]


def _versioned(url: str, version: int) -> str:
    if _URL_VERSION.match(_last_segment(url)):
        return url.rstrip("/")
    return url.rstrip("/") + _URL_ENDS[version]
