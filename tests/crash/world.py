"""One archive over a hot and a cold folder, driven without the command line."""

import io
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.engine import key_sources, native_settings
from tiered.archive.collection import Collection
from tiered.archive.filename import Namer, Prefixes, SetId
from tiered.archive.style import Style
from tiered.backends.file import FileSettings, FileStore
from tiered.catalogue.cache import Cache
from tiered.codec.codec import Codec
from tiered.codec.envelope import AgeEnvelope, PlainEnvelope
from tiered.codec.plain import Gzip, Plain
from tiered.engine.backup import Action, BackupRequest, run_backup
from tiered.engine.context import Context
from tiered.engine.duplicity_set import DuplicitySettings
from tiered.engine.inventory import Purpose, take_inventory
from tiered.engine.native.keyring import Keyring
from tiered.engine.native.rebuild.plan import plan_rebuild
from tiered.engine.native.rebuild.run import RebuildReport, run_rebuild
from tiered.engine.pack import PackSettings
from tiered.engine.place import PlaceSettings
from tiered.engine.prune import (
    PrunePlan,
    plan_cleanup,
    plan_remove_older_than,
    run_prune,
)
from tiered.engine.restore import RestoreRequest, plan_restore, run_restore
from tiered.engine.scan import OwnerNames
from tiered.monitor import Monitor, SilentMonitor
from tiered.router.route import Mode, OnFail
from tiered.router.router import Router
from tiered.router.rules import Member, Rules
from tiered.store import Store
from tiered.testing.clocks import JumpingClock
from tiered.testing.tree import Seen, differences, snapshot

Wrap = Callable[[Store], Store]
_PLACE = PlaceSettings(user_id=lambda _: None, group_id=lambda _: None)
_OWNERS = OwnerNames(lambda _: None, lambda _: None)
_RULES = Rules(
    (Member("cold", ("cold_",)), Member("hot", ("hot_",))), Mode.MIRROR, OnFail.ABORT
)
PREFIXES = Prefixes(archive="cold_", manifest="hot_", signature="hot_")


def read_files(*roots: Path) -> dict[str, bytes]:
    """Every byte below some folders, to see whether anything changed."""
    return {
        str(path): path.read_bytes() if path.is_file() else b""
        for root in roots
        for path in [root, *root.rglob("*")]
    }


