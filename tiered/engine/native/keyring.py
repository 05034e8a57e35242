"""Who can read an archive, and for whom it is written: the keys of one run.

The private half of the archive's key pair lies in the store, wrapped for each way
in.  It is unlocked once for each process, as a passphrase costs half a second, and
only when something must be read: the public half is enough to write, and is
remembered by the cache, never by a store [docs/format/native.md, "Keys"].

A machine that remembers a public half believes no key object of another key pair.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from tiered.archive.filename import KeyName
from tiered.codec.age import (
    Identity,
    RandomBytes,
    Recipient,
    ScryptIdentity,
    ScryptRecipient,
    X25519Identity,
    X25519Recipient,
    wrap_identity,
)
from tiered.engine.context import Context
from tiered.engine.native.keyobjects import MAIN, KeyObjects, without_copy
from tiered.engine.native.unlocking import (
    WITHOUT_KEYS,
    Opened,
    Unlocking,
    open_archive_key,
)
from tiered.errors import (
    AlreadyExists,
    ArchiveDamaged,
    ConfigError,
    ListingDoubtful,
    StoreError,
    TieredError,
)
from tiered.secret import Secret

if TYPE_CHECKING:  # unlocking begins sooner without it
    from tiered.archive.collection import Collection

_LONGEST_READ_S = 0.03
"""A key object that is at hand is read in less."""
_MAX_WORK_FACTOR = 20
"""1 GiB for one try: who can write to the store chooses it."""


class AskPassphrase(Protocol):
    """Where the archive's passphrase comes from."""

    def __call__(self, *, is_new: bool) -> Secret:
        """The passphrase; at a terminal asked for twice if it is new.

        Raises:
            PassphraseError: There is none.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySources:
    """What the user has said, or can be asked."""

    passphrase: AskPassphrase
    identities: Callable[[], Sequence[X25519Identity]]
    """Key pairs that the user has: one that a way in is for, or the archive's own,
    from its recovery sheet.  If there are any, no passphrase is asked for."""
    recipient: X25519Recipient | None
    """The archive's public half, if the user said it."""
    work_factor: int
    """Of scrypt, for passphrases that are new."""
    random_bytes: RandomBytes


@dataclass(frozen=True, slots=True)
class NewWay:
    """Someone who is let in."""

    recipient: Recipient
    opener: Identity | None
    """Opens what is wrapped for `recipient`; None if only its owner has it."""


def passphrase_way(passphrase: Secret, work_factor: int) -> NewWay:
    """A way in for who knows a passphrase.

    Raises:
        PassphraseError: It is empty.
        ConfigError: There is no such work factor.
    """
    return NewWay(
        ScryptRecipient(passphrase, work_factor),
        ScryptIdentity(passphrase, work_factor),
    )


