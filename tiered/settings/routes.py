"""The routes of a router, as the object form of a config describes them.

A route with a `subpath` has members of its own: the same stores, one folder
deeper.  So the rules know nothing of folders, and a member is always one place.
Names that no route of the config matches go by tier; that is written out here as
further routes, so that members which are folders take none of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypedDict

from tiered.archive.kinds import NATIVE_SAMPLES, SAMPLES, Kind
from tiered.errors import ConfigError
from tiered.router.route import Match, Mode, OnFail, Route
from tiered.router.rules import Tier
from tiered.settings.document import guess
from tiered.settings.members import MemberConfig

BY_TIER, ANYWHERE = UNNAMED = ("by tier", "all stores")
"""What the routes are called that no config names."""


class MatchDocument(TypedDict, total=False):
    types: list[str]
    prefixes: list[str]
    globs: list[str]


class RouteDocument(TypedDict, total=False):
    """What multi.schema.json lets through."""

    name: str
    description: str
    match: MatchDocument
    stores: list[str]
    mode: str
    write_quorum: int
    read_order: list[str]
    onfail: str
    subpath: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What holds for routes that do not say it."""

    mode: Mode | None
    onfail: OnFail
    quorum: int | None


@dataclass(frozen=True, slots=True)
class Routing:
    """All of it."""

    members: tuple[MemberConfig, ...]
    """By rank: as the stores, and of one store as its routes."""
    routes: tuple[Route, ...]


def read_routing(
    path: str,
    documents: Sequence[RouteDocument],
    stores: Sequence[MemberConfig],
    defaults: Defaults,
) -> Routing:
    """Routes, and the members that they need.

    Args:
        path: Of the config, for messages.
        documents: As the schema allows them.
        stores: Of the config.
        defaults: What the top level and the URL say.

    Raises:
        ConfigError: A route names a store that is not there, could never be
            asked, or contradicts itself.
    """
    by_name = {store.label: store for store in stores}
    routes: list[Route] = []
    used: dict[str, dict[str, None]] = {store.label: {} for store in stores}
    for i, document in enumerate(documents):
        at = f"{path}: routes[{i}]"
        for j, name in enumerate(document["stores"]):
            _check_known(f"{at}.stores[{j}]", name, by_name)
        route = _route(at, i, document, defaults, by_name)
        if route.match == Match() and i + 1 < len(documents):
            raise ConfigError(
                f"{at}.match: it matches every name, so nobody asks the next route",
                hint="Make this one the last, or say what it is for.",
            )
        if route.name in {other.name for other in routes}:
            raise ConfigError(
                f"{at}.name: {route.name!r} is the name of another route",
                hint="Give each route its own name.",
            )
        routes.append(route)
        subpath = _subpath(at, document)
        for name in document["stores"]:
            used[name][subpath] = None
    if not routes or routes[-1].match != Match():
        others = tuple(_by_tier(path, stores, routes, defaults))
        for label in (label for route in others for label in route.labels):
            used[label][""] = None
        routes += others
    for label, subpaths in used.items():
        _check_apart(path, label, subpaths)
    members = tuple(
        by_name[label].below(subpath)
        for label, subpaths in used.items()
        for subpath in subpaths or [""]
    )
    return Routing(members, tuple(routes))


def _route(
    at: str,
    i: int,
    document: RouteDocument,
    defaults: Defaults,
    stores: Mapping[str, MemberConfig],
) -> Route:
    onfail = OnFail(document["onfail"]) if "onfail" in document else defaults.onfail
    mode = _mode(at, document, defaults)
    subpath = _subpath(at, document)
    for j, name in enumerate(document.get("read_order", [])):
        _check_known(f"{at}.read_order[{j}]", name, document["stores"], "of this route")
    match = document["match"]
    fixed = [name for name in document["stores"] if stores[name].read_only]
    if "write_quorum" in document and mode is Mode.STRIPE:
        raise ConfigError(
            f"{at}.write_quorum: with mode stripe there is one copy of each object",
            hint="Leave it out, or make the mode mirror.",
        )
    return checked_quorum(
        at,
        Route(
            name=document.get("name", f"routes[{i}]"),
            match=Match(
                kinds=frozenset(map(Kind, match.get("types", []))),
                prefixes=tuple(match.get("prefixes", [])),
                globs=tuple(match.get("globs", [])),
            ),
            labels=_labels(document["stores"], subpath),
            mode=mode,
            onfail=onfail,
            quorum=_quorum(mode, document.get("write_quorum", defaults.quorum)),
            read_order=_labels(document.get("read_order", []), subpath),
            read_only=frozenset(_labels(fixed, subpath)),
        ),
    )


