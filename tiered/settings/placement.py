"""Where each type of object would go under a config: the table of `config check`.

Pure: which objects would have to be thawed is asked of whoever knows the backends.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from tiered.archive.filename import Prefixes
from tiered.archive.kinds import NATIVE_SAMPLES, SAMPLES, Kind
from tiered.archive.style import Style
from tiered.router.plan import plan_read
from tiered.router.route import Match, Mode, Route
from tiered.router.rules import Rules

KINDS = {
    Kind.MANIFEST: "manifest",
    Kind.SIGNATURE: "signature",
    Kind.INDEX: "index",
    Kind.ARCHIVE: "archive (volumes)",
    Kind.KEY: "key",
    Kind.KEY_COPY: "key copy",
}
"""What a table calls each type."""

Thaws = Callable[[str, str], bool]
"""Label and name -> would that object have to be thawed there?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where some names go."""

    what: str
    """Which names, for people."""
    kinds: tuple[Kind, ...]
    """What they can be; for a type of object just that."""
    route: Route
    reading: tuple[str, ...]
    """Members of the route, in the order in which they are asked."""
    thaws: tuple[str, ...]
    """Members where such an object must be thawed before it is read."""


def place_types(
    rules: Rules, prefixes: Prefixes, thaws: Thaws
) -> tuple[Placement, ...]:
    """One for each type; two where the styles differ.

    Args:
        prefixes: What an archive's names begin with.
    """
    rows: list[Placement] = []
    for kind, what in KINDS.items():
        found = {
            style: _place(rules, kind, what, prefixes.of(kind) + samples[kind], thaws)
            for style, samples in _STYLES.items()
            if kind in samples
        }
        if len({row.route for row in found.values()}) == 1:
            rows.append(next(iter(found.values())))
        else:
            rows += [
                replace(row, what=f"{what}, style {style.value}")
                for style, row in found.items()
            ]
    return tuple(rows)


def place_prefixes(rules: Rules, thaws: Thaws) -> tuple[Placement, ...]:
    """For each prefix of the config, where the types behind it go."""
    named = [p for route in rules.routes for p in route.match.prefixes]
    named += [p for member in rules.members for p in member.prefixes]
    rows: list[Placement] = []
    for prefix in dict.fromkeys(p for p in named if p):
        groups: dict[Route, list[Placement]] = {}
        for row in place_types(rules, Prefixes(everything=prefix), thaws):
            groups.setdefault(row.route, []).append(row)
        for route, some in groups.items():
            behind = "every type" if len(groups) == 1 else _listed(some)
            rows.append(_together(f"{prefix}…: {behind}", route, some))
    return tuple(rows)


def place_globs(rules: Rules, thaws: Thaws) -> tuple[Placement, ...]:
    """For each glob of the config, where the names go that it is asked for."""
    rows: list[Placement] = []
    for route in rules.routes:
        alone = Rules(rules.members, routes=(replace(route, match=Match()),))
        kinds = [kind for kind in KINDS if _may_be(route.match, kind)]
        some = [
            _place(alone, kind, KINDS[kind], NATIVE_SAMPLES[kind], thaws)
            for kind in kinds
        ]
        behind = "every type" if len(kinds) == len(KINDS) else _listed(some)
        rows += [
            _together(f"{glob}: {behind}", route, some) for glob in route.match.globs
        ]
    return tuple(rows)


_STYLES: Mapping[Style, Mapping[Kind, str]] = {
    Style.TIERED: NATIVE_SAMPLES,
    Style.DUPLICITY: SAMPLES,
}


def _place(rules: Rules, kind: Kind, what: str, name: str, thaws: Thaws) -> Placement:
    route = rules.route_of(name)
    return Placement(
        what=what,
        kinds=(kind,),
        route=route,
        reading=plan_read(rules, name)[: len(route.labels)],
        thaws=tuple(label for label in route.labels if thaws(label, name)),
    )


def _together(what: str, route: Route, rows: Iterable[Placement]) -> Placement:
    first, *_ = rows = list(rows)
    thawed = {label for row in rows for label in row.thaws}
    return Placement(
        what=what,
        kinds=tuple(dict.fromkeys(kind for row in rows for kind in row.kinds)),
        route=route,
        reading=first.reading,
        thaws=tuple(label for label in route.labels if label in thawed),
    )


def _may_be(match: Match, kind: Kind) -> bool:
    return not match.kinds or kind.home in match.kinds


def _listed(rows: Iterable[Placement]) -> str:
    return ", ".join(row.what for row in rows)


def mode_text(route: Route) -> str:
    """For a table: with one store there is no difference."""
    if len(route.labels) == 1:
        return "-"
    return "mirror" if route.mode is Mode.MIRROR else "stripe"
