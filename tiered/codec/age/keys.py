"""An archive's key pair and its key objects: one small age file for each way in.

An archive has one key pair.  Its public half encrypts every object; its private
half lies in the store, wrapped once for each passphrase (scrypt) or other key pair
that may open the archive.  A way in is added, changed or taken away by writing or
deleting one object; no volume is touched.  Taking a way away does not lock out who
has already read the private half.

Inside a key object is an identity file, so the `age` program alone gets from a key
object to the data:

    # archive key of tiered
    # public key: age1...
    AGE-SECRET-KEY-1...

A reader takes lines that begin with # as comments, except that a public key which
is stated must belong to the private key.

The same private half can be printed: the recovery sheet.
"""

import io
from collections.abc import Sequence
from datetime import date
from itertools import takewhile

from tiered.codec.age.filekey import Identity, RandomBytes, Recipient
from tiered.codec.age.header import MAX_HEADER_BYTES
from tiered.codec.age.stream import Decryptor, Encryptor
from tiered.codec.age.x25519 import X25519Identity, X25519Recipient
from tiered.errors import ArchiveDamaged, ConfigError, PassphraseError
from tiered.secret import Secret

MAX_KEY_OBJECT_BYTES = MAX_HEADER_BYTES + 4096
"""A larger object is refused unread; tiered writes about 500 bytes."""

_PUBLIC = "# public key: "
_PRIVATE_START = "AGE-SECRET-KEY-1"
_HASH_DIGITS = 8
_GROUP, _GROUPS_PER_LINE = 4, 5


def key_id(archive: X25519Recipient, way: str) -> str:
    """Names a key object: `<archive>-<way>`, 8 hexadecimal digits each.

    The first half is the same for all key objects of one key pair, so those of a
    store can be told apart without opening them; the second is that of one way in.

    Args:
        archive: The public half of the archive's key pair.
        way: What the user calls it, such as `passphrase laptop`, or the `age1…` of
            a recipient.  Never a secret: its hash can be guessed.
    """
    public = str(archive)
    return f"{_short_hash(public)}-{_short_hash(f'{public} {way}')}"


def wrap_identity(
    archive: X25519Identity, way_in: Recipient, random_bytes: RandomBytes
) -> bytes:
    """The bytes of a key object.

    Args:
        archive: The archive's key pair.
        way_in: Who can open the object: a passphrase, or another key pair.
        random_bytes: `os.urandom`, except in tests.

    Raises:
        ConfigError: The way in is the archive's own key pair.
        EncryptionFailed: A passphrase needs more memory than there is.
    """
    if way_in == archive.recipient:
        raise ConfigError(
            "the archive's key cannot be wrapped for itself: nobody could open it",
            hint="Give a passphrase, or the public key of another key pair.",
        )
    lines = (
        "# archive key of tiered",
        f"{_PUBLIC}{archive.recipient}",
        archive.export().reveal(),
    )
    target = io.BytesIO()
    file = Encryptor([way_in], target, random_bytes)
    file.write("".join(f"{line}\n" for line in lines).encode("ascii"))
    file.close()
    return target.getvalue()


def unwrap_identity(
    data: bytes,
    ways_in: Sequence[Identity],
    *,
    archive: X25519Recipient | None = None,
    name: str = "",
) -> X25519Identity:
    """The archive's key pair in a key object.

    Args:
        data: The object's bytes.
        ways_in: Passphrases and key pairs, in the order in which they are tried.
        archive: The public half that must come out, if it is known.  Anyone can
            wrap a key pair of their own for a public key, and put it in the place
            of the archive's.
        name: What errors call the object.

    Raises:
        PassphraseError: None of the ways in opens it.
        ArchiveDamaged: It is damaged, no key object, or that of another key pair.
        EncryptionFailed: A passphrase needs more memory than there is.
    """
    if len(data) > MAX_KEY_OBJECT_BYTES:
        raise _no_key_object(name, f"it has {len(data)} bytes")
    content = Decryptor(ways_in, io.BytesIO(data), name=name).read()
    try:
        lines = content.decode("ascii").splitlines()
    except UnicodeDecodeError:
        raise _no_key_object(name, "it is not text") from None
    stated = [t.removeprefix(_PUBLIC) for t in lines if t.startswith(_PUBLIC)]
    keys = [text for text in lines if text and not text.startswith("#")]
    if len(keys) != 1:
        raise _no_key_object(name, f"it holds {len(keys)} private keys")
    try:
        identity = X25519Identity.parse(Secret(keys[0]))
    except PassphraseError:
        raise _no_key_object(name, "its private key is malformed") from None
    if any(text != str(identity.recipient) for text in stated):
        raise _no_key_object(name, "its two halves do not belong together")
    if archive not in (None, identity.recipient):
        raise _no_key_object(name, f"its key is that of {identity.recipient}")
    return identity