def _mode(at: str, document: RouteDocument, defaults: Defaults) -> Mode:
    if "mode" in document:
        return Mode(document["mode"])
    if defaults.mode:
        return defaults.mode
    if len(document["stores"]) == 1:
        return Mode.MIRROR
    raise ConfigError(
        f"{at}: 'mode' is missing, as there are {len(document['stores'])} stores",
        hint="mirror: each object on all of them; stripe: each object on one.",
    )


def checked_quorum(at: str, route: Route) -> Route:
    """The route, if as many copies can be made as it wants.

    Raises:
        ConfigError: They cannot, or two keys contradict each other.
    """
    quorum = route.quorum
    # with none at all it is not the quorum that is wrong
    if quorum is not None and quorum > len(route.writing or route.labels):
        count = len(route.writing or route.labels)
        stores = "one store" if count == 1 else f"{count} stores"
        only = " that is not read_only" if route.writing and route.read_only else ""
        raise ConfigError(
            f"{at}: write_quorum is {quorum}, and there is no more than {stores}{only}",
            hint="Each copy needs a store of its own; a route may have its own quorum.",
        )
    if quorum is not None and route.onfail is OnFail.ABORT and quorum < route.copies:
        raise ConfigError(
            f"{at}: write_quorum says that {quorum} of {route.copies} copies are "
            "enough, and onfail that none may be missing",
            hint="Make onfail 'continue', or leave write_quorum out.",
        )
    return route


def _by_tier(
    path: str,
    stores: Sequence[MemberConfig],
    routes: Sequence[Route],
    defaults: Defaults,
) -> Iterable[Route]:
    """Where names go that no route matches: as in a list without prefixes."""
    everywhere = tuple(store.label for store in stores)
    cold = tuple(s.label for s in stores if s.tier is not Tier.HOT)
    hot = tuple(s.label for s in stores if s.tier is not Tier.COLD)
    groups = {Match(kinds=frozenset({Kind.ARCHIVE})): cold or everywhere}
    groups[Match()] = hot or everywhere
    has_tiers = any(store.tier for store in stores)
    if not has_tiers:
        del groups[Match(kinds=frozenset({Kind.ARCHIVE}))]
    for match, labels in groups.items():
        mode = defaults.mode or (Mode.MIRROR if len(labels) == 1 else None)
        if mode is None:
            _check_not_needed(path, match, labels, routes)
        route = Route(
            name=BY_TIER if has_tiers else ANYWHERE,
            match=match,
            labels=labels,
            mode=mode or Mode.STRIPE,
            onfail=defaults.onfail,
            quorum=_quorum(mode or Mode.STRIPE, defaults.quorum),
            read_only=frozenset(s.label for s in stores if s.read_only) & {*labels},
        )
        yield checked_quorum(f"{path}: names that no route matches", route)


def _quorum(mode: Mode, asked: int | None) -> int | None:
    return int(asked) if asked is not None and mode is Mode.MIRROR else None


def _check_not_needed(
    path: str, match: Match, labels: Sequence[str], routes: Sequence[Route]
) -> None:
    """No mode is said for these names: are there any that matter?"""
    for kind, name in (*SAMPLES.items(), *NATIVE_SAMPLES.items()):
        if match(name) and not any(route.match(name) for route in routes):
            raise ConfigError(
                f"{path}: 'mode' is missing: each {kind.value} belongs to "
                f"{len(labels)} stores",
                hint="mirror: each object on all of them; stripe: each object on one.",
            )


def _subpath(at: str, document: RouteDocument) -> str:
    """A relative path; slashes at its ends mean nothing."""
    text = document.get("subpath", "")
    parts = text.strip("/").split("/")
    if text and any(part in ("", ".", "..") for part in parts):
        raise ConfigError(
            f"{at}.subpath: it is no folder below the stores",
            hint="Write it as folder or folder/folder.",
        )
    return "/".join(parts)


def _labels(names: Iterable[str], subpath: str) -> tuple[str, ...]:
    return tuple(f"{name}/{subpath}" if subpath else name for name in names)


def _check_known(
    at: str, name: str, known: Mapping[str, object] | Sequence[str], where: str = ""
) -> None:
    if name not in known:
        what = f"{name!r} is no store {where}".rstrip()
        listed = ", ".join(map(repr, known))
        raise ConfigError(
            f"{at}: {what}{guess(name, known)}", hint=f"There are: {listed}."
        )


def _check_apart(path: str, label: str, subpaths: Iterable[str]) -> None:
    """A store lists what is in its folders, too: two members would see the same."""
    for outer, inner in combinations(sorted(subpaths), 2):
        if not outer or inner.startswith(f"{outer}/"):
            outside = f"in its folder {outer!r}" if outer else "without a subpath"
            raise ConfigError(
                f"{path}: store {label!r} is used {outside} and in its folder "
                f"{inner!r}, so each object there would be listed twice",
                hint="Give all routes to this store a subpath, none inside another, "
                'and end with a route that matches all: "match": {}.',
            )
