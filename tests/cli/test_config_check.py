"""`tiered config check`: the table, each doubt, the probe; and the examples."""

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.crash.machine import PREFIXES
from tiered.assemble.stores import open_backend
from tiered.assemble.wanted import Wanted
from tiered.cli.main import main
from tiered.cli.parser import make_parser
from tiered.secret import Secret
from tiered.settings.doubts import literal_secrets
from tiered.settings.multi import read_multi
from tiered.testing.clocks import JumpingClock

CONFIG = Path(__file__).parents[2] / "config"
EXAMPLES = sorted(path.name for path in CONFIG.glob("*.json"))
DOUBTFUL = 7
GEHEIM = "hunter-two-hundred"
Document = dict[str, Any]  # JSON, of whatever form


class Checked:
    """What one check said."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.err = status, err
        self.document: Document = json.loads(out) if out else {}

    @property
    def doubts(self) -> list[str]:
        assert (self.status == DOUBTFUL) == bool(self.document["doubts"])
        return list(self.document["doubts"])

    def row(self, objects: str) -> Document:
        rows: list[Document] = self.document["placements"]
        return next(row for row in rows if row["objects"] == objects)


Check = Callable[..., Checked]


@pytest.fixture
def check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Check:
    """Write a config, readable for us alone, and check it."""

    def run(document: object, *words: str) -> Checked:
        file = tmp_path / "config.json"
        file.touch(0o600)
        file.write_text(json.dumps(document))
        status = main(["config", "check", str(file), "--json", *words])
        return Checked(status, *capsys.readouterr())

    return run


def store(name: str, tier: str = "", **more: object) -> Document:
    tiers = {"tier": tier} if tier else {}
    return {"name": name, "url": f"sftp://{name}.example/x", **tiers, **more}


def route(types: str, stores: str, **more: object) -> Document:
    match = {"types": types.split()} if types else {}
    return {"match": match, "stores": stores.split(), **more}


def router(stores: Iterable[Document], *routes: Document, **more: object) -> Document:
    return {"stores": list(stores), "routes": list(routes), **more}


ABC = [store(name) for name in "abc"]
TIERS = [store("hot", "hot"), store("cold", "cold")]


def test_the_table_says_where_what_goes(check: Check) -> None:
    document = router(
        [*ABC, store("far", "cold", url="pca://far")],
        route("archive", "far", name="volumes"),
        route("", "a b c", mode="mirror", write_quorum=2, read_order=["c"]),
    )
    found = check(document)
    assert found.row("archive (volumes)") == {
        "objects": "archive (volumes)",
        "types": ["archive"],
        "route": "volumes",
        "stores": ["far"],
        "mode": "mirror",
        "copies_needed": 1,
        "copies_wanted": 1,
        "read_order": ["far"],
        "thaw": ["far"],
    }
    assert found.row("key copy")["stores"] == ["far"]
    manifest = found.row("manifest")
    assert (manifest["copies_needed"], manifest["copies_wanted"]) == (2, 3)
    assert (manifest["read_order"], manifest["thaw"]) == (["c", "a", "b"], [])
    assert len(found.document["placements"]) == 6


def test_what_is_read_only_is_said(check: Check) -> None:
    fixed = store("a", cost=0, options={"read_only": True})
    stores = [fixed, store("b", cost=1), store("c", cost=2)]
    found = check(router(stores, route("", "a b c"), mode="mirror"))
    assert found.document["read_only"] == ["a"]
    manifest = found.row("manifest")
    assert (manifest["copies_needed"], manifest["copies_wanted"]) == (1, 2)
    assert manifest["read_order"] == ["b", "c", "a"]
    assert found.doubts == []


def test_a_single_copy_beside_one_that_is_read_only(check: Check) -> None:
    fixed = store("a", options={"read_only": True})
    routes = route("archive", "a b"), route("", "b c")
    (doubt,) = check(router([fixed, *ABC[1:]], *routes, mode="mirror")).doubts
    assert doubt.startswith("archive (volumes), key copy: on b only, while")


@pytest.mark.parametrize("count", [1, 2])
def test_backups_need_a_store_that_can_be_written(check: Check, count: int) -> None:
    stores = [store(name, options={"read_only": True}) for name in "ab"[:count]]
    found = check(stores, "mode=mirror")
    assert found.status == 2
    assert "can be written" in found.err


def test_cost_orders_reading(check: Check) -> None:
    stores = [store("a", cost=2), store("b", cost=0.5), store("c", cost=1)]
    found = check(router(stores, route("", "a b c"), mode="mirror"))
    assert found.row("key")["read_order"] == ["b", "c", "a"]


def test_styles_have_a_row_each_where_they_differ(check: Check) -> None:
    document = router(
        ABC,
        {"match": {"globs": ["duplicity-*"]}, "stores": ["a"], "name": "old"},
        route("", "b c", mode="stripe"),
    )
    found = check(document)
    assert found.row("manifest, style tiered")["stores"] == ["b", "c"]
    assert found.row("manifest, style duplicity")["stores"] == ["a"]
    assert found.row("index")["stores"] == ["b", "c"]
    assert found.row("duplicity-*: every type")["route"] == "old"


def test_prefixes_of_the_config_and_of_the_command_line(check: Check) -> None:
    entries = [
        {"url": "pca://cold", "prefixes": ["cold_"]},
        {"url": "swift://hot", "prefixes": ["hot_"]},
    ]
    lost = check(entries, "mode=mirror")
    (doubt,) = lost.doubts
    assert doubt.startswith("manifest, signature, index, archive (volumes), key, key")
    assert "begins with no prefix of the config" in doubt
    assert lost.row("cold_…: every type")["stores"] == ["pca://cold"]
    found = check(entries, "mode=mirror", "onfail=abort", *PREFIXES)
    assert found.doubts == []
    assert found.row("manifest")["stores"] == ["swift://hot"]
    assert found.row("archive (volumes)")["thaw"] == ["pca://cold"]


def test_people_get_a_table(
    check: Check, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(TIERS).doubts == []
    url = f"multi://{tmp_path}/config.json?mode=mirror"
    assert main(["config", "check", url]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    wanted = ["objects", "route", "stores", "mode", "copies", "read", "order", "thaw"]
    assert head.split() == wanted
    assert rows[0].split() == ["manifest", "-", "hot", "-", "1", "of", "1", "hot", "no"]


DOUBTS: dict[str, tuple[object, str]] = {
    "manifests may be cold": (
        router(
            [store("far", url="pca://far"), store("a")],
            route("archive", "far"),
            route("", "a far", mode="stripe"),
        ),
        "manifest, signature, index, key: every command reads it, and it can lie on "
        "far alone, where it must be thawed first",
    ),
    "all is cold, and nobody said so": (
        [{"url": "pca://far", "name": "far"}],
        "it can lie on far alone",
    ),
    "a prefix without a type goes to cold storage": (
        router(
            [TIERS[0], store("far", "cold", url="pca://far")],
            {"match": {"prefixes": ["old_"]}, "stores": ["far"], "name": "old"},
            mode="mirror",
        ),
        "route 'old' sends every type with such a name to far, which is cold",
    ),
    "a store for nothing": (
        router(ABC, route("", "a b"), mode="mirror"),
        "c: no type of object goes there",
    ),
    "one type has one copy": (
        router(ABC, route("index key", "a"), route("", "b c"), mode="mirror"),
        "index, key: on a only, while manifest, signature, archive (volumes), key copy "
        "is mirrored",
    ),
    "a stripe of two tiers": (
        router(
            [store("a", "hot"), store("b", "cold"), store("c", "hot")],
            route("archive", "a b", mode="stripe"),
            route("", "a c", mode="mirror"),
        ),
        "archive (volumes), key copy: striped over a and b, which are not of one tier",
    ),
    "a stripe, part of which thaws": (
        router(
            [store("a"), store("far", url="pca://far")],
            route("archive", "a far", mode="stripe"),
            route("", "a"),
        ),
        "archive (volumes), key copy: striped over a and far, which are not of one",
    ),
    "one host": (
        [
            store("a", url="sftp://u@nas.example/a"),
            store("b", url="webdavs://NAS.example:81/b"),
        ],
        "a and b share the host nas.example: two copies there are one copy",
    ),
    "one container": (
        [store("a", url="swift://box/a"), store("b", url="pca://box/b")],
        "a and b share the container box",
    ),
    "one bucket": (
        [store("a", url="s3:///box/a"), store("b", url="s3://box/b")],
        "a and b share the bucket box",
    ),
    "one file system": (
        [store("a", url="file:///usr"), store("b", url="file:///usr/bin")],
        "a and b share one file system",
    ),
    "one file system, where folders are to be made": (
        router(
            [store("a", url="file:///usr"), store("b", url="file:///usr/bin")],
            route("", "a b", mode="mirror", subpath="not-there"),
        ),
        "a/not-there and b/not-there share one file system",
    ),
    "a route that is never asked": (
        router(
            ABC,
            route("archive key", "a", name="wide"),
            {
                "match": {"types": ["key"], "prefixes": ["p"]},
                "stores": ["b"],
                "name": "narrow",
            },
            route("", "a b c", mode="mirror"),
        ),
        "route 'narrow' is never asked: 'wide' matches all its names, and comes first",
    ),
}


@pytest.mark.parametrize(("document", "doubt"), DOUBTS.values(), ids=DOUBTS)
def test_what_is_probably_not_meant_is_told(
    document: object, doubt: str, check: Check
) -> None:
    words = ["mode=mirror"] if isinstance(document, list) else []
    found = check(document, *words)
    assert [d for d in found.doubts if doubt in d] != [], found.doubts
    assert "see docs/errors/config-doubtful.md (exit status 7)" in found.err


@pytest.mark.parametrize(
    "urls",
    [
        ("s3:///box", "s3:///other"),
        ("s3://s3.a.example/box", "s3://s3.b.example/box"),
        ("sftp://a.example/x", "sftp://b.example/x"),
        ("file:///nowhere/a", "file:///nowhere/b"),
        ("gs://box", "gs://other"),
    ],
)
def test_two_places_are_not_one(urls: tuple[str, str], check: Check) -> None:
    entries = [{"url": url} for url in urls]
    assert check(entries, "mode=mirror").doubts == []


def test_two_regions_are_two_places(check: Check) -> None:
    def region(name: str) -> Document:
        env = [{"name": "SWIFT_REGIONNAME", "value": name}]
        return {"url": "swift://box", "env": env}

    assert check([region("GRA"), region("SBG")], "mode=mirror").doubts == []


def test_secrets_that_everybody_can_read_are_told_and_not_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "open.json"
    env = [
        {"name": "BACKEND_PASSWORD", "value": GEHEIM},
        {"name": "FTP_PASSWORD", "value": ""},
        {"name": "AWS_ACCESS_KEY_ID", "value": "known"},
        {"name": "AWS_SECRET_ACCESS_KEY", "from": "env:X"},
    ]
    entries = [
        store("a", env=env),
        store("b", url=f"ftp://u:{GEHEIM}@b.example/x"),
        store("c"),
    ]
    file.write_text(json.dumps(entries))
    words = ["config", "check", str(file), "mode=mirror", "-v9"]
    file.chmod(0o604)
    assert main(words) == DOUBTFUL
    told = capsys.readouterr()
    assert (
        f"doubt: everybody can read {file}, and these stand in it as they are: "
        "BACKEND_PASSWORD of a, the password in the URL of b; "
    ) in told.out
    assert GEHEIM not in told.out + told.err
    file.chmod(0o640)
    assert main(words) == 0


def test_what_cannot_be_used_is_an_error_and_no_doubt(check: Check) -> None:
    found = check(router(ABC, route("", "a b", write_quorum=3), mode="mirror"))
    assert (found.status, found.document) == (2, {})
    assert "write_quorum is 3, and there is no more than 2 stores" in found.err


@pytest.mark.parametrize(
    "words",
    [
        ("FILE", "mirror"),
        ("multi://FILE", "mode=mirror"),
        ("file:///srv/a",),
        ("FILE", "speed=1"),
        (),
    ],
)
def test_other_words_are_refused(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(ABC))
    line = [word.replace("FILE", str(file)) for word in words]
    assert main(["config", "check", *line]) == 2
    assert not capsys.readouterr().out


def test_a_probe_lists_each_store_once(
    check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("here", "here/v", "here/m"):
        (tmp_path / name).mkdir()
    env = [{"name": "SWIFT_AUTHURL", "from": "env:NOWHERE"}]
    document = router(
        [
            store("here", "hot", url=f"file://{tmp_path}/here"),
            store("gone", "cold", url=f"file://{tmp_path}/gone"),
            store("mute", "cold", url="webdav://u@127.0.0.1:9/x"),
            store("blind", "cold", url="swift://box", env=env),
        ],
        route("archive", "here gone mute blind", subpath="v", mode="stripe"),
        route("", "here", subpath="m"),
    )
    found = check(document, "--probe", "--timeout", "5")
    probes = {p["store"]: p["code"] for p in found.document["probes"]}
    assert probes == {
        "here/v": None,
        "gone/v": "store-missing",
        "mute/v": "store-unavailable",
        "blind/v": "config-invalid",
    }
    assert all(p["elapsed_s"] >= 0 for p in found.document["probes"])
    gone, _, blind = (d for d in found.doubts if "cannot be used" in d)
    assert gone.startswith(f"gone/v cannot be used: file://{tmp_path}/gone/v: there is")
    assert "The first backup makes it" in gone
    assert blind.startswith(
        "blind/v cannot be used: blind/v: SWIFT_AUTHURL: env:NOWHERE is not set. Export"
    )
    assert {path.name for path in (tmp_path / "here").rglob("*")} == {"v", "m"}


def test_without_a_probe_no_secret_is_fetched(check: Check, tmp_path: Path) -> None:
    env = [{"name": "SWIFT_PASSWORD", "from": f"cmd:touch {tmp_path}/fetched"}]
    assert check([store("a", url="swift://box", env=env)]).doubts == []
    assert not (tmp_path / "fetched").exists()


@pytest.mark.parametrize("file", EXAMPLES)
def test_the_examples_leave_no_doubt(
    file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """That of duplicity holds its password itself, and goes by prefix."""
    by_prefix = file == "ovh-pca.json"
    words = [str(CONFIG / file)]
    if by_prefix:
        shutil.copy(words[0], tmp_path / file)
        (tmp_path / file).chmod(0o600)
        words = [str(tmp_path / file), "mode=mirror", *PREFIXES]
    status = main(["config", "check", *words])
    told = capsys.readouterr()
    assert status == 0, told.out


@pytest.mark.parametrize("file", EXAMPLES)
def test_the_stores_of_the_examples_can_be_opened(file: str) -> None:
    """So their variables and options are what those stores ask for."""
    config = read_multi(CONFIG / file)
    options = make_parser().parse_args([])
    for member in config.members:
        env = {
            name: value if isinstance(value, Secret) else Secret("x")
            for name, value in member.env.items()
        }
        wanted = Wanted(
            url=config.url_of(member), env=env, tier=member.tier, options=member.options
        )
        open_backend(wanted, options, JumpingClock()).close()


def test_the_examples_hold_no_secret() -> None:
    """But for the one that duplicity reads, which knows no references."""
    found = {file for file in EXAMPLES if literal_secrets(read_multi(CONFIG / file))}
    assert found == {"ovh-pca.json"}


def test_there_is_an_example_for_each_use() -> None:
    assert {
        "local-hot-cold.json",
        "ovh-pca.json",
        "ovh-pca-tiers.json",
        "ovh-cold-archive.json",
        "aws-glacier.json",
        "aws-deep-archive.json",
        "three-sites.json",
        "stripe-folders.json",
    } <= set(EXAMPLES)
