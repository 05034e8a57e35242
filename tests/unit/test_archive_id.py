"""Which command lines mean the same archive, and share a cache and its lock."""

import json
from itertools import count
from pathlib import Path

import pytest

from tiered.assemble import Assembly
from tiered.assemble.wanted import Environment
from tiered.cli.parser import parse_command_line
from tiered.monitor import SilentMonitor
from tiered.secret import Secret


class Machine:
    """Says which folder the cache of a command line has."""

    def __init__(self, root: Path) -> None:
        self.root, self.config = root, root / "config.json"
        self.numbers = count()

    def cache(self, url: str, *options: str, env: Environment | None = None) -> Path:
        caches = self.root / f"caches-{next(self.numbers)}"
        words = ["status", url, "--archive-dir", str(caches), *options]
        line = parse_command_line(words)
        with (
            Assembly(line.options, env or {}, SilentMonitor()) as assembly,
            assembly.context(url).cache.locked(),
        ):
            [folder] = caches.iterdir()
        return folder.relative_to(caches)

    def routed(self, document: dict[str, object], query: str = "") -> Path:
        stores = [{"name": n, "url": f"file://{self.root}/{n}"} for n in "ab"]
        self.config.write_text(json.dumps({"stores": stores, **document}))
        return self.cache(f"multi://{self.config}?mode=mirror{query}")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def routes(manifests: str, volumes: str) -> dict[str, object]:
    first = {"match": {"types": ["archive"]}, "stores": ["a", "b"], "subpath": volumes}
    last = {"match": {}, "stores": ["a"], "subpath": manifests}
    return {"routes": [first, last]}


def test_archives_in_two_folders_of_one_config(machine: Machine) -> None:
    """A file that is written anew for each job has one path."""
    every = [
        machine.routed({}),
        machine.routed({"subpath": "/one"}),
        machine.routed({"subpath": "/two"}),
        machine.routed(routes("laptop", "data")),
        machine.routed(routes("desktop", "data")),
        machine.routed({"subpath": "/at", **routes("desktop", "data")}),
    ]
    assert len(set(every)) == len(every)


def test_the_url_and_the_file_may_say_the_same(machine: Machine) -> None:
    said = machine.routed({"subpath": "/laptop"})
    assert machine.routed({}, "&subpath=/laptop") == said
    assert machine.routed({"subpath": "/laptop"}, "&subpath=/laptop") == said


def test_what_is_not_about_manifests_is_no_other_archive(machine: Machine) -> None:
    assert machine.routed(routes("laptop", "data")) == machine.routed(
        routes("laptop", "volumes")
    )
    assert machine.routed({"onfail": "abort"}) == machine.routed({})


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_one_bucket_name_at_two_services(machine: Machine, name: str) -> None:
    keys = {"AWS_ACCESS_KEY_ID": Secret("id"), "AWS_SECRET_ACCESS_KEY": Secret("key")}
    found = {
        machine.cache("s3:///bucket/x", env={**keys, name: Secret(f"https://{host}")})
        for host in ("s3.one.example", "s3.two.example")
    }
    assert len(found) == 2
    option = machine.cache(
        "s3:///bucket/x", "--s3-endpoint-url", "https://s3.one.example", env=keys
    )
    assert option in found
