"""The object form of a multi config: stores, routes, and how mistakes are told."""

import json
from pathlib import Path
from typing import Any

import pytest

from tiered.archive.kinds import NATIVE_SAMPLES, SAMPLES, Kind
from tiered.errors import ConfigError
from tiered.router.route import Match, Mode, OnFail, Route
from tiered.router.rules import Rules
from tiered.settings.multi import MultiConfig, load_multi
from tiered.url import parse_url

Document = dict[str, Any]  # JSON, of whatever form
VOLUME, MANIFEST = NATIVE_SAMPLES[Kind.ARCHIVE], NATIVE_SAMPLES[Kind.MANIFEST]
OTHER = "duplicity-full.20261121T000000Z.jsonstat"


def store(name: str, **more: object) -> Document:
    return {"name": name, "url": f"swift://{name}-box/base", **more}


def route(*stores: str, **more: object) -> Document:
    return {"match": {}, "stores": list(stores), **more}


def router(*stores: Document, **more: object) -> Document:
    return {"stores": list(stores or map(store, "ABC")), **more}


def read(tmp_path: Path, document: object, query: str = "") -> MultiConfig:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(document))
    return load_multi(parse_url(f"multi://{path}{query}"))


def refused(tmp_path: Path, document: object, query: str = "") -> str:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, document, query)
    assert "config.json" in str(caught.value)
    return f"{caught.value} {caught.value.hint}"


def labels(rules: Rules, name: str) -> tuple[str, ...]:
    return rules.route_of(name).labels


TIERS = router(store("near", tier="hot"), store("far", tier="cold"))


def test_all_of_a_route_is_kept(tmp_path: Path) -> None:
    document = router(
        routes=[
            route(
                *"BCA",
                name="volumes",
                description="far away",
                match={"types": ["archive"], "prefixes": ["p_"], "globs": ["*.zst*"]},
                mode="mirror",
                write_quorum=2,
                read_order=["A"],
            ),
            route("C", mode="mirror", onfail="abort"),
        ]
    )
    config = read(tmp_path, document)
    match = Match(kinds=frozenset({Kind.ARCHIVE}), prefixes=("p_",), globs=("*.zst*",))
    volumes, others = config.routes
    assert volumes == Route(
        name="volumes",
        match=match,
        labels=("B", "C", "A"),
        mode=Mode.MIRROR,
        onfail=OnFail.CONTINUE,
        quorum=2,
        read_order=("A",),
    )
    assert (volumes.need, volumes.copies, volumes.reading) == (2, 3, ("A", "B", "C"))
    assert (others.name, others.onfail, others.need) == ("routes[1]", OnFail.ABORT, 1)
    assert labels(config.rules, f"p_{VOLUME}") == ("B", "C", "A")
    assert labels(config.rules, VOLUME) == ("C",)
    assert config.rules.labels == ("A", "B", "C")


def test_all_that_a_match_says_must_hold_and_the_first_route_wins(
    tmp_path: Path,
) -> None:
    document = router(
        mode="mirror",
        routes=[
            route("A", match={"types": ["archive"], "prefixes": ["p_", "q_"]}),
            route("B", match={"types": ["archive", "key"]}),
            route("C"),
        ],
    )
    rules = read(tmp_path, document).rules
    copy = NATIVE_SAMPLES[Kind.KEY_COPY]
    assert labels(rules, f"q_{VOLUME}") == labels(rules, f"p_{copy}") == ("A",)
    assert labels(rules, VOLUME) == labels(rules, copy) == ("B",)
    assert labels(rules, f"p_{NATIVE_SAMPLES[Kind.KEY]}") == ("B",)
    assert labels(rules, f"p_{MANIFEST}") == labels(rules, OTHER) == ("C",)


def test_names_that_no_route_matches_go_by_tier(tmp_path: Path) -> None:
    stores = (store("both"), *TIERS["stores"])
    routes = [route("near", match={"globs": ["*.manifest*"]})]
    config = read(tmp_path, router(*stores, routes=routes, mode="mirror"))
    assert labels(config.rules, MANIFEST) == ("near",)
    assert labels(config.rules, VOLUME) == ("both", "far")
    assert labels(config.rules, NATIVE_SAMPLES[Kind.KEY_COPY]) == ("both", "far")
    assert labels(config.rules, NATIVE_SAMPLES[Kind.KEY]) == ("both", "near")
    assert labels(config.rules, OTHER) == ("both", "near")


