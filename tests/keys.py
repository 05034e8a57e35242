"""Keyrings over real stores, whose passphrases are cheap to try."""

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.engine import Archive, open_archive
from tiered.archive.filename import SetId
from tiered.archive.style import Style
from tiered.codec.age import X25519Identity, X25519Recipient
from tiered.codec.envelope import AgeEnvelope
from tiered.engine.inventory import Purpose, take_inventory
from tiered.engine.native.keyring import Keyring, KeySources, NewWay, passphrase_way
from tiered.errors import PassphraseError
from tiered.secret import Secret
from tiered.store import PutMode, Store
from tiered.testing.sources import BytesSource

WORK_FACTOR = 3


@dataclass
class User:
    """What someone knows; counts how often they are asked."""

    passphrase: str = ""
    identities: Sequence[X25519Identity] = ()
    recipient: X25519Recipient | None = None
    asked: list[bool] = field(default_factory=list)

    def ask(self, *, is_new: bool) -> Secret:
        self.asked.append(is_new)
        if not self.passphrase:
            raise PassphraseError("no passphrase is given", hint="Give one.")
        return Secret(self.passphrase)

    def sources(self) -> KeySources:
        return KeySources(
            passphrase=self.ask,
            identities=lambda: self.identities,
            recipient=self.recipient,
            work_factor=WORK_FACTOR,
            random_bytes=os.urandom,
        )


def way(passphrase: str) -> NewWay:
    return passphrase_way(Secret(passphrase), WORK_FACTOR)


def keyring(archive: Archive, user: User) -> Keyring:
    return Keyring(archive.context, user.sources())


def fresh(folder: Path, name: str, store: Store | None = None) -> Archive:
    """Another machine, with a cache of its own, that uses the store in `folder`."""
    machine = folder / name
    machine.mkdir(exist_ok=True)
    return open_archive(machine, store or open_archive(folder).context.store)


def ensure(archive: Archive, ring: Keyring, *, accept_loss: bool = False) -> None:
    found = take_inventory(archive.context, Purpose.ADD, accept_loss=accept_loss)
    ring.ensure(found, accept_loss=accept_loss)


def store_manifest(archive: Archive, recipient: X25519Recipient) -> str:
    """Something that is sealed for a key and looks like the end of a set."""
    set_id = SetId(1_700_000_000, style=Style.TIERED)
    name = archive.context.namer.manifest(set_id, ".age")
    target = io.BytesIO()
    writer = AgeEnvelope(lambda: [recipient], list, os.urandom).begin(target)
    writer.write(b"{}")
    writer.close()
    source = BytesSource(target.getvalue())
    archive.context.store.put(name, source, PutMode.CREATE)
    return name
