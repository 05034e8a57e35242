"""The stores of a router, as a config describes them.

Messages name the file and the place and never repeat a value: each may be secret.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, count
from pathlib import Path
from types import MappingProxyType
from typing import TypedDict

from tiered.errors import ConfigError
from tiered.router.rules import Member, Tier
from tiered.secret import Secret
from tiered.settings.reference import Reference, parse_reference
from tiered.url import parse_url

Value = Secret | Reference
"""Of a variable: itself, or where it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberConfig:
    """One store of a router, as the config describes it."""

    label: str
    """`name`, or else the URL without what is secret; unique in the config."""
    url: Secret
    """As written: it may hold a password."""
    env: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))
    prefixes: tuple[str, ...] = ()
    tier: Tier | None = None
    weight: float = 1.0
    cost: float = 0.0
    description: str = ""
    options: Mapping[str, object] = field(
        default_factory=lambda: MappingProxyType({}), repr=False
    )
    """Checked by the store's own schema; not shown, as it may hold a secret."""
    at: str = field(default="", compare=False)
    """The config and the place in it, for messages."""
    subpath: str = ""
    """Of the routes that take it as this member: a folder below the URL's path."""

    @property
    def store(self) -> str:
        """The label of the store itself, whatever folder of it this is."""
        return (
            self.label.removesuffix(f"/{self.subpath}") if self.subpath else self.label
        )

    @property
    def read_only(self) -> bool:
        """Does its `options` say so?"""
        return bool(self.options.get("read_only"))

    def below(self, subpath: str) -> "MemberConfig":
        """The same store, where only what lies in a folder of it is seen."""
        label = f"{self.label}/{subpath}" if subpath else self.label
        return replace(self, label=label, subpath=subpath)

    def as_rule(self) -> Member:
        return Member(
            self.label,
            self.prefixes,
            self.tier,
            self.weight,
            self.cost,
            self.read_only,
        )


EnvDocument = TypedDict(
    "EnvDocument", {"name": str, "value": str, "from": str}, total=False
)


class StoreDocument(TypedDict, total=False):
    """What multi.schema.json lets through, in both forms."""

    url: str
    env: list[EnvDocument]
    prefixes: list[str]
    tier: str
    name: str
    weight: float
    cost: float
    description: str
    options: dict[str, object]


def read_members(
    path: Path, key: str, entries: Sequence[StoreDocument]
) -> tuple[MemberConfig, ...]:
    """The stores of a config.

    Args:
        path: Of the config; files that it names may be relative to it.
        key: What the entries stand behind: "" or "stores".
        entries: As the schema allows them.

    Raises:
        ConfigError: A URL or a reference cannot be read, a variable or a name is
            given twice, or two entries are the same store.
    """
    members: list[MemberConfig] = []
    for i, entry in enumerate(entries):
        at = f"{path}: {key}[{i}]"
        member = _member(at, path.parent, entry)
        for j, other in enumerate(members):
            if _place(member) == _place(other):
                raise ConfigError(
                    f"{at}: the same store as {key}[{j}]",
                    hint="Two copies on one store are one copy. Remove one entry.",
                )
        members.append(member)
    return _with_unique_labels(f"{path}: {key}", entries, members)


def _place(member: MemberConfig) -> tuple[object, ...]:
    """What tells stores apart: one URL may mean two accounts or two regions."""
    return member.url, member.env, member.options


def _member(at: str, folder: Path, entry: StoreDocument) -> MemberConfig:
    try:
        url = parse_url(entry["url"])
    except ConfigError as e:
        raise ConfigError(f"{at}.url: {e}", hint=e.hint) from None
    return MemberConfig(
        label=entry.get("name", url.label),
        url=Secret(entry["url"]),
        env=_env(at, folder, entry.get("env", [])),
        prefixes=tuple(entry.get("prefixes", [])),
        tier=Tier(entry["tier"]) if "tier" in entry else None,
        weight=float(entry.get("weight", 1)),
        cost=float(entry.get("cost", 0)),
        description=entry.get("description", ""),
        options=MappingProxyType(entry.get("options", {})),
        at=at,
    )


def _env(at: str, folder: Path, pairs: Sequence[EnvDocument]) -> Mapping[str, Value]:
    env: dict[str, Value] = {}
    for i, pair in enumerate(pairs):
        if pair["name"] in env:
            raise ConfigError(
                f"{at}.env[{i}].name: {pair['name']!r} is given twice",
                hint="Keep the one that is meant.",
            )
        env[pair["name"]] = _value(f"{at}.env[{i}]", folder, pair)
    return MappingProxyType(env)


def _value(at: str, folder: Path, pair: EnvDocument) -> Value:
    if "value" in pair:
        return Secret(pair["value"])
    try:
        return parse_reference(pair["from"], folder)
    except ConfigError as e:
        raise ConfigError(f"{at}.from: {e}", hint=e.hint) from None


def _with_unique_labels(
    at: str, entries: Sequence[StoreDocument], members: Sequence[MemberConfig]
) -> tuple[MemberConfig, ...]:
    """Two regions may have a container of one name: number those labels."""
    labels: list[str] = []
    for i, (entry, member) in enumerate(zip(entries, members, strict=True)):
        if "name" in entry and member.label in labels:
            raise ConfigError(
                f"{at}[{i}].name: {member.label!r} is the name of another store",
                hint="Give each store its own name.",
            )
        numbered = (f"{member.label}#{n}" for n in count(2))
        candidates = chain([member.label], numbered)
        labels.append(next(label for label in candidates if label not in labels))
    pairs = zip(members, labels, strict=True)
    return tuple(replace(member, label=label) for member, label in pairs)