@pytest.mark.parametrize("stores", ["hot cold", "hot cold -", "- -", "hot -", "cold -"])
def test_without_routes_it_means_what_the_list_means(
    stores: str, tmp_path: Path
) -> None:
    """Also in the rules' own words: what they do without a route is the list."""
    tiers = {f"s{i}": word for i, word in enumerate(stores.split())}
    entries = [
        store(name, **({} if tier == "-" else {"tier": tier}))
        for name, tier in tiers.items()
    ]
    query = "?mode=mirror&onfail=abort"
    config, plain = (read(tmp_path, d, query) for d in (router(*entries), entries))
    assert plain.routes == ()
    assert config.rules.labels == plain.rules.labels
    for name in (*SAMPLES.values(), *NATIVE_SAMPLES.values(), OTHER):
        mine, theirs = (c.rules.route_of(name) for c in (config, plain))
        assert (mine.labels, mine.need, mine.copies) == (
            theirs.labels,
            theirs.need,
            theirs.copies,
        )


def test_a_subpath_makes_a_member_of_its_own(tmp_path: Path) -> None:
    document = router(
        store("A", tier="hot", weight=2, cost=1),
        store("B"),
        subpath="/laptop",
        mode="mirror",
        routes=[
            route("B", "A", match={"types": ["archive"]}, subpath="/volumes/"),
            route("A", match={"types": ["key"]}, subpath="volumes"),
            route("A", subpath="meta", read_order=["A"]),
        ],
    )
    config = read(tmp_path, document)
    assert config.rules.labels == ("A/volumes", "A/meta", "B/volumes")
    paths = {m.label: config.url_of(m).path for m in config.members}
    assert paths == {
        "A/volumes": "/base/laptop/volumes",
        "A/meta": "/base/laptop/meta",
        "B/volumes": "/base/laptop/volumes",
    }
    assert labels(config.rules, VOLUME) == ("B/volumes", "A/volumes")
    assert labels(config.rules, NATIVE_SAMPLES[Kind.KEY]) == ("A/volumes",)
    assert config.rules.route_of(OTHER).reading == ("A/meta",)
    first = config.rules.members[0]
    assert (first.tier, first.weight, first.cost) == (config.members[0].tier, 2, 1)


def test_a_store_that_no_route_names_is_still_read(tmp_path: Path) -> None:
    """A config may have been another one when the object was written."""
    config = read(tmp_path, router(routes=[route("B")]))
    assert config.rules.labels == ("A", "B", "C")


def test_the_url_may_say_what_the_file_does_not(tmp_path: Path) -> None:
    config = read(tmp_path, router(), "?mode=mirror&onfail=abort&subpath=/x")
    assert (config.mode, config.onfail, config.subpath) == (
        Mode.MIRROR,
        OnFail.ABORT,
        "/x",
    )
    document = router(mode="mirror", onfail="abort", subpath="/x")
    assert read(tmp_path, document, "?mode=mirror&subpath=/x") == config
    for query in ("mode=stripe", "onfail=continue", "subpath=x"):
        told = refused(tmp_path, document, f"?{query}")
        assert told.startswith(f"two answers: {query.partition('=')[0]} is one thing")


def test_a_quorum_of_the_top_level_holds_for_mirrors(tmp_path: Path) -> None:
    document = router(
        mode="mirror",
        write_quorum=2,
        routes=[
            route("A", "B", match={"types": ["archive"]}, mode="stripe"),
            route("C", match={"types": ["key"]}, write_quorum=1),
        ],
    )
    rules = read(tmp_path, document).rules
    assert rules.route_of(VOLUME).need == 1
    assert rules.route_of(NATIVE_SAMPLES[Kind.KEY]).need == 1
    assert (rules.route_of(MANIFEST).need, rules.route_of(MANIFEST).copies) == (2, 3)


