"""What stands around each store of a command line, and in which order.

Outermost first:

    ReadOnly      refuses before anything is asked
    Retrying      waits for its next attempt without holding anything
    Limited       an upload and its check are one call
    Verified      a check that gets no answer is repeated with its upload
    Throttled     each attempt and each check is paid for
    Metered       counts what the store really gets

The last three see every attempt.
"""

from argparse import Namespace
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from tiered.clock import Clock
from tiered.settings.limits import Limits, read_limits
from tiered.store import Store
from tiered.wrap.limit import Limited
from tiered.wrap.meter import Metered
from tiered.wrap.patience import RetryPolicy
from tiered.wrap.readonly import ReadOnly
from tiered.wrap.retry import Retrying
from tiered.wrap.throttle import Paces, Throttled, byte_bucket, request_bucket
from tiered.wrap.tokens import TokenBucket
from tiered.wrap.usage import Usage
from tiered.wrap.verify import Verified


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """The line of this machine, which all stores share."""

    upload: tuple[TokenBucket, ...]
    download: tuple[TokenBucket, ...]


class Wrapping:
    """Wraps the stores of one command line, and knows what each did."""

    def __init__(self, options: Namespace, clock: Clock) -> None:
        self._options, self._clock = options, clock
        self._line = _Line(
            upload=_byte_buckets(options.limit_upload, clock),
            download=_byte_buckets(options.limit_download, clock),
        )
        self._meters: list[tuple[str, Metered]] = []

    def around(
        self,
        backend: Store,
        own: Mapping[str, object],
        name: str | None = None,
        *,
        verified: bool = True,
    ) -> Store:
        """The store that a router, or the engine, is given.

        Args:
            own: `options` of this store in a config.
            name: What the config calls it; None: its label.
            verified: Look after each put; not where two put one name on purpose.
        """
        limits = read_limits(own)
        metered = Metered(backend)
        self._meters.append((name or backend.label, metered))
        store: Store = self._throttled(metered, limits)
        if verified:
            store = Verified(store)
        if slots := self._slots(limits):
            store = Limited(store, slots)
        policy = RetryPolicy(
            attempts=self._options.num_retries,
            longest_wait_s=self._options.retry_delay_s,
        )
        store = Retrying(store, policy, self._clock, Random())
        if self._options.read_only:
            return ReadOnly(store, "--read-only")
        if own.get("read_only"):
            return ReadOnly(store, "read_only in its options")
        return store

    def usage(self) -> Mapping[str, Usage]:
        """What each store did until this moment, by its name, in order of opening."""
        found: dict[str, Usage] = {}
        seen: Counter[str] = Counter()
        for name, metered in self._meters:
            seen[name] += 1
            again = f"#{seen[name]}" if seen[name] > 1 else ""
            found[name + again] = metered.usage
        return found

    def _throttled(self, store: Store, limits: Limits) -> Store:
        own, clock = limits, self._clock
        paces = Paces(
            upload=self._line.upload + _byte_buckets(own.upload_bytes_per_s, clock),
            download=self._line.download
            + _byte_buckets(own.download_bytes_per_s, clock),
            requests=tuple(
                request_bucket(rate, clock)
                for rate in (own.requests_per_s, self._options.limit_requests)
                if rate
            ),
        )
        is_free = not (paces.upload or paces.download or paces.requests)
        return store if is_free else Throttled(store, paces)

    def _slots(self, limits: Limits) -> int | None:
        asked = (limits.connections, self._options.limit_connections)
        return min((number for number in asked if number), default=None)


def _byte_buckets(bytes_per_s: float | None, clock: Clock) -> tuple[TokenBucket, ...]:
    return (byte_bucket(bytes_per_s, clock),) if bytes_per_s else ()
