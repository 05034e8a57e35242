"""From an `Account` to a token and an endpoint, by keystoneauth1.

keystoneauth1 keeps the token, renews it when it is about to expire, and is
safe to use from several threads; Swift's v1 login is a plugin of swiftclient
for it.  Only `tiered.backends.swift` imports this module, when it is needed.
"""

from contextlib import suppress

from keystoneauth1 import token_endpoint
from keystoneauth1.exceptions import EndpointNotFound
from keystoneauth1.identity import v2, v3
from keystoneauth1.identity.base import BaseIdentityPlugin
from keystoneauth1.plugin import BaseAuthPlugin
from keystoneauth1.session import Session
from swiftclient.authv1 import PasswordPlugin

from tiered.backends.swift.auth import (
    Account,
    Login,
    ReadyToken,
    V1Password,
    V2Password,
    V3Application,
)
from tiered.errors import ConfigError, Denied

_SERVICE = "object-store"


def plugin_for(login: Login) -> BaseAuthPlugin:
    """The keystoneauth1 plugin of one login; it does not connect yet."""
    match login:
        case ReadyToken():
            return token_endpoint.Token(login.url, login.token.reveal())
        case V1Password():
            plugin: BaseAuthPlugin = PasswordPlugin(
                login.auth_url, login.username, login.password.reveal()
            )
            return plugin
        case V2Password():
            return _v2(login)
        case V3Application():
            return v3.ApplicationCredential(
                login.auth_url,
                application_credential_secret=login.secret.reveal(),
                application_credential_id=login.id,
                application_credential_name=None if login.id else login.name,
                user_id=None if login.id else login.user_id,
                username=None if login.id or login.user_id else login.username,
                user_domain_id=login.user_domain.id,
                user_domain_name=login.user_domain.name,
            )
        case _:
            return v3.Password(
                login.auth_url,
                password=login.password.reveal(),
                user_id=login.user_id,
                username=None if login.user_id else login.username,
                user_domain_id=login.user_domain.id,
                user_domain_name=login.user_domain.name,
                project_id=login.project_id,
                project_name=None if login.project_id else login.project_name,
                project_domain_id=login.project_domain.id,
                project_domain_name=login.project_domain.name,
            )


def _v2(login: V2Password) -> v2.Password:
    """v2.Password takes an absent user name or id, but not None."""
    url, password = login.auth_url, login.password.reveal()
    id_, name = login.project_id, None if login.project_id else login.project_name
    if login.user_id:
        return v2.Password(
            url,
            user_id=login.user_id,
            password=password,
            tenant_id=id_,
            tenant_name=name,
        )
    user = login.username or ""
    return v2.Password(url, user, password=password, tenant_id=id_, tenant_name=name)


def token_of(session: Session, account: Account) -> str:
    """A token that is valid now, as far as its expiry tells."""
    token = session.get_token()
    if token is None:
        raise Denied(f"{account.host} gave no token", hint=account.hint)
    return token


def endpoint_of(session: Session, plugin: BaseAuthPlugin, account: Account) -> str:
    """The storage URL, chosen by region.

    Raises:
        ConfigError: There is none there, or several and no region is given;
            the message lists the regions.
    """
    name = f"{account.variables}REGIONNAME"
    if (
        account.region is None
        and len(regions := _regions(session, plugin, account)) > 1
    ):
        raise ConfigError(
            f"{name} is not set, and the account has the regions {_text(regions)}",
            hint=f"Set {name} to the region that holds the container.",
        )
    with suppress(EndpointNotFound):  # it may also return None
        url = session.get_endpoint(
            service_type=_SERVICE,
            interface=account.interface,
            region_name=account.region,
        )
        if url is not None:
            return url
    regions = _regions(session, plugin, account)
    raise ConfigError(
        f"{account.host} knows no {account.interface} object storage in region "
        f"{account.region!r}; found: {_text(regions)}",
        hint=f"Set {name} to one of these, or check the project.",
    )


def _regions(
    session: Session, plugin: BaseAuthPlugin, account: Account
) -> tuple[str, ...]:
    """Where the account has object storage, by the catalogue of its token."""
    if not isinstance(plugin, BaseIdentityPlugin) or isinstance(plugin, PasswordPlugin):
        return ()
    catalog = plugin.get_access(session).service_catalog
    found = catalog.get_endpoints_data(
        service_type=_SERVICE, interface=account.interface
    )
    names = {e.region_name for ends in found.values() for e in ends if e.region_name}
    return tuple(sorted(names))


def _text(regions: tuple[str, ...]) -> str:
    return ", ".join(regions) or "none"