FIXED = store("R", options={"read_only": True})


def test_a_store_that_is_read_only_gets_no_copy(tmp_path: Path) -> None:
    stores = (FIXED, *map(store, "AB"))
    routes = [
        route("R", "A", match={"types": ["archive"]}, subpath="deep"),
        route("A", "B", "R", read_order=["R"], subpath="flat"),
    ]
    config = read(tmp_path, router(*stores, routes=routes), "?mode=mirror")
    volumes = config.rules.route_of(VOLUME)
    assert (volumes.labels, volumes.writing) == (("R/deep", "A/deep"), ("A/deep",))
    assert volumes.copies == volumes.need == 1
    assert volumes.reading == ("A/deep", "R/deep")
    keys = config.rules.route_of(NATIVE_SAMPLES[Kind.KEY])
    assert keys.writing == ("A/flat", "B/flat")
    assert keys.reading == ("R/flat", "A/flat", "B/flat")


def test_in_a_list_too(tmp_path: Path) -> None:
    rules = read(tmp_path, [FIXED, store("A")], "?mode=mirror").rules
    assert rules.route_of(VOLUME).labels == ("R", "A")
    assert rules.route_of(VOLUME).writing == ("A",)


def test_a_config_to_read_from_alone(tmp_path: Path) -> None:
    for document in ([FIXED], router(FIXED, routes=[route("R", write_quorum=1)])):
        assert read(tmp_path, document).rules.read_only == {"R"}


@pytest.mark.parametrize("form", ["list", "by tier", "prefix", "route"])
def test_a_store_that_can_be_written_is_missing(tmp_path: Path, form: str) -> None:
    cold = {**FIXED, "tier": "cold"}
    volumes = route("R", match={"types": ["archive"]})
    documents: dict[str, Document | list[Document]] = {
        "list": [cold, store("A", tier="hot")],
        "by tier": router(cold, store("A", tier="hot")),
        "prefix": [{**FIXED, "prefixes": ["old_"]}, store("A")],
        "route": router(FIXED, store("A"), routes=[volumes, route("A")]),
    }
    said = refused(tmp_path, documents[form], "?mode=mirror")
    assert "can be written: R is read_only" in said


def test_what_every_command_reads_would_be_cold_without_it(tmp_path: Path) -> None:
    hot = {**FIXED, "tier": "hot"}
    document = router(hot, store("A", tier="cold"), routes=[route("R", "A")])
    said = refused(tmp_path, document, "?mode=mirror")
    assert "each manifest would go to a store of tier 'cold' only" in said


@pytest.mark.parametrize("where", ["route", "top"])
def test_a_quorum_that_needs_it(tmp_path: Path, where: str) -> None:
    two: Document = {"write_quorum": 2}
    more = {"routes": [route("R", "A", **two)]} if where == "route" else two
    said = refused(tmp_path, router(FIXED, store("A"), mode="mirror", **more))
    assert "write_quorum is 2, and there is no more than one store that is not" in said


