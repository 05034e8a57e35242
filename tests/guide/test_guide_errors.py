"""What goes wrong with the guide's set-up, and what the user is told."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.guide.test_ovh_guide import PREFIXES, config
from tests.server_process import free_port
from tests.servers import OpenStack

TIERED = Path(sys.executable).with_name("tiered")
SECRETS = ("secret", "horse battery")

Edit = Callable[[list[dict[str, object]], OpenStack], None]


def set_env(entry: dict[str, object], name: str, value: str) -> None:
    pairs = entry["env"]
    assert isinstance(pairs, list)
    (pair,) = [p for p in pairs if p["name"] == name]
    pair["value"] = value


def wrong_password(stores: list[dict[str, object]], _: OpenStack) -> None:
    set_env(stores[1], "SWIFT_PASSWORD", "not the secret")


def missing_container(stores: list[dict[str, object]], openstack: OpenStack) -> None:
    stores[1]["url"] = f"swift://{openstack.new_name()}"


def wrong_policy(stores: list[dict[str, object]], openstack: OpenStack) -> None:
    stores[0]["url"] = f"pca://{openstack.make_container('PCS')}"
    stores[1]["url"] = f"swift://{openstack.make_container('PCS')}"


def unreachable_host(stores: list[dict[str, object]], _: OpenStack) -> None:
    url = f"http://127.0.0.1:{free_port()}/v3"
    set_env(stores[0], "PCA_AUTHURL", url)


def wrong_region(stores: list[dict[str, object]], _: OpenStack) -> None:
    set_env(stores[0], "PCA_REGIONNAME", "NOWHERE")


def unknown_key(stores: list[dict[str, object]], _: OpenStack) -> None:
    stores[0]["prefix"] = ["cold_"]


@pytest.mark.parametrize(
    ("edit", "status", "code", "says"),
    [
        (wrong_password, 21, "access-denied", "SWIFT_PASSWORD"),
        (missing_container, 26, "store-missing", "test-"),
        (wrong_policy, 27, "store-policy", "PCA"),
        (unreachable_host, 23, "store-unavailable", "127.0.0.1"),
        (wrong_region, 2, "config-invalid", "GRA"),
        (unknown_key, 2, "config-invalid", "prefixes"),
    ],
    ids=lambda x: getattr(x, "__name__", str(x)),
)
def test_one_message_with_a_hint(
    edit: Edit,
    status: int,
    code: str,
    says: str,
    openstack: OpenStack,
    tmp_path: Path,
) -> None:
    stores = config(openstack)
    stores[0]["url"] = f"pca://{openstack.make_container('PCA')}"
    stores[1]["url"] = f"swift://{openstack.make_container('PCS')}"
    edit(stores, openstack)
    (tmp_path / "config.json").write_text(json.dumps(stores))
    (tmp_path / "source").mkdir()
    done = subprocess.run(
        [
            TIERED,
            *PREFIXES,
            "incremental",
            tmp_path / "source",
            f"multi://{tmp_path}/config.json?mode=mirror&onfail=abort",
            "--num-retries=2",
            "--backend-retry-delay=0",
            "-v9",
        ],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PASSPHRASE": "horse battery",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    asides = ("tiered: debug: ", "tiered: info: ")
    lines = [t for t in done.stderr.splitlines() if not t.startswith(asides)]
    assert done.returncode == status, done.stderr
    assert lines[0].startswith("tiered: error: ")
    assert sum(t.startswith("tiered: error: ") for t in lines) == 1
    assert sum(t.startswith("tiered: hint: ") for t in lines) == 1
    assert lines[-1] == f"tiered: see docs/errors/{code}.md (exit status {status})"
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not any(f"{s}'" in done.stderr or f" {s} " in done.stderr for s in SECRETS)
