"""The config of a router: duplicity's multi JSON, and what tiered adds.

    multi:///abs/config.json?mode=mirror&onfail=abort&subpath=/laptop

docs/reference/multi.md describes the format and where we differ.  Nothing here
sets an environment variable: `env` is handed to the one store it belongs to.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import chain, count
from pathlib import Path
from types import MappingProxyType
from typing import TypedDict, TypeVar, cast

from tiered.archive.kinds import NATIVE_SAMPLES, SAMPLES, Kind
from tiered.errors import ConfigError
from tiered.router.rules import Member, Mode, OnFail, Rules, Tier
from tiered.secret import Secret
from tiered.settings.document import read_document
from tiered.url import StoreUrl, parse_url

E = TypeVar("E", bound=Enum)

_DEFAULTS = {"mode": "stripe", "onfail": "continue", "subpath": ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberConfig:
    """One store of a router, as the config describes it."""

    label: str
    """`name`, or else the URL without what is secret; unique in the config."""
    url: Secret
    """As written: it may hold a password."""
    env: Mapping[str, Secret] = field(default_factory=lambda: MappingProxyType({}))
    prefixes: tuple[str, ...] = ()
    tier: Tier | None = None
    description: str = ""
    options: Mapping[str, object] = field(
        default_factory=lambda: MappingProxyType({}), repr=False
    )
    """Checked by the store's own schema; not shown, as it may hold a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiConfig:
    """All of one router."""

    members: tuple[MemberConfig, ...]
    mode: Mode = Mode.STRIPE
    onfail: OnFail = OnFail.CONTINUE
    subpath: str = ""
    """Put behind the path of each URL, as it is."""

    @property
    def rules(self) -> Rules:
        members = tuple(Member(m.label, m.prefixes, m.tier) for m in self.members)
        return Rules(members, self.mode, self.onfail)

    def url_of(self, member: MemberConfig) -> StoreUrl:
        """The URL to open, subpath included."""
        url = parse_url(member.url.reveal())
        return replace(url, path=url.path + self.subpath)


def load_multi(url: StoreUrl) -> MultiConfig:
    """The config that a `multi://` URL names.

    Raises:
        ConfigError: The URL, the file, or what they say together is wrong.
    """
    if url.host or not url.path:
        raise ConfigError(
            "a multi URL needs the absolute path of its config",
            hint="Write it with three slashes: multi:///path/config.json.",
        )
    return read_multi(Path(url.path), url.query)


def read_multi(path: Path, query: Sequence[tuple[str, str]] = ()) -> MultiConfig:
    """As `load_multi`, from the parts of the URL."""
    parameters = _parameters(query)
    document = read_document(path, "multi")
    config = MultiConfig(
        members=_members(path, cast(list[_EntryDocument], document)),
        mode=_choice(Mode, "mode", parameters),
        onfail=_choice(OnFail, "onfail", parameters),
        subpath=parameters["subpath"],
    )
    _check_hot_names(path, config.rules)
    return config


def _parameters(query: Sequence[tuple[str, str]]) -> dict[str, str]:
    for key, times in Counter(key for key, _ in query).items():
        if key not in _DEFAULTS:
            known = ", ".join(_DEFAULTS)
            raise ConfigError(
                f"multi URL: unknown query parameter {key!r}",
                hint=f"Known are: {known}.",
            )
        if times > 1:
            raise ConfigError(f"multi URL: query parameter {key!r} is given twice")
    return _DEFAULTS | dict(query)


def _choice(kind: type[E], key: str, parameters: Mapping[str, str]) -> E:
    for value in kind:
        if value.value == parameters[key]:
            return value
    allowed = " or ".join(repr(value.value) for value in kind)
    raise ConfigError(
        f"multi URL: {key} must be {allowed}",
        hint=f"Write {key}={next(iter(kind)).value}, for instance.",
    )


class _EnvDocument(TypedDict):
    name: str
    value: str


class _EntryDocument(TypedDict, total=False):
    """What multi.schema.json lets through."""

    url: str
    env: list[_EnvDocument]
    prefixes: list[str]
    tier: str
    name: str
    description: str
    options: dict[str, object]


def _members(path: Path, entries: Sequence[_EntryDocument]) -> tuple[MemberConfig, ...]:
    members: list[MemberConfig] = []
    for i, entry in enumerate(entries):
        at = f"{path}: [{i}]"
        member = _member(at, entry)
        for j, other in enumerate(members):
            if _place(member) == _place(other):
                raise ConfigError(
                    f"{at}: the same store as [{j}]",
                    hint="Two copies on one store are one copy. Remove one entry.",
                )
        members.append(member)
    return _with_unique_labels(path, entries, members)


def _place(member: MemberConfig) -> tuple[object, ...]:
    """What tells stores apart: one URL may mean two accounts or two regions."""
    return member.url, member.env, member.options


def _member(at: str, entry: _EntryDocument) -> MemberConfig:
    try:
        url = parse_url(entry["url"])
    except ConfigError as e:
        raise ConfigError(f"{at}.url: {e}", hint=e.hint) from None
    return MemberConfig(
        label=entry.get("name", url.label),
        url=Secret(entry["url"]),
        env=_env(at, entry.get("env", [])),
        prefixes=tuple(entry.get("prefixes", [])),
        tier=Tier(entry["tier"]) if "tier" in entry else None,
        description=entry.get("description", ""),
        options=MappingProxyType(entry.get("options", {})),
    )


def _env(at: str, pairs: Sequence[_EnvDocument]) -> Mapping[str, Secret]:
    env: dict[str, Secret] = {}
    for i, pair in enumerate(pairs):
        if pair["name"] in env:
            raise ConfigError(
                f"{at}.env[{i}].name: {pair['name']!r} is given twice",
                hint="Keep the one that is meant.",
            )
        env[pair["name"]] = Secret(pair["value"])
    return MappingProxyType(env)


def _with_unique_labels(
    path: Path, entries: Sequence[_EntryDocument], members: Sequence[MemberConfig]
) -> tuple[MemberConfig, ...]:
    """Two regions may have a container of one name: number those labels."""
    labels: list[str] = []
    for i, (entry, member) in enumerate(zip(entries, members, strict=True)):
        if "name" in entry and member.label in labels:
            raise ConfigError(
                f"{path}: [{i}].name: {member.label!r} is the name of another store",
                hint="Give each store its own name.",
            )
        numbered = (f"{member.label}#{n}" for n in count(2))
        candidates = chain([member.label], numbered)
        labels.append(next(label for label in candidates if label not in labels))
    pairs = zip(members, labels, strict=True)
    return tuple(replace(member, label=label) for member, label in pairs)


def _check_hot_names(path: Path, rules: Rules) -> None:
    """What every command reads must not be cold, in whatever style it is named."""
    hot = (Kind.MANIFEST, Kind.SIGNATURE, Kind.INDEX, Kind.KEY)
    samples = [*SAMPLES.items(), *NATIVE_SAMPLES.items()]
    for kind, name in samples:
        if kind in hot and all(m.tier is Tier.COLD for m in rules.eligible(name)):
            raise ConfigError(
                f"{path}: each {kind.value} would go to a store of tier 'cold' only",
                hint="Every command reads them. Add a store of tier 'hot'.",
            )
