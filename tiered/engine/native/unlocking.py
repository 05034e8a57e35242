"""From what the user can show to the archive's private half.

Every key object is tried, and then the copies that are not sealed.  A key pair that
was given may also be the archive's own, from its recovery sheet: that is known if
its public half is remembered, or if it opens the newest manifest.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Event, Thread

from tiered.archive.filename import KeyName
from tiered.archive.kinds import Kind
from tiered.archive.style import Style
from tiered.codec.age import (
    MAX_HEADER_BYTES,
    NONCE_LEN,
    Identity,
    X25519Identity,
    X25519Recipient,
    unlock,
    unwrap_identity,
)
from tiered.engine.context import Context
from tiered.engine.native.keyobjects import KeyObjects
from tiered.errors import ArchiveDamaged, PassphraseError, StoreError, TieredError

WITHOUT_KEYS = (
    "Is a --file-prefix option missing, or a store?  With the recovery sheet the "
    "archive can be read, and its key objects made again: `tiered key init` with "
    "--identity."
)
_THE_GIVEN = "the key that was given"


@dataclass(frozen=True, slots=True)
class Opened:
    """The archive's key pair."""

    identity: X25519Identity
    by: str
    """What opened it, or was opened by it, for messages."""
    is_certain: bool = True
    """False if nothing was there to tell whether it is the archive's."""
    faults: tuple[TieredError, ...] = ()
    """Of key objects that were tried before."""


class Unlocking:
    """Unlocking in a thread of its own, which a program that ends does not wait for.

    Args:
        unlock: Does it, and calls what it is given when a key object is read: what
            follows is for the processor alone.
    """

    def __init__(self, unlock: Callable[[Callable[[], None]], Opened]) -> None:
        self._unlock = unlock
        self._opened: Opened | None = None
        self._error: BaseException | None = None
        self._read = Event()
        self._thread = Thread(target=self._run, name="unlock", daemon=True)
        self._thread.start()

    def wait_for_key_object(self, longest_s: float) -> None:
        """Leave the interpreter to the thread until it needs it no more, as every
        call of the system costs it a turn of the others.
        """
        self._read.wait(longest_s)

    def result(self) -> Opened:
        """The key pair, when it is there; what was raised instead is raised."""
        self._thread.join()
        if self._opened is None:
            raise self._error or AssertionError("it ended without a result")
        return self._opened

    def _run(self) -> None:
        try:
            self._opened = self._unlock(self._read.set)
        except BaseException as e:  # noqa: BLE001 - raised where it is waited for
            self._error = e
        finally:
            self._read.set()


@dataclass(slots=True)
class _Tried:
    """What came of the key objects that did not open."""

    wrong: list[PassphraseError] = field(default_factory=list)
    unread: list[StoreError] = field(default_factory=list)
    damaged: list[ArchiveDamaged] = field(default_factory=list)


def open_archive_key(
    context: Context,
    objects: KeyObjects,
    ways: Sequence[Identity],
    known: X25519Recipient | None,
    on_read: Callable[[], None] = lambda: None,
) -> Opened:
    """Unlock the archive's key pair.

    Args:
        context: The archive.
        objects: Its key objects.
        ways: What the user has, in the order in which it is tried.
        known: The public half that must come out, if this machine remembers one.
        on_read: Called when a key object is read.

    Raises:
        PassphraseError: None of `ways` opens anything.
        ArchiveDamaged: There is no key object, or none is right.
        StoreError: No key object can be read.
        EncryptionFailed: There is not enough memory for the passphrase.

    Cost: A listing; for a passphrase half a second for each way in that has one,
        until one opens.
    """
    given = [w for w in ways if isinstance(w, X25519Identity)]
    for identity in given:
        if identity.recipient == known:
            return Opened(identity, _THE_GIVEN)
    keys = objects.seen()
    tried = _Tried()
    for name, data in _candidates(objects, keys, tried):
        on_read()
        try:
            found = unwrap_identity(data, ways, archive=known, name=name)
        except PassphraseError as e:
            tried.wrong.append(e)
        except ArchiveDamaged as e:
            tried.damaged.append(e)
        else:
            return Opened(found, name, faults=(*tried.damaged, *tried.unread))
    if known is None and (own := _archives_own(context, given, any_keys=bool(keys))):
        return own
    raise _failure(keys, tried, given=bool(given))


def _candidates(
    objects: KeyObjects, keys: Sequence[KeyName], tried: _Tried
) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of key objects, the same bytes once; what is sealed is not
    asked for, so that no store thaws it for this.
    """
    seen: set[bytes] = set()  # a few objects of some hundred bytes
    for key in keys:
        try:
            if key.is_copy and not objects.is_warm(key.name):
                continue
            for data in objects.read(key.name):
                if data not in seen:
                    seen.add(data)
                    yield key.name, data
        except StoreError as e:
            tried.unread.append(e)


def _archives_own(
    context: Context, given: Sequence[X25519Identity], *, any_keys: bool
) -> Opened | None:
    """One of the key pairs that were given, if it is the archive's itself.

    If nothing is left in the archive that could tell, the first is taken for it.
    """
    manifest = _newest_manifest(context) if given else None
    if manifest is None:
        certain = Opened(given[0], _THE_GIVEN, is_certain=False) if given else None
        return None if any_keys else certain
    with context.store.get(manifest) as stream:
        head = stream.read(MAX_HEADER_BYTES + NONCE_LEN)
    for identity in given:
        try:
            unlock([identity], head)
        except PassphraseError:
            continue
        return Opened(identity, manifest)
    return None


def _newest_manifest(context: Context) -> str | None:
    """Of an encrypted set."""
    surveys = context.store.extras.surveys
    entries = surveys.survey().entries if surveys else context.store.list()
    found = [
        (name.set_id.end_s, name.name)
        for entry in entries
        if (name := context.namer.parse(entry.name))
        and name.kind is Kind.MANIFEST
        and name.set_id.style is Style.TIERED
        and name.encrypted
    ]
    return max(found)[1] if found else None


def _failure(keys: Sequence[KeyName], tried: _Tried, *, given: bool) -> TieredError:
    """Why nothing opened, the most useful first, with the others as notes."""
    faults: list[TieredError] = [*tried.unread, *tried.damaged]
    error: TieredError
    if tried.wrong:
        what = _THE_GIVEN if given else "the passphrase"
        originals = [k for k in keys if not k.is_copy] or keys
        error = PassphraseError(
            f"{what} does not open {', '.join(repr(k.name) for k in originals)}",
            hint="Set PASSPHRASE to the right one, or give a private key with "
            "--identity: that of the recovery sheet, or of another way in.",
        )
    elif faults:
        error = faults.pop(0)
    elif keys:
        error = ArchiveDamaged(
            "no key object is listed, and the copies of them are sealed",
            hint=f"`tiered rebuild` thaws them.  {WITHOUT_KEYS}",
        )
    else:
        error = ArchiveDamaged("no key object is listed", hint=WITHOUT_KEYS)
    for fault in faults:
        error.add_note(str(fault))
    return error
