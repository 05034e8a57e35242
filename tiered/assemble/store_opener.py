"""From a URL to the store that the engine is given, or to each store behind it."""

import os
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from tiered.assemble.stores import open_backend
from tiered.assemble.wanted import Environment, Wanted
from tiered.assemble.wrapping import Wrapping
from tiered.clock import Clock
from tiered.monitor import Monitor
from tiered.store import Store
from tiered.url import StoreUrl
from tiered.wrap.usage import Usage

if TYPE_CHECKING:  # a single store needs none of them
    from tiered.assemble.config_check import ConfigCheck
    from tiered.assemble.each import Each
    from tiered.assemble.references import References
    from tiered.router.router import Router
    from tiered.settings.members import MemberConfig
    from tiered.settings.multi import MultiConfig


class StoreOpener:
    """Opens stores for one command line, and knows what each of them did."""

    def __init__(
        self,
        options: Namespace,
        environment: Environment,
        clock: Clock,
        monitor: Monitor,
    ) -> None:
        self._options, self._environment = options, environment
        self._clock, self._monitor = clock, monitor
        self._wrapping = Wrapping(options, clock)
        self._routers: list[Router] = []

    def open(self, url: StoreUrl) -> Store:
        """A store that is not a router; no I/O.

        Raises:
            ConfigError: The URL is wrong.
        """
        return self._wrapped(self._alone(url))

    def open_router(
        self, config: "MultiConfig", label: str, manifest_prefix: str
    ) -> Store:
        """One store over those of a config; no I/O.

        Args:
            label: As messages call it.
            manifest_prefix: What manifests begin with, and lists of debts beside them.

        Raises:
            ConfigError: The URL of one of them is wrong.
        """
        from tiered.archive.debts import debts_name
        from tiered.router.ledger import LedgerSettings
        from tiered.router.router import Router
        from tiered.wrap.breaker import Breaker

        stores = {
            member: Breaker(self._wrapped(wanted), self._clock)
            for member, wanted in self._members(config)
        }
        now_s, run = int(self._clock.time_s()), os.urandom(4).hex()
        name = debts_name(manifest_prefix, now_s, run)
        router = Router(
            config.rules,
            stores,
            self._monitor,
            label=label,
            ledger=LedgerSettings(name=name, clock=self._clock),
        )
        self._routers.append(router)
        return router

    def each(self, url: StoreUrl, config: "MultiConfig | None") -> "Iterator[Each]":
        """Every store behind `url`, to be looked at alone; the caller closes them.

        Args:
            config: What a multi URL names.
        """
        from tiered.assemble.each import open_each

        alone = [(url.label, self._alone(url))] if config is None else ()
        wanted = self._members(config) if config else alone
        return open_each(wanted, self._options, self._clock, self._wrapping)

    def config_check(self, config: "MultiConfig") -> "ConfigCheck":
        """Looks at a config; no store is opened for it."""
        from tiered.assemble.config_check import ConfigCheck

        return ConfigCheck(
            config,
            dict(self._members(config)),
            self._options,
            self._environment,
            self._clock,
        )

    def missed(self) -> Mapping[str, int]:
        """How many copies each store missed in this run."""
        return Counter(debt.label for router in self._routers for debt in router.debts)

    def usage(self) -> Mapping[str, Usage]:
        """What each store did until this moment, by its name."""
        return self._wrapping.usage()

    def _alone(self, url: StoreUrl) -> Wanted:
        return Wanted(url=url, env=self._environment, options={})

    def _members(self, config: "MultiConfig") -> Iterator[tuple[str, Wanted]]:
        from tiered.assemble.references import References

        references = References(self._environment, self._monitor)
        for member in config.members:
            url = config.url_of(member)
            yield member.label, _wanted(url, member, references)

    def _wrapped(self, wanted: Wanted) -> Store:
        backend = open_backend(wanted, self._options, self._clock)
        return self._wrapping.around(backend, wanted.options, wanted.name)


def _wanted(url: StoreUrl, member: "MemberConfig", references: "References") -> Wanted:
    return Wanted(
        url=url,
        name=member.label,
        env=references.environment_of(member),
        tier=member.tier,
        options=member.options,
        at=member.at,
    )
