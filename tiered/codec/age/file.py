"""The front of an age file: header and nonce, made and opened.

Behind it stand the chunks, so who has the front and an identity has the key of
every chunk, and can seal or open any of them: `tiered.codec.age.payload`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tiered.codec.age import scrypt
from tiered.codec.age.failures import header_failure, hmac_failure, no_match
from tiered.codec.age.filekey import (
    FILE_KEY_LEN,
    FileKey,
    Identity,
    RandomBytes,
    Recipient,
    draw,
)
from tiered.codec.age.header import header_end, parse, signed_header, unsigned_header
from tiered.codec.age.payload import NONCE_LEN, PayloadKey, sealed_size
from tiered.errors import ConfigError

MAX_RECIPIENTS = 20
"""age 1.0 opens no file with more; later versions do."""


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file that is being written: its first bytes, and the key for all others."""

    header: bytes
    nonce: bytes
    key: PayloadKey

    @property
    def front(self) -> bytes:
        """What comes before the first chunk."""
        return self.header + self.nonce

    def size(self, plain_bytes: int) -> int:
        """Bytes of the whole file for a payload of that many."""
        return encrypted_size(plain_bytes, len(self.header))


@dataclass(frozen=True, slots=True)
class Unlocked:
    """What must be kept of a file to read its payload anywhere, any time."""

    chunks_at: int
    """Where in the file the first chunk begins: bytes of header and nonce."""

    key: PayloadKey


def begin(recipients: Sequence[Recipient], random_bytes: RandomBytes) -> NewFile:
    """Start a file that any one of the recipients can open.

    Raises:
        ConfigError: No recipient or too many, or a passphrase that is not alone.
        EncryptionFailed: A passphrase needs more memory than there is.

    Cost: 0.1 ms for each X25519 recipient; for a passphrase see `scrypt`.
    """
    if not 1 <= len(recipients) <= MAX_RECIPIENTS:
        raise ConfigError(
            f"a file cannot be encrypted for {len(recipients)} recipients",
            hint=f"Give 1 to {MAX_RECIPIENTS}.",
        )
    file_key = FileKey(draw(random_bytes, FILE_KEY_LEN))
    stanzas = [recipient.wrap(file_key, random_bytes) for recipient in recipients]
    if len(stanzas) > 1 and any(stanza.kind == scrypt.KIND for stanza in stanzas):
        raise ConfigError(
            "a passphrase must be the only recipient of a file",
            hint="Write one file for the passphrase and one for the other recipients.",
        )
    unsigned = unsigned_header(stanzas)
    header = signed_header(unsigned, file_key.mac(unsigned))
    nonce = draw(random_bytes, NONCE_LEN)
    return NewFile(header, nonce, PayloadKey(file_key, nonce))


def unwrap(identities: Sequence[Identity], header: bytes) -> FileKey:
    """The file key in a header, by the first identity that opens it.

    Args:
        identities: In the order in which they are tried.
        header: All of it and nothing else; `header_end` says where it ends.

    Raises:
        PassphraseError: No match.
        ArchiveDamaged: Header failure or HMAC failure.
        EncryptionFailed: A passphrase needs more memory than there is.
    """
    parsed = parse(header)
    scrypt.refuse_mixed(parsed.stanzas)
    for identity in identities:
        if file_key := identity.unwrap(parsed.stanzas):
            if not file_key.signs(parsed.unsigned, parsed.mac):
                raise hmac_failure()
            return file_key
    raise no_match()


def front_end(data: bytes) -> int | None:
    """Where the first chunk begins, or None if more of the file is needed to tell.

    Args:
        data: The file from byte 0, to anywhere; 512 bytes are enough for three
            X25519 recipients.

    Raises:
        ArchiveDamaged: Header failure: no age file begins like this.
    """
    end = header_end(data)
    return None if end is None or end + NONCE_LEN > len(data) else end + NONCE_LEN


def unlock(identities: Sequence[Identity], data: bytes) -> Unlocked:
    """Open the front of a file.

    Args:
        identities: In the order in which they are tried.
        data: The file from byte 0, at least to `front_end`.

    Raises:
        PassphraseError: No match.
        ArchiveDamaged: Header failure, which includes a front that is cut off, or
            HMAC failure.
    """
    chunks_at = front_end(data)
    if chunks_at is None:
        raise header_failure("it is cut off")
    nonce_at = chunks_at - NONCE_LEN
    file_key = unwrap(identities, data[:nonce_at])
    return Unlocked(chunks_at, PayloadKey(file_key, data[nonce_at:chunks_at]))


def encrypted_size(plain_bytes: int, header_bytes: int) -> int:
    """Bytes of a whole file: header, nonce and all chunks."""
    return header_bytes + NONCE_LEN + sealed_size(plain_bytes)
