"""Thawing through a router: one copy is asked, not all."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import inf

from tiered.errors import NotFound, StoreError
from tiered.router.members import Members, common_prefix, most_telling
from tiered.router.plan import plan_read
from tiered.store import Frost, Thaw, Warmth

States = Mapping[str, Mapping[str, Frost]]
"""Name -> label -> how cold that copy is.  Copies that do not matter, because
a warm one was found before, are left out."""

_WARM = Frost(Warmth.WARM)
_RANK = {Warmth.WARM: 0, Warmth.THAWING: 1, Warmth.COLD: 2}


class RoutedThaw:
    """The thaw capability of a router with a member that has it."""

    def __init__(self, members: Members, thaws: Mapping[str, Thaw]) -> None:
        self._members, self._thaws = members, thaws

    def frost(self, names: Iterable[str]) -> Mapping[str, Frost]:
        """The best state over all copies: a warm one anywhere is warm."""
        states = self._states(tuple(dict.fromkeys(names)))
        return {name: min(s.values(), key=_rank) for name, s in states.items()}

    def thaw(self, names: Iterable[str]) -> None:
        """Ask for the first copy in read order, unless one is on its way.

        Members that are read-only refuse, so they are asked for what is nowhere else.
        """
        rules, asks = self._members.rules, defaultdict(list)
        for name, states in self._states(tuple(dict.fromkeys(names))).items():
            if all(f.warmth is Warmth.COLD for f in states.values()):
                order = [k for k in plan_read(rules, name) if k in states]
                asks[min(order, key=rules.read_only.__contains__)].append(name)
        failed: dict[str, StoreError] = {}
        for label, wanted in asks.items():
            try:
                self._thaws[label].thaw(wanted)
            except StoreError as e:
                failed[label] = e
        if failed:
            raise most_telling(failed)

    def _states(self, names: Sequence[str]) -> States:
        states: dict[str, dict[str, Frost]] = {name: {} for name in names}
        failed: dict[str, StoreError] = {}
        # warm members first: what they have needs no question to a cold one
        for label in sorted(self._members.stores, key=self._thaws.__contains__):
            left = [name for name, found in states.items() if not _is_warm(found)]
            if not left:
                break
            try:
                for name, frost in self._seen(label, left).items():
                    states[name][label] = frost
            except StoreError as e:
                failed[label] = e
        self._complain(states, failed)
        return states

    def _seen(self, label: str, names: Sequence[str]) -> Mapping[str, Frost]:
        """The states of those of `names` that one member has."""
        thaw = self._thaws.get(label)
        if thaw:
            try:
                return thaw.frost(names)
            except NotFound:
                pass  # it has not all of them: look which
        listing = self._members.stores[label].list(common_prefix(names))
        listed = {entry.name for entry in listing}
        here = [name for name in names if name in listed]
        if thaw and here:
            return thaw.frost(here)
        return dict.fromkeys(here, _WARM)

    def _complain(self, states: States, failed: Mapping[str, StoreError]) -> None:
        """Raise if a name was seen nowhere; warn if a member did not answer."""
        missing = [name for name, found in states.items() if not found]
        if missing and failed:
            raise most_telling(failed)
        if missing:
            raise NotFound(f"no store has {missing[0]!r}", name=missing[0])
        for label, error in failed.items():
            self._members.monitor.warn(
                f"how cold objects are on {label} is not known: {error}", error.hint
            )


def _is_warm(found: Mapping[str, Frost]) -> bool:
    return any(frost.warmth is Warmth.WARM for frost in found.values())


def _rank(frost: Frost) -> tuple[int, float]:
    """Best first: the warmest, and of those the one that takes least time."""
    wait_s = inf if frost.wait_s is None else frost.wait_s
    return _RANK[frost.warmth], wait_s