class Keyring:
    """The keys of one archive, for one process; threads may share it."""

    def __init__(self, context: Context, sources: KeySources) -> None:
        self._context, self.sources = context, sources
        self.objects = KeyObjects(context)
        self._lock = Lock()
        self._running: Unlocking | None = None
        self._made: tuple[str, bytes] | None = None

    def recipient(self) -> X25519Recipient:
        """The public half: what new objects are sealed for.

        Raises:
            ConfigError: The user says another one than this machine remembers.
            TieredError: It is not known here, and cannot be unlocked: as `identity`.
        """
        told, known = self.sources.recipient, self.remembered()
        if told and known and told != known:
            raise ConfigError(
                f"--recipient is {told}, and this machine remembers {known}",
                hint="If the archive was made anew, delete its cache; else correct "
                "the option.",
            )
        if told and not known:
            self._remember(told)
        return told or known or self.identity().recipient

    def recipients(self) -> tuple[X25519Recipient, ...]:
        """`recipient`, as an envelope wants it."""
        return (self.recipient(),)

    def identity(self) -> X25519Identity:
        """The archive's key pair, unlocked the first time.

        Raises:
            PassphraseError: Nothing was given, or nothing that was opens it.
            ArchiveDamaged: No key object is there, or none is right.
            StoreError: No key object can be read.
            EncryptionFailed: There is not enough memory for the passphrase.
        """
        opened = self._started().result()
        for fault in opened.faults:
            self._context.monitor.warn(f"a key object cannot be used: {fault}")
        if opened.is_certain and self.remembered() is None:
            self._context.monitor.debug(f"the archive's key is that of {opened.by}")
            self._remember(opened.identity.recipient)
        return opened.identity

    def identities(self) -> tuple[X25519Identity, ...]:
        """`identity`, as an envelope wants it."""
        return (self.identity(),)

    def prefetch(self) -> None:
        """Begin to unlock beside what the caller does; `identity` tells of errors.

        Returns when a key object is read, or a store lets us wait for it.  If the
        passphrase comes from the terminal, it is asked for at once.
        """
        try:
            self._started().wait_for_key_object(_LONGEST_READ_S)
        except TieredError:
            return  # raised again by who needs it; many runs do not

    def ensure(self, collection: "Collection", *, accept_loss: bool = False) -> None:
        """Before the first object of an encrypted set is written: there is a key.

        A new archive gets its key pair, and the key object `main` for the passphrase.
        Of an old one the copy that is missing is written.

        Args:
            collection: The whole archive, listed for adding to it.
            accept_loss: Make a new key pair although this machine remembers one
                whose key objects are gone.

        Raises:
            ArchiveDamaged: There are encrypted sets, and no key object: a new key
                pair would hide that.
            ListingDoubtful: This machine remembers a key pair, and none is listed.
            PassphraseError: The archive is new, and no passphrase is given.
            StoreError: The key could not be stored.  What was stored is used by the
                next run.
        """
        if collection.keys:
            self._complete(collection.keys)
        elif self.sources.recipient:
            self.recipient()  # its private half is the user's business
        elif not self.objects.is_stored(MAIN, 1):
            self.refuse_second(collection, accept_loss=accept_loss)
            passphrase = self.sources.passphrase(is_new=True)
            self.make(
                X25519Identity.generate(self.sources.random_bytes),
                MAIN,
                passphrase_way(passphrase, self.sources.work_factor),
            )

    def refuse_second(self, collection: "Collection", *, accept_loss: bool) -> None:
        """An archive has one key pair in its life: may there be a new one?

        Raises:
            ArchiveDamaged, ListingDoubtful: As `ensure`.
        """
        from tiered.engine.native.sealing import has_sealed

        if has_sealed(collection):
            raise ArchiveDamaged(
                "the archive has encrypted sets, and no key object is listed",
                hint=WITHOUT_KEYS,
            )
        if self.remembered() is None:
            return
        if not accept_loss:
            raise ListingDoubtful(
                "this machine remembers the archive's key, and no key object is listed",
                hint="Is it the right store?  If the archive was deleted on purpose, "
                "say --accept-loss.  If you alone keep the private key, say "
                "--recipient.",
            )
        self._context.cache.recipient_forget()

    def make(self, identity: X25519Identity, way: str, new: NewWay) -> None:
        """Write the first key object of an archive that has none.

        Args:
            identity: The archive's key pair.
            way: What the way in is called.
            new: Who it is for.

        Raises:
            StoreError: As `KeyObjects.create`; but if another machine has made the
                archive's key meanwhile, that one is taken.
        """
        data = wrap_identity(identity, new.recipient, self.sources.random_bytes)
        try:
            name = self.objects.create(way, 1, data)
        except AlreadyExists:
            self._context.monitor.note("another machine has made the archive's key")
            self.identity()
            return
        self._made = (name, data)
        self._running = Unlocking(lambda _: Opened(identity, name))
        self._remember(identity.recipient)
        self._context.monitor.note(
            "made the archive's key; `tiered key export` prints its recovery sheet, "
            "without which a lost passphrase is a lost archive"
        )

    def check_made(self) -> None:
        """Before the first manifest: the key that this run made is still the one.

        A store may let two machines create the same name in the same moment.

        Raises:
            Corrupt: It is not; the set must not be committed.
        """
        if self._made:
            self.objects.check(*self._made)

    def remembered(self) -> X25519Recipient | None:
        """The public half in the cache; None if it holds none that can be read."""
        text = self._context.cache.recipient()
        try:
            return X25519Recipient.parse(text) if text else None
        except ConfigError:
            return None

    def _remember(self, recipient: X25519Recipient) -> None:
        from tiered.engine.fetch import cache_optional  # unlocking begins without it

        with cache_optional(self._context):
            self._context.cache.recipient_set(str(recipient))

    def _started(self) -> Unlocking:
        """Unlocking, in a thread, once; questions are asked in the caller's."""
        with self._lock:
            if self._running is None:
                ways, known = self._ways_in(), self.remembered()
                where = self._context, self.objects
                unlock = partial(open_archive_key, *where, ways, known)
                self._running = Unlocking(unlock)
            return self._running

    def _ways_in(self) -> Sequence[Identity]:
        if given := self.sources.identities():
            return given
        return [ScryptIdentity(self.sources.passphrase(is_new=False), _MAX_WORK_FACTOR)]

    def _complete(self, keys: Sequence[KeyName]) -> None:
        """Of the newest key object of each way in there is a copy."""
        for key in without_copy(keys):
            try:
                if self.objects.complete(key):
                    self._context.monitor.note(f"stored {key.name} a second time")
            except StoreError as e:
                self._context.monitor.warn(
                    f"{key.name} is stored only once, and could not be copied: {e}",
                    "The next backup tries again.",
                )
