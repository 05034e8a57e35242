"""A passphrase as the only recipient of a file.

Stanza: `scrypt`, a fresh salt, the work factor w; the body is the file key under

    scrypt(passphrase, "age-encryption.org/v1/scrypt" + salt, N = 2^w, r = 8, p = 1)

One try costs 2^w KiB of memory; seconds in facts/bench.md (2^17: 0.63 s).

A file that a passphrase opens was made by someone who knows it.  Other stanzas
beside it would break that, so a header that mixes them is refused.

Source: C2SP age.md, "The scrypt recipient type"; RFC 7914.
"""

import re
from collections.abc import Sequence

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from tiered.codec.age.failures import header_failure
from tiered.codec.age.filekey import (
    WRAPPED_LEN,
    FileKey,
    RandomBytes,
    draw,
    unwrapped,
)
from tiered.codec.age.header import Stanza, decode64, encode64
from tiered.errors import ConfigError, EncryptionFailed, PassphraseError
from tiered.secret import Secret

KIND = "scrypt"

DEFAULT_WORK_FACTOR = 17
"""128 MiB for one try: what OWASP asks for at least (Password Storage Cheat Sheet),
and below the 300 MB that a run of tiered may take.  The `age` program takes 18."""

MAX_WORK_FACTOR = 22
"""4 GiB for one try: the bound of the `age` program, which a reader applies too."""

_SALT_LEN = 16
_LABEL = b"age-encryption.org/v1/scrypt"
_DECIMAL = re.compile(r"[1-9][0-9]*")


class ScryptRecipient:
    """Encrypts for a passphrase.

    Args:
        passphrase: Taken as it is, in UTF-8.
        work_factor: Base-two logarithm of scrypt's N, 1 to `MAX_WORK_FACTOR`.

    Raises:
        PassphraseError: The passphrase is empty.
        ConfigError: The work factor is out of range.
    """

    __slots__ = ("_passphrase", "work_factor")

    def __init__(
        self, passphrase: Secret, work_factor: int = DEFAULT_WORK_FACTOR
    ) -> None:
        self._passphrase = _not_empty(passphrase)
        self.work_factor = _in_range(work_factor)

    def wrap(self, file_key: FileKey, random_bytes: RandomBytes) -> Stanza:
        """A stanza with a fresh salt; it must stay the only one of its file.

        Raises:
            EncryptionFailed: There is not enough memory for this work factor.
        """
        salt = draw(random_bytes, _SALT_LEN)
        key = _derive(self._passphrase, salt, self.work_factor)
        arguments = (KIND, encode64(salt), str(self.work_factor))
        return Stanza(arguments, file_key.wrapped(key))

    def __repr__(self) -> str:
        return f"ScryptRecipient(work_factor={self.work_factor})"


class ScryptIdentity:
    """Opens what was encrypted for a passphrase.

    Args:
        passphrase: Taken as it is, in UTF-8.
        max_work_factor: A file that asks for more is refused, not computed.

    Raises:
        PassphraseError: The passphrase is empty.
        ConfigError: The work factor is out of range.
    """

    __slots__ = ("_passphrase", "max_work_factor")

    def __init__(
        self, passphrase: Secret, max_work_factor: int = MAX_WORK_FACTOR
    ) -> None:
        self._passphrase = _not_empty(passphrase)
        self.max_work_factor = _in_range(max_work_factor)

    def unwrap(self, stanzas: Sequence[Stanza]) -> FileKey | None:
        """The file key, or None if it is another passphrase's, or no passphrase's.

        Raises:
            ArchiveDamaged: Header failure: the stanza is malformed, not the only
                one, or asks for too much work.
            EncryptionFailed: There is not enough memory for its work factor.
        """
        refuse_mixed(stanzas)
        if stanzas[0].kind != KIND:
            return None
        salt, work_factor = self._read(stanzas[0])
        key = _derive(self._passphrase, salt, work_factor)
        return unwrapped(stanzas[0].body, key)

    def _read(self, stanza: Stanza) -> tuple[bytes, int]:
        """Salt and work factor of a stanza that is well formed."""
        if len(stanza.arguments) != 3:
            raise header_failure("an scrypt stanza has not exactly two arguments")
        _, salt_text, work_text = stanza.arguments
        try:
            salt = decode64(salt_text)
        except ValueError as e:
            raise header_failure(f"an scrypt salt is malformed: {e}") from None
        if len(salt) != _SALT_LEN:
            raise header_failure("an scrypt salt is not 16 bytes long")
        if not _DECIMAL.fullmatch(work_text):
            raise header_failure("an scrypt work factor is not a decimal number")
        if len(work_text) > 2 or int(work_text) > self.max_work_factor:
            raise header_failure(
                f"its passphrase asks for more work than 2^{self.max_work_factor}"
            )
        if len(stanza.body) != WRAPPED_LEN:
            raise header_failure("the body of an scrypt stanza is not 32 bytes long")
        return salt, int(work_text)

    def __repr__(self) -> str:
        return f"ScryptIdentity(max_work_factor={self.max_work_factor})"


def refuse_mixed(stanzas: Sequence[Stanza]) -> None:
    """Any identity asks this first.

    Raises:
        ArchiveDamaged: Header failure: a passphrase is not the only recipient.
    """
    if len(stanzas) > 1 and any(stanza.kind == KIND for stanza in stanzas):
        raise header_failure("an scrypt stanza is not the only stanza")


def _derive(passphrase: Secret, salt: bytes, work_factor: int) -> bytes:
    scrypt = Scrypt(salt=_LABEL + salt, length=32, n=1 << work_factor, r=8, p=1)
    try:
        # Bytes that are not UTF-8 came in as surrogates and leave as they were.
        return scrypt.derive(passphrase.reveal().encode("utf-8", "surrogateescape"))
    except MemoryError:
        raise EncryptionFailed(
            f"the passphrase needs {1 << work_factor} KiB of memory to be tried",
            hint="Free memory, or use a key file instead of the passphrase.",
        ) from None


def _not_empty(passphrase: Secret) -> Secret:
    if not passphrase.reveal():
        raise PassphraseError("the passphrase is empty", hint="Give a passphrase.")
    return passphrase


def _in_range(work_factor: int) -> int:
    if not 1 <= work_factor <= MAX_WORK_FACTOR:
        raise ConfigError(
            f"the work factor is {work_factor}, expected 1 to {MAX_WORK_FACTOR}"
        )
    return work_factor
