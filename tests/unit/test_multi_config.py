"""The multi config: what is read, and how each mistake is told."""

import json
from pathlib import Path

import pytest

from tiered.errors import ConfigError
from tiered.router.route import Mode, OnFail
from tiered.router.rules import Member, Tier
from tiered.secret import Secret
from tiered.settings.multi import MultiConfig, load_multi, read_multi
from tiered.url import parse_url

CONFIG = Path(__file__).parents[2] / "config"


def written(tmp_path: Path, document: object) -> Path:
    path = tmp_path / "config.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def refused(tmp_path: Path, document: object) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read_multi(written(tmp_path, document))
    return caught.value


def from_url(text: str) -> MultiConfig:
    return load_multi(parse_url(text))


def test_the_guide_of_ovh_is_read_as_it_stands() -> None:
    config = from_url(f"multi://{CONFIG}/ovh-pca.json?mode=mirror&onfail=abort")
    assert (config.mode, config.onfail, config.subpath) == (
        Mode.MIRROR,
        OnFail.ABORT,
        "",
    )
    cold, hot = config.members
    assert (cold.label, cold.prefixes) == ("pca://duplicity_cold", ("cold_",))
    assert (hot.label, hot.prefixes) == ("swift://duplicity_hot", ("hot_",))
    assert cold.env["PCA_AUTHURL"] == Secret("https://auth.cloud.ovh.net/v3")
    assert len(hot.env) == 7


@pytest.mark.parametrize("file", ["ovh-pca-tiers.json", "local-hot-cold.json"])
def test_examples_with_tiers_send_volumes_to_the_cold_store(file: str) -> None:
    rules = read_multi(CONFIG / file).rules
    volume = "duplicity-full.20261121T000000Z.vol12.difftar.gpg"
    manifest = "duplicity-full.20261121T000000Z.manifest.gpg"
    assert [m.label for m in rules.eligible(volume)] == ["cold"]
    assert [m.label for m in rules.eligible(manifest)] == ["hot"]
    assert [m.label for m in rules.eligible("key.1.age")] == ["hot"]


def test_defaults_are_those_of_duplicity(tmp_path: Path) -> None:
    config = read_multi(written(tmp_path, [{"url": "file:///srv/a"}]))
    assert (config.mode, config.onfail, config.subpath) == (
        Mode.STRIPE,
        OnFail.CONTINUE,
        "",
    )


def test_all_keys_are_kept(tmp_path: Path) -> None:
    entry = {
        "url": "swift://user:pass@archive",
        "name": "hot",
        "tier": "hot",
        "prefixes": ["h_", "x"],
        "description": "near",
        "options": {"timeout_s": 3},
        "env": [{"name": "A", "value": ""}, {"name": "B", "value": "env:B"}],
        "weight": 2.5,
        "cost": 3,
    }
    (member,) = read_multi(written(tmp_path, [entry])).members
    assert member.label == "hot"
    assert member.url == Secret("swift://user:pass@archive")
    assert (member.tier, member.prefixes) == (Tier.HOT, ("h_", "x"))
    assert (member.description, member.options) == ("near", {"timeout_s": 3})
    assert member.env == {"A": Secret(""), "B": Secret("env:B")}
    assert member.as_rule() == Member("hot", ("h_", "x"), Tier.HOT, 2.5, 3)
    assert "pass" not in repr(member)


def test_subpath_is_put_behind_each_path(tmp_path: Path) -> None:
    path = written(tmp_path, [{"url": "file:///srv/a?x=1"}, {"url": "pca://box"}])
    config = from_url(f"multi://{path}?subpath=/laptop")
    urls = [config.url_of(m) for m in config.members]
    assert [u.path for u in urls] == ["/srv/a/laptop", "/laptop"]
    assert urls[0].query == (("x", "1"),)


def test_one_container_name_in_two_regions_is_two_stores(tmp_path: Path) -> None:
    def region(name: str) -> dict[str, object]:
        env = [{"name": "SWIFT_REGIONNAME", "value": name}]
        return {"url": "swift://backup", "env": env}

    config = read_multi(written(tmp_path, [region("GRA"), region("SBG")]))
    assert config.rules.labels == ("swift://backup", "swift://backup#2")
    error = refused(tmp_path, [region("GRA"), region("GRA")])
    assert str(error).endswith("config.json: [1]: the same store as [0]")


