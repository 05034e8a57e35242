"""The stores behind a URL one by one, each to be looked at alone."""

from argparse import Namespace
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tiered.assemble.stores import open_backend, seals_volumes
from tiered.assemble.wanted import Wanted
from tiered.assemble.wrapping import Wrapping
from tiered.clock import Clock
from tiered.errors import TieredError
from tiered.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """One store, opened; nothing has been asked of it."""

    store: Store
    """As commands use it, but no put is looked after.  Who got this closes it."""
    bare: Store
    """The same without wrappers that repeat, wait or look twice."""
    seals: bool
    """Are volumes sealed as soon as they are put, so that only a thaw opens them?"""


Each = tuple[str, Opened | TieredError]
"""The label of a store, and the store or why it cannot be opened."""


def open_each(
    wanted: Iterable[tuple[str, Wanted]],
    options: Namespace,
    clock: Clock,
    wrapping: Wrapping,
) -> Iterator[Each]:
    """Open them; no I/O.  One that cannot be opened does not hide the others."""
    for label, one in wanted:
        try:
            bare = open_backend(one, options, clock)
            seals = seals_volumes(one, options)
        except TieredError as e:
            yield label, e
        else:
            store = wrapping.around(bare, one.options, one.name, verified=False)
            yield label, Opened(store=store, bare=bare, seals=seals)