MISTAKES: dict[str, tuple[Document, str]] = {
    "no stores": ({"routes": []}, "config.json: document: 'stores' is missing"),
    "no name": (
        {"stores": [{"url": "file:///a"}]},
        "config.json: stores[0]: 'name' is missing",
    ),
    "prefixes": (
        router(store("A", prefixes=["x"])),
        "stores[0].prefixes: unknown key",
    ),
    "slash in a name": (router(store("A/B")), "stores[0].name: must match"),
    "names twice": (
        router(store("A"), store("A", url="file:///a")),
        "stores[1].name: 'A' is the name of another store",
    ),
    "one store twice": (
        router(store("A"), {**store("A"), "name": "B"}),
        "stores[1]: the same store as stores[0]",
    ),
    "near store": (
        router(store("paris"), store("roubaix"), routes=[route("pariss")]),
        "routes[0].stores[0]: 'pariss' is no store; did you mean 'paris'? There are: "
        "'paris', 'roubaix'.",
    ),
    "no match": (
        router(routes=[{"stores": ["A"]}]),
        "routes[0]: 'match' is missing",
    ),
    "empty criterion": (
        router(routes=[route("A", match={"types": []})]),
        "routes[0].match.types: must not be empty",
    ),
    "unknown type": (
        router(routes=[route("A", match={"types": ["volume"]})]),
        "routes[0].match.types[0]: must be 'manifest' or",
    ),
    "store twice": (
        router(routes=[route("A", "A", mode="mirror")]),
        "routes[0].stores: must not name one twice",
    ),
    "not the last": (
        router(routes=[route("A"), route("B", match={"types": ["key"]})]),
        "routes[0].match: it matches every name, so nobody asks the next route",
    ),
    "route names": (
        router(
            routes=[
                route("A", name="x", match={"types": ["key"]}),
                route("B", name="x"),
            ]
        ),
        "routes[1].name: 'x' is the name of another route",
    ),
    "no mode": (
        router(routes=[route("A", "B")]),
        "routes[0]: 'mode' is missing, as there are 2 stores",
    ),
    "no mode by tier": (
        router(routes=[route("A", match={"types": ["archive"]})]),
        "'mode' is missing: each manifest belongs to 3 stores",
    ),
    "read order": (
        router(routes=[route("A", "B", mode="mirror", read_order=["B", "C"])]),
        "routes[0].read_order[1]: 'C' is no store of this route",
    ),
    "quorum of a stripe": (
        router(routes=[route("A", "B", mode="stripe", write_quorum=1)]),
        "routes[0].write_quorum: with mode stripe there is one copy",
    ),
    "quorum too large": (
        router(routes=[route("A", "B", mode="mirror", write_quorum=3)]),
        "routes[0]: write_quorum is 3, and there is no more than 2 stores",
    ),
    "inherited quorum too large": (
        router(mode="mirror", write_quorum=2, routes=[route("A")]),
        "routes[0]: write_quorum is 2, and there is no more than one store",
    ),
    "quorum by tier too large": (
        {**TIERS, "mode": "mirror", "write_quorum": 2},
        "names that no route matches: write_quorum is 2, and there is no more",
    ),
    "quorum and abort": (
        router(onfail="abort", routes=[route(*"ABC", mode="mirror", write_quorum=2)]),
        "routes[0]: write_quorum says that 2 of 3 copies are enough, and onfail",
    ),
    "quorum of zero": (
        router(routes=[route("A", write_quorum=0)]),
        "routes[0].write_quorum: must be 1 or more",
    ),
    "folder outside": (
        router(routes=[route("A", subpath="a/../..")]),
        "routes[0].subpath: it is no folder below the stores",
    ),
    "folder in a folder": (
        router(
            routes=[
                route("A", subpath="a", match={"types": ["key"]}),
                route("A", subpath="a-b", match={"types": ["index"]}),
                route("A", subpath="a/b"),
            ]
        ),
        "store 'A' is used in its folder 'a' and in its folder 'a/b'",
    ),
    "folder and all": (
        router(routes=[route("A", subpath="a", match={"types": ["key"]}), route("A")]),
        "store 'A' is used without a subpath and in its folder 'a'",
    ),
    "folder and by tier": (
        router(store("A"), routes=[route("A", subpath="a", match={"types": ["key"]})]),
        "store 'A' is used without a subpath and in its folder 'a'",
    ),
    "cold manifests": (
        {**TIERS, "routes": [route("far", name="all")]},
        "each manifest would go to a store of tier 'cold' only (route 'all')",
    ),
    "cold keys behind a prefix": (
        {
            **TIERS,
            "routes": [route("far", match={"types": ["key"], "prefixes": ["zz"]})],
        },
        "each key would go to a store of tier 'cold' only (route 'routes[0]')",
    ),
}


@pytest.mark.parametrize(("document", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_told_with_their_place(
    document: Document, message: str, tmp_path: Path
) -> None:
    assert message in refused(tmp_path, document)


def test_a_type_that_only_cold_stores_take_is_fine_for_volumes(tmp_path: Path) -> None:
    routes = [route("far", match={"types": ["archive"]})]
    config = read(tmp_path, {**TIERS, "routes": routes})
    assert labels(config.rules, VOLUME) == ("far",)
    assert labels(config.rules, MANIFEST) == ("near",)