MISTAKES = [
    (
        [
            {"url": "file:///a"},
            {"url": "b://", "env": [{"name": "N", "valeu": "geheim"}]},
        ],
        "config.json: [1].env[0].valeu: unknown key; did you mean 'value'?",
    ),
    (
        [{"url": "file:///a", "env": [{"name": "N", "value": 31337}]}],
        '[0].env[0].value: must be a string: write it in "quotes"',
    ),
    ([{"url": "file:///a", "env": [{"name": "A=B", "value": ""}]}], "[0].env[0].name"),
    ([{"prefixes": []}], "config.json: [0]: 'url' is missing"),
    ([{"url": "file:///a", "tier": "geheim"}], "[0].tier: must be 'hot' or 'cold'"),
    ([{"url": "file:///a", "prefixes": "hot_"}], "[0].prefixes: must be a list"),
    ([{"url": "file:///a", "zzz": 1}], "[0].zzz: unknown key"),
    ([{"url": ""}], "[0].url: must not be empty"),
    ([], "config.json: document: must not be empty"),
    ({"url": "file:///a"}, "config.json: document.url: unknown key"),
    (17, "config.json: document: must be a list"),
    ([{"url": "file:///a", "weight": 0}], "[0].weight: must be more than 0"),
    ([{"url": "file:///a", "cost": -1}], "[0].cost: must be 0 or more"),
    ('[{"url": "file:///a", "weight": NaN}]', "not JSON: NaN is no number"),
    ([{"url": "file:///a", "env": [{"name": "N"}]}], "either 'value' or 'from'"),
    (
        [
            {
                "url": "file:///a",
                "env": [{"name": "N", "value": "geheim", "from": "env:geheim"}],
            }
        ],
        "[0].env[0]: needs either 'value' or 'from'",
    ),
    (
        [{"url": "file:///a", "env": [{"name": "N", "from": "geheim"}]}],
        "config.json: [0].env[0].from: names no place to get the value from",
    ),
    (
        [{"url": "file:///a", "env": [{"name": "N", "from": "env:$geheim"}]}],
        "[0].env[0].from: env: is not followed by the name of a variable",
    ),
    (
        [{"url": "file:///a", "env": [{"name": "N", "from": "cmd:say 'geheim"}]}],
        "[0].env[0].from: the command cannot be read: no closing quotation",
    ),
    (
        [{"url": "file:///a", "env": [{"name": "N", "from": "keyring:geheim"}]}],
        "[0].env[0].from: keyring: is not followed by SERVICE/USER",
    ),
    ([{"url": "geheim"}], "config.json: [0].url: a store URL has no scheme"),
    (
        '[{"url": "file:///a",\n  "env" [{"name": "geheim"}]}]',
        "config.json:2:9: not JSON: Expecting ':' delimiter",
    ),
    ('[{"url": "file:///a", "url": "file:///b"}]', "key 'url' appears twice"),
    (
        [
            {"url": "file:///a"},
            {
                "url": "file:///b",
                "env": [
                    {"name": "N", "value": "geheim"},
                    {"name": "N", "value": "geheim2"},
                ],
            },
        ],
        "config.json: [1].env[1].name: 'N' is given twice",
    ),
    (
        [{"url": "file://u:geheim@h/a"}, {"url": "file://u:geheim@h/a"}],
        "config.json: [1]: the same store as [0]",
    ),
    (
        [{"url": "file:///a", "name": "n"}, {"url": "file:///b", "name": "n"}],
        "config.json: [1].name: 'n' is the name of another store",
    ),
    (
        [{"url": "file:///a", "tier": "cold"}, {"url": "file:///b", "tier": "cold"}],
        "each manifest would go to a store of tier 'cold' only",
    ),
]


@pytest.mark.parametrize(("document", "message"), MISTAKES)
def test_mistakes_are_told_with_their_place_and_no_value(
    document: object, message: str, tmp_path: Path
) -> None:
    error = refused(tmp_path, document)
    told = f"{error} {error.hint}"
    assert message in str(error)
    assert "geheim" not in told
    assert "31337" not in told
    assert error.__context__ is None or "geheim" not in str(error.__context__)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    error = refused(tmp_path, [{"urll": "file:///a", "tier": 1}])
    assert "[0]" in str(error)
    assert "Also: " in error.hint


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("mode=striped", "mode must be 'stripe' or 'mirror'"),
        ("onfail=", "onfail must be 'continue' or 'abort'"),
        ("color=red", "unknown query parameter 'color'"),
        ("mode=mirror&mode=mirror", "query parameter 'mode' is given twice"),
    ],
)
def test_mistakes_in_the_url_are_told(query: str, message: str, tmp_path: Path) -> None:
    path = written(tmp_path, [{"url": "file:///a"}])
    with pytest.raises(ConfigError, match=message):
        from_url(f"multi://{path}?{query}")


def test_a_config_that_is_not_there_or_not_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_multi(tmp_path / "none.json")
    binary = tmp_path / "binary.json"
    binary.write_bytes(b'["\xff"]')
    with pytest.raises(ConfigError, match="byte 2 is not UTF-8"):
        read_multi(binary)
    with pytest.raises(ConfigError, match="absolute path"):
        from_url("multi://etc/config.json")


def test_prefixes_with_striping_are_allowed(tmp_path: Path) -> None:
    """duplicity refuses this; striping inside each group is what is meant."""
    entries = [
        {"url": "file:///a", "prefixes": ["cold_"]},
        {"url": "file:///b", "prefixes": ["cold_"]},
        {"url": "file:///c", "prefixes": ["hot_"]},
    ]
    rules = read_multi(written(tmp_path, entries)).rules
    assert [m.label for m in rules.eligible("cold_x")] == ["file:///a", "file:///b"]


def test_prefixes_win_over_tiers(tmp_path: Path) -> None:
    entries = [
        {"url": "file:///a", "prefixes": ["m_"], "tier": "cold"},
        {"url": "file:///b", "tier": "hot"},
    ]
    rules = read_multi(written(tmp_path, entries)).rules
    manifest = "duplicity-full.20261121T000000Z.manifest"
    assert [m.label for m in rules.eligible("m_" + manifest)] == ["file:///a"]
    assert [m.label for m in rules.eligible(manifest)] == ["file:///b"]
