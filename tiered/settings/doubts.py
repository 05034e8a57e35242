"""What is allowed in a config, and probably not meant.

Pure: what must be looked up, such as which objects thaw, comes in as values.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations

from tiered.errors import ConfigError
from tiered.router.route import Match, Mode, Route
from tiered.router.rules import Rules
from tiered.secret import Secret
from tiered.settings.members import MemberConfig
from tiered.settings.multi import HOT_KINDS, MultiConfig
from tiered.settings.placement import Placement
from tiered.settings.routes import UNNAMED
from tiered.url import parse_url

_SECRET = re.compile(r"PASS|SECRET|TOKEN|CONNECTION_STRING|KEY$|CREDENTIALS$")
_OPEN_TEXT = frozenset({"GOOGLE_APPLICATION_CREDENTIALS"})
"""Usually the path of a file, and secret only if it is the key itself."""


def doubts_of(
    config: MultiConfig,
    types: Sequence[Placement],
    others: Sequence[Placement],
    places: Mapping[str, tuple[str, object]],
) -> tuple[str, ...]:
    """All of them, as sentences.

    Args:
        config: Of the router.
        types: Where each type of object goes.
        others: Where the names with each prefix and glob of the config go.
        places: Label -> what a member shares with whoever has the same, such as a
            host, a container, a file system: how it is called, and what tells it
            from others.
    """
    rules = config.rules
    lost, found = _by_prefix(rules, types)
    return (
        *_without_prefix(lost),
        *_cold(found),
        *_cold_routes(rules, others),
        *_mixed_stripes(rules, found),
        *_single(found),
        *_one_place(found, places),
        *_unreached(rules, [*found, *others]),
        *_shadowed(rules),
    )


def literal_secrets(config: MultiConfig) -> tuple[str, ...]:
    """Where a secret stands in the file itself."""
    found: list[str] = []
    for member in config.members:
        found += [
            f"{name} of {member.label}"
            for name, value in member.env.items()
            if isinstance(value, Secret) and _is_secret(name, value)
        ]
        if _has_password(member):
            found.append(f"the password in the URL of {member.label}")
    return tuple(dict.fromkeys(found))


def _is_secret(name: str, value: Secret) -> bool:
    if not value.reveal() or not _SECRET.search(name):
        return False
    return name not in _OPEN_TEXT or value.reveal().lstrip().startswith("{")


def _has_password(member: MemberConfig) -> bool:
    try:
        return bool(parse_url(member.url.reveal()).password)
    except ConfigError:
        return False


def _by_prefix(
    rules: Rules, types: Sequence[Placement]
) -> tuple[list[Placement], list[Placement]]:
    """Types whose names have no prefix of the config, where all stores have some;
    and the others.
    """
    if rules.routes or not all(m.prefixes and not m.tier for m in rules.members):
        return [], list(types)
    everywhere = set(rules.labels)
    lost = [row for row in types if set(row.route.labels) == everywhere]
    if len(everywhere) == 1:
        lost = []
    return lost, [row for row in types if row not in lost]


def _without_prefix(rows: Sequence[Placement]) -> Iterator[str]:
    if rows:
        yield (
            f"{_named(rows)}: begins with no prefix of the config, so it may go to any "
            "store; give the --file-prefix options of your backups here, too"
        )


def _cold(types: Sequence[Placement]) -> Iterator[str]:
    """What every command reads, and may have to wait for."""
    groups = _grouped(row for row in types if row.kinds[0] in HOT_KINDS and row.thaws)
    for route, rows in groups.items():
        if {*route.writing} <= {*rows[0].thaws} or route.mode is Mode.STRIPE:
            yield (
                f"{_named(rows)}: every command reads it, and it can lie on "
                f"{_and(rows[0].thaws)} alone, where it must be thawed first"
            )


def _cold_routes(rules: Rules, others: Sequence[Placement]) -> Iterator[str]:
    """By prefix or glob, without a type: what an archive is called decides."""
    for route in dict.fromkeys(row.route for row in others):
        match = route.match
        if not (match.prefixes or match.globs) or match.kinds:
            continue
        thaws = {label for row in others if row.route == route for label in row.thaws}
        if thaws == set(route.labels):
            yield (
                f"route {route.name!r} sends every type with such a name to "
                f'{_and(route.labels)}, which is cold: add "types": ["archive"]'
            )


def _mixed_stripes(rules: Rules, types: Sequence[Placement]) -> Iterator[str]:
    for route, rows in _grouped(types).items():
        if route.mode is not Mode.STRIPE:
            continue
        tiers = {rules.member(label).tier for label in route.labels}
        thawed = len(rows[0].thaws)
        if len(tiers) > 1 or 0 < thawed < len(route.labels):
            yield (
                f"{_named(rows)}: striped over {_and(route.labels)}, which are not of "
                "one tier"
            )


def _single(types: Sequence[Placement]) -> Iterator[str]:
    """A mirror protects only if all that a restore needs is mirrored."""
    mirrored = [row for row in types if row.route.copies > 1]
    if not mirrored:
        return
    alone = [row for row in types if len(row.route.writing) == 1]
    for route, rows in _grouped(alone).items():
        yield (
            f"{_named(rows)}: on {route.writing[0]} only, while {_named(mirrored)} "
            "is mirrored"
        )


def _one_place(
    types: Sequence[Placement], places: Mapping[str, tuple[str, object]]
) -> Iterator[str]:
    told: set[frozenset[str]] = set()
    for row in types:
        if row.route.copies < 2:
            continue
        for one, two in combinations(row.route.writing, 2):
            same = places.get(one)
            if same and same == places.get(two) and frozenset((one, two)) not in told:
                told.add(frozenset((one, two)))
                yield f"{one} and {two} share {same[0]}: two copies there are one copy"


def _unreached(rules: Rules, rows: Sequence[Placement]) -> Iterator[str]:
    reached = {label for row in rows for label in row.route.labels}
    for label in rules.labels:
        if label not in reached | rules.read_only:
            yield f"{label}: no type of object goes there"


def _shadowed(rules: Rules) -> Iterator[str]:
    for i, route in enumerate(rules.routes):
        for earlier in rules.routes[:i]:
            if route.name not in UNNAMED and _covers(earlier.match, route.match):
                yield (
                    f"route {route.name!r} is never asked: {earlier.name!r} matches "
                    "all its names, and comes first"
                )
                break


def _covers(wide: Match, narrow: Match) -> bool:
    """Does all that `narrow` matches match `wide`?  False if that is not certain."""
    kinds = not wide.kinds or (narrow.kinds and narrow.kinds <= wide.kinds)
    prefixes = not wide.prefixes or (
        narrow.prefixes and all(p.startswith(wide.prefixes) for p in narrow.prefixes)
    )
    globs = not wide.globs or (narrow.globs and {*narrow.globs} <= {*wide.globs})
    return bool(kinds and prefixes and globs)


def _grouped(rows: Iterable[Placement]) -> dict[Route, list[Placement]]:
    """By what happens to them."""
    groups: dict[Route, list[Placement]] = {}
    for row in rows:
        groups.setdefault(row.route, []).append(row)
    return groups


def _named(rows: Iterable[Placement]) -> str:
    return ", ".join(row.what for row in rows)


def _and(labels: Sequence[str]) -> str:
    return " and ".join(labels)