def make_source(root: Path, version: int, size: int = 200_000) -> None:
    """Version 1, 2, 3 ... of a tree with something of each kind."""
    noise = b"".join((n * 2_654_435_761 % 2**32).to_bytes(4) for n in range(size // 4))
    if version == 1:
        (root / "dir" / "deep").mkdir(parents=True)
        (root / "dir" / "big").write_bytes(noise)
        (root / "dir" / "goes in 2").write_bytes(b"gone")
        (root / "dir" / "deep" / "empty").touch()
        (root / "link").symlink_to("dir/big")
    else:
        middle = len(noise) // 2
        changed = noise[:middle] + b"%d" % version + noise[middle:]
        (root / "dir" / "big").write_bytes(changed)
        (root / "dir" / "goes in 2").unlink(missing_ok=True)
        (root / f"new in {version}").write_bytes(b"new" * version)
    (root / "small").write_bytes(b"version %d" % version)
    for name in ("small", "dir/big"):  # versions may be made in one second
        os.utime(root / name, (version * 1000, version * 1000))


@dataclass(frozen=True, kw_only=True)
class World:
    """Two stores, the machine that backs up to them, and what it backs up."""

    root: Path
    time_s: float = 1_800_000_000.0
    style: Style = Style.DUPLICITY
    passphrase: str = ""
    """Of style tiered; empty: nothing is encrypted."""
    trees: dict[int, dict[bytes, Seen]] = field(default_factory=dict)
    """What each set must restore to, by its end."""
    clock: JumpingClock = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "clock", JumpingClock(self.time_s))
        for name in ("hot", "cold", "source", "scratch"):
            (self.root / name).mkdir(parents=True, exist_ok=True)

    @property
    def source(self) -> Path:
        return self.root / "source"

    @property
    def stores(self) -> tuple[Path, Path]:
        return self.root / "hot", self.root / "cold"

    @property
    def suffix(self) -> str:
        """Of what is encrypted."""
        return ".age" if self.passphrase else ""

    @property
    def cache(self) -> Cache:
        return Cache(self.root / "cache")

    def fork(self, root: Path) -> "World":
        """The same world elsewhere, to be destroyed."""
        shutil.copytree(self.root, root, symlinks=True)
        return World(
            root=root,
            time_s=self.clock.time_s(),
            style=self.style,
            passphrase=self.passphrase,
            trees=dict(self.trees),
        )

    def context(
        self,
        wrap: Wrap = lambda store: store,
        *,
        members: dict[str, Wrap] | None = None,
        monitor: Monitor | None = None,
    ) -> Context:
        """Args:
        wrap: Put around the router.
        members: Put around one member, by label.
        """
        talk = monitor or SilentMonitor()
        stores: dict[str, Store] = {}
        for label in _RULES.labels:
            folder = FileSettings(root=self.root / label, durable=False)
            around = (members or {}).get(label)
            store: Store = FileStore(folder)
            stores[label] = around(store) if around else store
        rings: list[Keyring] = []
        age = AgeEnvelope(
            lambda: rings[0].recipients(), lambda: rings[0].identities(), os.urandom
        )
        context = Context(
            store=wrap(Router(_RULES, stores, talk)),
            namer=Namer(PREFIXES),
            codec_for=_codec_for,
            envelope_for=lambda suffix: age if suffix else PlainEnvelope(),
            cache=self.cache,
            scratch=self.root / "scratch",
            clock=self.clock,
            monitor=talk,
        )
        rings.append(self.keyring(context))
        return context

    def keyring(self, context: Context, passphrase: str = "") -> Keyring:
        """One that knows the passphrase of this world, or another."""
        return Keyring(context, key_sources(passphrase or self.passphrase))

    def back_up(self, action: Action, context: Context | None = None) -> SetId:
        """Note what the set must restore to, then write it."""
        self.clock.sleep_s(2)
        self.trees[int(self.clock.time_s())] = snapshot(self.source)
        context = context or self.context()
        keyring = self.keyring(context) if self.passphrase else None
        request = BackupRequest(
            action=action,
            source=bytes(self.source),
            hostname=b"host",
            owners=_OWNERS,
            duplicity=lambda: DuplicitySettings(
                codec=Gzip(), pack=PackSettings(volume_bytes=150_000)
            ),
            native=lambda: native_settings(keyring, 150_000),
            style=self.style,
            allow_source_mismatch=True,  # a fork lies in another folder
        )
        return run_backup(context, request).set_id

    def restore(
        self, target: Path, time_s: float, context: Context | None = None
    ) -> dict[bytes, Seen]:
        context = context or self.context()
        target.parent.mkdir(parents=True, exist_ok=True)
        plan = plan_restore(context, (), int(time_s))
        run_restore(context, plan, RestoreRequest(target=bytes(target), place=_PLACE))
        return snapshot(target)

    def clean_up(self, context: Context | None = None) -> PrunePlan:
        context = context or self.context()
        inventory = take_inventory(context, Purpose.DELETE)
        plan = plan_cleanup(inventory, context.cache.journal(), self.clock.time_s())
        run_prune(context, plan)
        return plan

    def remove_old(self, context: Context | None = None) -> PrunePlan:
        context = context or self.context()
        inventory = take_inventory(context, Purpose.DELETE)
        plan = plan_remove_older_than(inventory, int(self.clock.time_s()))
        run_prune(context, plan)
        return plan

    def rebuild(self, context: Context | None = None) -> RebuildReport:
        context = context or self.context()
        keyring = self.keyring(context)
        plan = plan_rebuild(context, lambda _: keyring.identity())
        report = run_rebuild(context, plan)
        keyring.ensure(plan.collection)
        return report

    def collection(self) -> Collection:
        return take_inventory(self.context(), Purpose.READ)

    def check_sets(self, target: Path) -> set[SetId]:
        """Restore every set that looks whole, and compare; returns these sets."""
        collection = self.collection()
        for chain in collection.chains:
            for backup_set in chain.sets:
                end_s = backup_set.id.end_s
                restored = self.restore(target / str(end_s), end_s)
                assert differences(self.trees[end_s], restored) == [], backup_set.id
        return {s.id for s in collection.sets}

    def check_cache(self) -> None:
        """What the cache holds of an object is what the store holds."""
        context = self.context()
        for name in self.cache.names():
            found = [f / name for f in self.stores if (f / name).is_file()]
            for data in (f.read_bytes() for f in found):
                if self.cache.size(name) is not None:
                    with self.cache.open(name) as cached:
                        assert data == cached.read(), name
                elif opened := self.cache.opened(name, len(data)):
                    envelope = context.envelope_for(self.suffix)
                    with opened:
                        plain = envelope.open_stream(io.BytesIO(data), name)
                        assert plain.read() == opened.read(), name

    def check_scratch(self) -> None:
        assert list((self.root / "scratch").iterdir()) == []


def _codec_for(suffix: str) -> Codec:
    return Gzip() if suffix == ".gz" else Plain()
