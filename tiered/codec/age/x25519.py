"""Recipients with a key pair: who has the public half can only encrypt.

Stanza: `X25519`, a fresh public key (the share); the body is the file key under

    HKDF(ikm = X25519(fresh private key, recipient), salt = share + recipient,
         info = "age-encryption.org/v1/X25519")

Some public keys (of low order) make the agreed secret zero whatever the private
key is.  They are refused: in a recipient before anything is encrypted for it, in a
share as header failure.

Source: C2SP age.md, "The X25519 recipient type"; RFC 7748, sections 5 and 6.1.
"""

from collections.abc import Sequence
from typing import NoReturn, Self

from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)

from tiered.codec.age import bech32
from tiered.codec.age.failures import header_failure
from tiered.codec.age.filekey import (
    WRAPPED_LEN,
    FileKey,
    RandomBytes,
    draw,
    hkdf,
    unwrapped,
)
from tiered.codec.age.header import Stanza, decode64, encode64
from tiered.errors import ConfigError, PassphraseError
from tiered.secret import Secret

KIND = "X25519"

_KEY_LEN = 32
_INFO = b"age-encryption.org/v1/X25519"
_PUBLIC_PREFIX = "age"
_PRIVATE_PREFIX = "AGE-SECRET-KEY-"


class X25519Recipient:
    """The public half of a key pair; `str` of it is the `age1…` text.

    Raises:
        ConfigError: The key is not 32 bytes, or is of low order.
    """

    __slots__ = ("_key", "public")

    def __init__(self, public: bytes) -> None:
        if len(public) != _KEY_LEN:
            raise ConfigError(f"a public key has {_KEY_LEN} bytes, not {len(public)}")
        self.public = public
        self._key = X25519PublicKey.from_public_bytes(public)
        if _agreed(X25519PrivateKey.from_private_bytes(b"\x01" * 32), public) is None:
            raise ConfigError("this public key is one that keeps nothing secret")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `age1…`.

        Raises:
            ConfigError: It is mistyped, or the key of another kind.
        """
        try:
            prefix, public = bech32.decode(text)
        except ValueError as e:
            raise _not_a_recipient(f"this is not a public key of age: {e}") from None
        if prefix != _PUBLIC_PREFIX:
            raise _not_a_recipient("this is a key of another kind than age1…")
        return cls(public)

    def wrap(self, file_key: FileKey, random_bytes: RandomBytes) -> Stanza:
        """A stanza with a fresh share."""
        fresh = X25519PrivateKey.from_private_bytes(draw(random_bytes, _KEY_LEN))
        share = fresh.public_key().public_bytes_raw()
        key = hkdf(fresh.exchange(self._key), share + self.public, _INFO)
        return Stanza((KIND, encode64(share)), file_key.wrapped(key))

    def __str__(self) -> str:
        return bech32.encode(_PUBLIC_PREFIX, self.public)

    def __repr__(self) -> str:
        return f"X25519Recipient({self})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, X25519Recipient) and self.public == other.public

    def __hash__(self) -> int:
        return hash(self.public)


class X25519Identity:
    """A key pair; only `export` gives the private half."""

    __slots__ = ("_key", "recipient")

    def __init__(self, key: X25519PrivateKey) -> None:
        self._key = key
        self.recipient = X25519Recipient(key.public_key().public_bytes_raw())

    @classmethod
    def generate(cls, random_bytes: RandomBytes) -> Self:
        """A new key pair."""
        drawn = draw(random_bytes, _KEY_LEN)
        return cls(X25519PrivateKey.from_private_bytes(drawn))

    @classmethod
    def parse(cls, text: Secret) -> Self:
        """Read `AGE-SECRET-KEY-1…`.

        Raises:
            PassphraseError: It is mistyped, or the key of another kind.
        """
        try:
            prefix, private = bech32.decode(text.reveal())
        except ValueError as e:
            raise _not_an_identity(f"this is not a private key of age: {e}") from None
        if prefix != _PRIVATE_PREFIX or len(private) != _KEY_LEN:
            raise _not_an_identity("this is a key of another kind")
        return cls(X25519PrivateKey.from_private_bytes(private))

    def export(self) -> Secret:
        """The private half, as `parse` reads it."""
        private = self._key.private_bytes_raw()
        return Secret(bech32.encode(_PRIVATE_PREFIX.lower(), private).upper())

    def unwrap(self, stanzas: Sequence[Stanza]) -> FileKey | None:
        """The file key, or None if no stanza is for this key pair.

        Raises:
            ArchiveDamaged: Header failure: any X25519 stanza is malformed.
        """
        ours = [(_share(s), s.body) for s in stanzas if s.kind == KIND]
        for share, body in ours:
            agreed = _agreed(self._key, share)
            if agreed is None:
                raise header_failure("an X25519 share is a point of low order")
            key = hkdf(agreed, share + self.recipient.public, _INFO)
            if file_key := unwrapped(body, key):
                return file_key
        return None

    def __repr__(self) -> str:
        return f"X25519Identity({self.recipient})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key is not pickled")


def _share(stanza: Stanza) -> bytes:
    """The share in a stanza that is well formed."""
    if len(stanza.arguments) != 2:
        raise header_failure("an X25519 stanza has not exactly one share")
    try:
        share = decode64(stanza.arguments[1])
    except ValueError as e:
        raise header_failure(f"an X25519 share is malformed: {e}") from None
    if len(share) != _KEY_LEN:
        raise header_failure("an X25519 share is not 32 bytes long")
    if len(stanza.body) != WRAPPED_LEN:
        raise header_failure("the body of an X25519 stanza is not 32 bytes long")
    return share


def _agreed(private: X25519PrivateKey, public: bytes) -> bytes | None:
    """The agreed secret, or None if it is zero: `public` is of low order."""
    try:
        return private.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        return None


def _not_a_recipient(message: str) -> ConfigError:
    return ConfigError(message, hint="Give the whole text that begins with age1.")


def _not_an_identity(message: str) -> PassphraseError:
    return PassphraseError(
        message, hint="Give the whole text that begins with AGE-SECRET-KEY-1."
    )