def recovery_sheet(archive: X25519Identity, title: str, made_on: date) -> Secret:
    """A page to print: with it and the volumes alone, the data can be had.

    Args:
        archive: The archive's key pair.
        title: What the user calls the archive, in one line.
        made_on: Printed on the sheet.

    Returns:
        Text in lines of at most 78 columns.  It holds the private key.
    """
    return Secret(
        _SHEET.format(
            title=" ".join(title.split()),
            made_on=made_on.isoformat(),
            public=archive.recipient,
            groups=_grouped(archive.export().reveal()),
        )
    )


def identity_from_sheet(text: Secret) -> X25519Identity:
    """The key pair of a whole recovery sheet, or of a key that was typed from one.

    Spaces, line ends and lower case do not matter.

    Raises:
        PassphraseError: It was mistyped.
    """
    lines = text.reveal().splitlines()
    if is_sheet(text):
        starts = [n for n, line in enumerate(lines) if line.strip() == _PRIVATE_START]
        lines = list(takewhile(str.strip, lines[starts[0] :])) if starts else []
    return X25519Identity.parse(Secret("".join("".join(lines).split()).upper()))


def is_sheet(text: Secret) -> bool:
    """Is it what `recovery_sheet` makes?"""
    return text.reveal().startswith(_SHEET_START)


def _grouped(key: str) -> str:
    """The key's start on a line of its own, then groups of four characters."""
    rest = key.removeprefix(_PRIVATE_START)
    groups = [rest[at : at + _GROUP] for at in range(0, len(rest), _GROUP)]
    lines = [
        " ".join(groups[at : at + _GROUPS_PER_LINE])
        for at in range(0, len(groups), _GROUPS_PER_LINE)
    ]
    return "\n".join(f"    {line}" for line in (_PRIVATE_START, *lines))


def _short_hash(text: str) -> str:
    import hashlib  # only for ways in that are made

    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:_HASH_DIGITS]


def _no_key_object(name: str, reason: str) -> ArchiveDamaged:
    return ArchiveDamaged(
        f"{name!r} is no key object: {reason}"
        if name
        else f"this is no key object: {reason}",
        hint="Use another key object of the archive, or its recovery sheet.",
    )


_SHEET_START = "RECOVERY SHEET "
_SHEET = """\
RECOVERY SHEET                                                         tiered

Archive:     {title}
Printed on:  {made_on}
Public key:  {public}

Whoever has this sheet can read the whole archive.  Keep it where you keep
what must not be lost and not be seen, and not on the machine that is backed
up.

The private key, in groups of four.  There is no letter B, I or O in it, and
the digit 1 only at the end of the first line.

{groups}

To read the archive with it

1.  Write the key into a file key.txt: all in one line, in capitals, with no
    spaces between the groups.  The hyphens of the first line belong to it.

2.  With tiered: say --identity key.txt to any of its commands.

3.  Without tiered, on any machine that has age, zstd and tar:

        age --decrypt -i key.txt VOLUME | zstd -d | tar -x

    age says "malformed" if the key was mistyped: no other key is taken for
    it by accident.

Afterwards, destroy key.txt.
"""
