"""`tiered config check`: what a config means on this machine, and what is doubtful.

Without a probe nothing is opened, so no secret of the config is fetched.
"""

import stat
from argparse import Namespace
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tiered.archive.filename import Prefixes
from tiered.archive.kinds import Kind, kind_of
from tiered.assemble.places import Place, mode_of, place_of
from tiered.assemble.stores import open_backend, seals_volumes
from tiered.assemble.wanted import Environment, Wanted
from tiered.clock import Clock
from tiered.errors import StoreMissing, TieredError
from tiered.settings.doubts import doubts_of, literal_secrets
from tiered.settings.members import MemberConfig
from tiered.settings.multi import MultiConfig, check_writable
from tiered.settings.placement import (
    Placement,
    place_globs,
    place_prefixes,
    place_types,
)

_ALL_SEALED = ("pca", "cold+file")
"""Where each object must be thawed, not volumes alone."""
_PROBE = "tiered-config-check"
"""A prefix that no object has: a listing of it is short, and tells as much."""
_MADE = "The first backup makes it, if it is not to be there yet."
_PROBES = 8
"""At a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What one store answered."""

    label: str
    elapsed_s: float
    error: TieredError | None
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigReport:
    """What was found without asking any store."""

    types: tuple[Placement, ...]
    others: tuple[Placement, ...]
    """For each prefix and glob of the config."""
    doubts: tuple[str, ...]


class ConfigCheck:
    """One config, looked at.

    Args:
        config: As read.
        wanted: How each member would be opened, by label.
        options: Of the command line.
        environment: Of the process.
        clock: For the time that a probe takes.
    """

    def __init__(
        self,
        config: MultiConfig,
        wanted: Mapping[str, Wanted],
        options: Namespace,
        environment: Environment,
        clock: Clock,
    ) -> None:
        self._config, self._options, self._clock = config, options, clock
        self._environment, self._wanted = environment, wanted

    def report(self, prefixes: Prefixes) -> ConfigReport:
        """The table and the doubts.

        Args:
            prefixes: What the names of the archive begin with.

        Raises:
            ConfigError: A store cannot be opened so, or backups could not be made.
        """
        check_writable(self._config)
        rules = self._config.rules
        types = place_types(rules, prefixes, self._thaws)
        others = (
            *place_prefixes(rules, self._thaws),
            *place_globs(rules, self._thaws),
        )
        doubts = doubts_of(self._config, types, others, self._places())
        return ConfigReport(
            types=types, others=others, doubts=(*doubts, *self._open_secrets())
        )

    def probe(self) -> tuple[Probe, ...]:
        """List each store once: is it there, and does it know us?

        Cost: One request or a few for each store, and its login; no wait but the
        timeout, no repetition.
        """
        with ThreadPoolExecutor(_PROBES) as threads:
            return tuple(threads.map(self._probe, self._stores()))

    def _stores(self) -> Iterator[MemberConfig]:
        """Of members that are folders of one store, the first."""
        seen: set[str] = set()
        for member in self._config.members:
            if member.store not in seen:
                seen.add(member.store)
                yield member

    def _probe(self, member: MemberConfig) -> Probe:
        begin_s = self._clock.now_s()
        error: TieredError | None = None
        hint = ""
        try:
            wanted = self._wanted[member.label]
            store = open_backend(wanted, self._options, self._clock)
            try:
                store.list(_PROBE)
            except StoreMissing:
                hint = _MADE if store.extras.create else ""
                raise
            finally:
                store.close()
        except TieredError as e:
            error, hint = e, hint or e.hint
        elapsed_s = self._clock.now_s() - begin_s
        return Probe(label=member.label, elapsed_s=elapsed_s, error=error, hint=hint)

    def _thaws(self, label: str, name: str) -> bool:
        wanted = self._wanted[label]
        if not seals_volumes(wanted, self._options):
            return False
        return wanted.url.scheme in _ALL_SEALED or kind_of(name) is Kind.ARCHIVE

    def _places(self) -> dict[str, Place]:
        found: dict[str, Place] = {}
        for member in self._config.members:
            url = self._config.url_of(member)
            if place := place_of(member, url, self._environment):
                found[member.label] = place
        return found

    def _open_secrets(self) -> Iterator[str]:
        secrets = literal_secrets(self._config)
        path = self._config.path
        if secrets and mode_of(path) & stat.S_IROTH:
            yield (
                f"everybody can read {path}, and these stand in it as they are: "
                f"{', '.join(secrets)}; chmod o= {path}, or say where they are by "
                '"from"'
            )
