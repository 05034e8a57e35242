"""An archive in a folder, driven through the engine itself: no command line."""

import os
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tiered.archive.filename import Namer, Prefixes
from tiered.archive.paths import split_path
from tiered.archive.style import Style
from tiered.backends.file import FileSettings, FileStore
from tiered.catalogue.cache import Cache
from tiered.codec.codec import Codec
from tiered.codec.envelope import AgeEnvelope, PlainEnvelope
from tiered.codec.gnupg import Gnupg, GnupgSettings
from tiered.codec.plain import Gzip, Plain
from tiered.engine.backup import Action, BackupReport, BackupRequest, run_backup
from tiered.engine.context import Context
from tiered.engine.duplicity_set import DuplicitySettings
from tiered.engine.native.backup import NativeSettings
from tiered.engine.native.keyring import Keyring, KeySources
from tiered.engine.native.volumes import VolumeSettings
from tiered.engine.pack import PackSettings
from tiered.engine.place import PlaceSettings
from tiered.engine.restore import (
    RestoreReport,
    RestoreRequest,
    plan_restore,
    run_restore,
)
from tiered.engine.scan import OwnerNames
from tiered.monitor import Progress
from tiered.secret import Secret
from tiered.store import Store
from tiered.testing.clocks import JumpingClock

NOBODY = OwnerNames(lambda _: None, lambda _: None)
"""No number has a name: what is stored does not depend on the machine."""
AS_STORED = PlaceSettings(user_id=lambda _: None, group_id=lambda _: None)


@dataclass
class Listening:
    """A monitor that keeps what it is told."""

    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def warn(self, message: str, hint: str = "") -> None:
        self.warnings.append(message)

    def note(self, message: str) -> None:
        self.notes.append(message)

    def info(self, message: str) -> None:
        """Not kept."""

    def debug(self, message: str) -> None:
        """Not kept."""

    def progress(self, progress: Progress) -> None:
        """Not kept."""


@dataclass
class Archive:
    """One archive, its clock, and what it said."""

    context: Context
    clock: JumpingClock
    said: Listening
    codec: Codec
    style: Style = Style.DUPLICITY
    keyring: Keyring | None = None
    """Of style tiered; None: nothing is encrypted."""

    def back_up(
        self,
        source: Path,
        action: Action = Action.AUTO,
        volume_bytes: int = 1 << 20,
        *,
        allow_source_mismatch: bool = False,
    ) -> BackupReport:
        request = BackupRequest(
            action=action,
            source=os.fsencode(source),
            hostname=b"host",
            owners=NOBODY,
            duplicity=lambda: DuplicitySettings(
                codec=self.codec, pack=PackSettings(volume_bytes=volume_bytes)
            ),
            native=lambda: native_settings(self.keyring, volume_bytes),
            style=self.style,
            allow_source_mismatch=allow_source_mismatch,
        )
        with self.context.cache.locked():
            return run_backup(self.context, request)

    def restore(
        self, target: Path, time_s: int | None = None, path: bytes = b""
    ) -> RestoreReport:
        key = split_path(path)
        request = RestoreRequest(target=os.fsencode(target), path=key, place=AS_STORED)
        if time_s is None:
            time_s = int(self.clock.time_s())
        with self.context.cache.locked():
            plan = plan_restore(self.context, key, time_s)
            return run_restore(self.context, plan, request)


def native_settings(keyring: Keyring | None, volume_bytes: int) -> NativeSettings:
    return NativeSettings(
        keyring=keyring,
        threads=2,
        volumes=VolumeSettings(volume_bytes=volume_bytes, waiting_bytes=1 << 20),
    )


def codec_for(suffix: str, passphrase: str = "") -> Codec:
    if suffix in (".gpg", ".g"):
        return Gnupg(GnupgSettings(passphrase=Secret(passphrase)))
    return Gzip() if suffix in (".gz", ".z") else Plain()


def file_store(folder: Path) -> FileStore:
    folder.mkdir(exist_ok=True)
    return FileStore(FileSettings(root=folder, durable=False))


def open_archive(
    folder: Path,
    store: Store | None = None,
    suffix: str = "",
    clock: JumpingClock | None = None,
    passphrase: str = "",
    namer: Namer | None = None,
    style: Style = Style.DUPLICITY,
) -> Archive:
    """An archive whose store, cache and scratch folder lie below `folder`.

    With style tiered a passphrase means that it is encrypted.
    """
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    clock, said = clock or JumpingClock(), Listening()
    keyrings: list[Keyring] = []
    age = AgeEnvelope(
        lambda: keyrings[0].recipients(), lambda: keyrings[0].identities(), os.urandom
    )
    context = Context(
        store=store or file_store(folder / "store"),
        namer=namer or Namer(Prefixes()),
        codec_for=partial(codec_for, passphrase=passphrase),
        envelope_for=lambda suffix: age if suffix else PlainEnvelope(),
        cache=Cache(folder / "cache"),
        scratch=scratch,
        clock=clock,
        monitor=said,
    )
    if style is Style.TIERED and passphrase:
        keyrings.append(Keyring(context, key_sources(passphrase)))
    keyring = keyrings[0] if keyrings else None
    return Archive(context, clock, said, codec_for(suffix, passphrase), style, keyring)


def key_sources(passphrase: str) -> KeySources:
    """A passphrase that is quickly tried."""
    return KeySources(
        passphrase=lambda *, is_new: Secret(passphrase),
        identities=lambda: (),
        recipient=None,
        work_factor=4,
        random_bytes=os.urandom,
    )
