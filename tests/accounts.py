"""Variables for the accounts on the servers of `tests.servers`."""

import os

from tests.cloud_servers import B2, Gs
from tests.server_process import interpreter
from tests.servers import OpenStack
from tiered.secret import Secret


def keystone(
    server: OpenStack, prefix: str, **changed: str | None
) -> dict[str, Secret]:
    """The variables of OVH's guide for duplicity, which names no user domain.

    Args:
        prefix: "SWIFT_" or "PCA_".
        **changed: By the part of the name after the prefix; None removes one.
    """
    values: dict[str, str | None] = {
        "AUTHURL": server.auth_url,
        "AUTHVERSION": "3",
        "PROJECT_DOMAIN_NAME": server.domain,
        "TENANTID": server.project_id,
        "USERNAME": server.user,
        "PASSWORD": server.password,
        "REGIONNAME": server.region,
    }
    return variables(prefix, **(values | changed))


def variables(prefix: str, **values: str | None) -> dict[str, Secret]:
    found = {prefix + name: value for name, value in values.items()}
    return {name: Secret(value) for name, value in found.items() if value is not None}


def program_variables(prefix: str, **values: str | None) -> dict[str, Secret]:
    """These, and what a program needs to be found; nobody's config of rclone."""
    programs = interpreter("venv").parent
    path = f"{programs}:{os.environ['PATH']}"
    return variables("", PATH=path, RCLONE_CONFIG="") | variables(prefix, **values)


def s3_keys(access: str, secret: str) -> dict[str, Secret]:
    return variables("AWS_", ACCESS_KEY_ID=access, SECRET_ACCESS_KEY=secret)


def gs_variables(server: Gs, **changed: str) -> dict[str, Secret]:
    values = {
        "GOOGLE_APPLICATION_CREDENTIALS": str(server.key_file),
        "STORAGE_EMULATOR_HOST": server.url,
    }
    return variables("", **(values | changed))


def b2_variables(server: B2, **changed: str) -> dict[str, Secret]:
    values = {
        "APPLICATION_KEY_ID": server.key_id,
        "APPLICATION_KEY": server.key,
        "ENVIRONMENT": server.url,
    }
    return variables("B2_", **(values | changed))
