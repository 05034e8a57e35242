"""Repeat what can succeed soon.  Nothing else in tiered repeats calls.

Retrying is outside Limited, so a call that waits for its next attempt holds no
slot; outside Verified, so that a check that gets no answer is repeated with its
upload; and outside Throttled and Metered, so that every attempt is paid for and
counted  (`tiered.assemble.wrapping` puts them together).

A call may have taken effect although its answer was lost.  So when a repeated
CREATE finds the name taken by the same size (and checksum, where both sides
know it), or a repeated delete finds nothing, the attempt before has done it.

Each get asks for the entry first, if the store has `stat`: only that shows
later whether an interrupted read can go on (`tiered.wrap.resume`).
"""

from collections.abc import Callable
from random import Random
from typing import BinaryIO, TypeVar

from tiered.clock import Clock
from tiered.errors import AlreadyExists, NotFound, StoreError
from tiered.store import Entry, PutMode, Source, Store
from tiered.wrap.patience import Patience, RetryPolicy
from tiered.wrap.resume import Reopen, Resuming
from tiered.wrap.stream import OpenStream, Streaming
from tiered.wrap.verify import is_whole

T = TypeVar("T")


class Retrying(Streaming):
    """`inner`, each call and each read repeated as `policy` says."""

    def __init__(
        self, inner: Store, policy: RetryPolicy, clock: Clock, random: Random
    ) -> None:
        super().__init__(inner)
        self._patience = Patience(policy, clock, random)

    def around(self, verb: str, name: str, run: Callable[[], T]) -> T:
        return self._patience.repeat(lambda _: run())

    def around_stream(self, verb: str, name: str, open_stream: OpenStream) -> BinaryIO:
        reopen = Reopen(
            name=name,
            before=self._entry(name),
            open=open_stream,
            stat=self.inner.extras.stat,
            # a range may come from another copy than the one that was asked for
            ranges=self.inner.extras.ranges if verb == "get" else None,
        )
        stream = self._patience.repeat(lambda _: open_stream())
        return Resuming(stream, reopen, self._patience).as_binary()

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        def put(attempt: int) -> None:
            try:
                self.inner.put(name, source, mode)
            except AlreadyExists:
                if attempt == 1 or not self._holds(name, source):
                    raise

        self._patience.repeat(put)

    def delete(self, name: str) -> None:
        def delete(attempt: int) -> None:
            try:
                self.inner.delete(name)
            except NotFound:
                if attempt == 1:
                    raise

        self._patience.repeat(delete)

    def _holds(self, name: str, source: Source) -> bool:
        """Is the object that has the name the one that we were putting?"""
        stat = self.inner.extras.stat
        if stat is None:
            return False
        try:
            return is_whole(stat.stat(name), source)
        except NotFound:
            return False

    def _entry(self, name: str) -> Entry | None:
        """What the store says now; None, if it does not, means: never resume."""
        stat = self.inner.extras.stat
        try:
            return stat.stat(name) if stat else None
        except StoreError:
            return None  # the get that follows tells what is wrong
