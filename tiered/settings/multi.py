"""The config of a router: duplicity's multi JSON, and what tiered adds.

    multi:///abs/config.json?mode=mirror&onfail=abort&subpath=/laptop

docs/reference/multi.md describes the format and where we differ.  Nothing here
sets an environment variable: `env` is handed to the one store it belongs to.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TypedDict, TypeVar, cast

from tiered.archive.kinds import NATIVE_SAMPLES, SAMPLES, Kind
from tiered.errors import ConfigError
from tiered.router.plan import every_route
from tiered.router.route import Mode, OnFail, Route
from tiered.router.rules import Rules, Tier
from tiered.settings.document import read_document
from tiered.settings.members import MemberConfig, StoreDocument, read_members
from tiered.settings.routes import Defaults, RouteDocument, read_routing
from tiered.url import StoreUrl, parse_url

E = TypeVar("E", bound=Enum)

_PARAMETERS = ("mode", "onfail", "subpath")
HOT_KINDS = (Kind.MANIFEST, Kind.SIGNATURE, Kind.INDEX, Kind.KEY)
"""What every command reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiConfig:
    """All of one router."""

    path: Path
    """Of the file."""
    members: tuple[MemberConfig, ...]
    mode: Mode = Mode.STRIPE
    onfail: OnFail = OnFail.CONTINUE
    routes: tuple[Route, ...] = ()
    subpath: str = ""
    """Put behind the path of each URL, as it is."""

    @property
    def rules(self) -> Rules:
        members = tuple(member.as_rule() for member in self.members)
        return Rules(members, self.mode, self.onfail, routes=self.routes)

    def folders(self, prefix: str) -> tuple[str, ...]:
        """Folders below its stores where the manifests of an archive lie, sorted.

        Args:
            prefix: What the manifests' names begin with.
        """
        samples = (SAMPLES[Kind.MANIFEST], NATIVE_SAMPLES[Kind.MANIFEST])
        labels = {k for s in samples for k in self.rules.route_of(prefix + s).labels}
        below = {m.subpath for m in self.members if m.label in labels}
        return tuple(sorted({self._below(subpath) for subpath in below}))

    def url_of(self, member: MemberConfig) -> StoreUrl:
        """The URL to open, subpaths included."""
        url = parse_url(member.url.reveal())
        path = url.path + self.subpath
        if member.subpath:
            path = f"{path.rstrip('/')}/{member.subpath}"
        return replace(url, path=path)

    def _below(self, subpath: str) -> str:
        return f"{self.subpath.rstrip('/')}/{subpath}" if subpath else self.subpath


class _RouterDocument(TypedDict, total=False):
    """The object form, as multi.schema.json lets it through."""

    stores: list[StoreDocument]
    routes: list[RouteDocument]
    mode: str
    onfail: str
    write_quorum: int
    subpath: str
    description: str


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
    asked = _parameters(query)
    document = read_document(path, "multi")
    if isinstance(document, list):
        config = _read_list(path, cast(list[StoreDocument], document), asked)
    else:
        config = _read_router(path, cast(_RouterDocument, document), asked)
    _check_hot_names(config)
    if not all(member.read_only for member in config.members):
        check_writable(config)
    return config


def check_writable(config: MultiConfig) -> None:
    """Is there a store for whatever a backup writes?

    A config of which every store is read-only is one to read from; of another one
    backups are expected, and would fail at their last object.

    Raises:
        ConfigError: All stores of a route are read-only.
    """
    for route in every_route(config.rules):
        if not route.writing:
            of = f"route {route.name!r}" if route.name else "some names"
            are = "is" if len(route.labels) == 1 else "are"
            raise ConfigError(
                f"{config.path}: no store of {of} can be written: "
                f"{' and '.join(route.labels)} {are} read_only",
                hint="Add a store there, or leave read_only out of the options of one. "
                "To read and no more, a config will do in which every store is "
                "read_only.",
            )


def _read_list(
    path: Path, entries: Sequence[StoreDocument], asked: Mapping[str, str]
) -> MultiConfig:
    return MultiConfig(
        path=path,
        members=read_members(path, "", entries),
        mode=_choice(Mode, "mode", asked) or Mode.STRIPE,
        onfail=_choice(OnFail, "onfail", asked) or OnFail.CONTINUE,
        subpath=asked.get("subpath", ""),
    )


def _read_router(
    path: Path, document: _RouterDocument, asked: Mapping[str, str]
) -> MultiConfig:
    said = {key: str(value) for key, value in document.items() if key in _PARAMETERS}
    for key in asked:
        if key in said and said[key] != asked[key]:
            raise ConfigError(
                f"two answers: {key} is one thing in {path} and another in the URL",
                hint=f"Leave {key} out of the URL.",
            )
    said |= asked
    mode = _choice(Mode, "mode", said)
    onfail = _choice(OnFail, "onfail", said) or OnFail.CONTINUE
    quorum = document.get("write_quorum")
    stores = read_members(path, "stores", document["stores"])
    routing = read_routing(
        str(path),
        document.get("routes", []),
        stores,
        Defaults(mode=mode, onfail=onfail, quorum=quorum),
    )
    return MultiConfig(
        path=path,
        members=routing.members,
        routes=routing.routes,
        mode=mode or Mode.STRIPE,
        onfail=onfail,
        subpath=said.get("subpath", ""),
    )


def _parameters(query: Sequence[tuple[str, str]]) -> dict[str, str]:
    for key, times in Counter(key for key, _ in query).items():
        if key not in _PARAMETERS:
            known = ", ".join(_PARAMETERS)
            raise ConfigError(
                f"multi URL: unknown query parameter {key!r}",
                hint=f"Known are: {known}.",
            )
        if times > 1:
            raise ConfigError(f"multi URL: query parameter {key!r} is given twice")
    return dict(query)


def _choice(kind: type[E], key: str, parameters: Mapping[str, str]) -> E | None:
    if key not in parameters:
        return None
    for value in kind:
        if value.value == parameters[key]:
            return value
    allowed = " or ".join(repr(value.value) for value in kind)
    raise ConfigError(
        f"multi URL: {key} must be {allowed}",
        hint=f"Write {key}={next(iter(kind)).value}, for instance.",
    )


def _check_hot_names(config: MultiConfig) -> None:
    """What every command reads must not be cold, in whatever style it is named."""
    rules = config.rules
    for kind, name in (*SAMPLES.items(), *NATIVE_SAMPLES.items()):
        _check_readable(config, kind, rules.route_of(name))
    for route in config.routes:
        for kind in HOT_KINDS:
            if kind in route.match.kinds:  # whatever prefix it has as well
                _check_readable(config, kind, route)


def _check_readable(config: MultiConfig, kind: Kind, route: Route) -> None:
    member = config.rules.member
    labels = route.writing or route.labels
    if kind in HOT_KINDS and all(member(x).tier is Tier.COLD for x in labels):
        where = f" (route {route.name!r})" if route.name else ""
        raise ConfigError(
            f"{config.path}: each {kind.value} would go to a store of tier 'cold' only"
            f"{where}",
            hint="Every command reads them. Add a store of tier 'hot'.",
        )
