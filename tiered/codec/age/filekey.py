"""The file key, and how every kind of recipient wraps it.

Each file has a fresh random key of 16 bytes.  A recipient derives a key of its own
and encrypts the file key under it; the result is the 32-byte body of its stanza.
Nothing here prints, formats or pickles a key.

Source: C2SP age.md, "File key", "Header MAC" and the bodies of both stanza types.
"""

from collections.abc import Callable, Sequence
from typing import NoReturn, Protocol

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tiered.codec.age.header import Stanza

RandomBytes = Callable[[int], bytes]
"""Gives that many unpredictable bytes: `os.urandom`, except in tests."""

FILE_KEY_LEN = 16
WRAPPED_LEN = 32
"""File key and tag; any other length is refused before it is decrypted, or one
stanza could be made to open under many passphrases."""

_NONCE = bytes(12)
"""Constant, since each wrapping key encrypts exactly one file key."""


class FileKey:
    """The key of one file.

    Raises:
        ValueError: It is not 16 bytes long.
    """

    __slots__ = ("_raw",)

    def __init__(self, raw: bytes) -> None:
        if len(raw) != FILE_KEY_LEN:
            raise ValueError(f"a file key has {FILE_KEY_LEN} bytes, not {len(raw)}")
        self._raw = raw

    def derive(self, salt: bytes, info: bytes) -> bytes:
        """A 32-byte key that belongs to this file key."""
        return hkdf(self._raw, salt, info)

    def mac(self, unsigned: bytes) -> bytes:
        """The 32-byte MAC of a header up to and including `---`."""
        return self._hmac(unsigned).finalize()

    def signs(self, unsigned: bytes, mac: bytes) -> bool:
        """Whether `mac` is right, compared in constant time."""
        try:
            self._hmac(unsigned).verify(mac)
        except InvalidSignature:
            return False
        return True

    def wrapped(self, key: bytes) -> bytes:
        """Encrypted under a 32-byte key: the 32-byte body of a stanza."""
        return ChaCha20Poly1305(key).encrypt(_NONCE, self._raw, None)

    def _hmac(self, unsigned: bytes) -> HMAC:
        hmac = HMAC(self.derive(b"", b"header"), SHA256())
        hmac.update(unsigned)
        return hmac

    def __repr__(self) -> str:
        return "FileKey(...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a file key is not pickled")


class Recipient(Protocol):
    """Someone a file can be encrypted for."""

    def wrap(self, file_key: FileKey, random_bytes: RandomBytes) -> Stanza:
        """A new stanza; no two are equal."""


class Identity(Protocol):
    """Someone who can open what was encrypted for them."""

    def unwrap(self, stanzas: Sequence[Stanza]) -> FileKey | None:
        """The file key, or None if no stanza is for this identity.

        Args:
            stanzas: All of the header, in order.

        Raises:
            ArchiveDamaged: A stanza of this identity's kind is malformed.
        """


def unwrapped(body: bytes, key: bytes) -> FileKey | None:
    """The file key in a stanza's body, or None if the 32-byte `key` is not its key."""
    if len(body) != WRAPPED_LEN:
        return None
    try:
        return FileKey(ChaCha20Poly1305(key).decrypt(_NONCE, body, None))
    except InvalidTag:
        return None


def hkdf(material: bytes, salt: bytes, info: bytes) -> bytes:
    """HKDF-SHA-256 to 32 bytes."""
    return HKDF(SHA256(), 32, salt, info).derive(material)


def draw(random_bytes: RandomBytes, count: int) -> bytes:
    """`count` random bytes, or an error: a short key must never be used.

    Raises:
        ValueError: The source gave another number of bytes.
    """
    drawn = random_bytes(count)
    if len(drawn) != count:
        raise ValueError(f"the random source gave {len(drawn)} bytes, not {count}")
    return drawn
