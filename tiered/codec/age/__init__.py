"""age v1 files: encrypted for key pairs or a passphrase, readable from anywhere within.

The format is that of the `age` program, byte for byte; docs/format/age.md says how
tiered uses it, docs/decisions/0010 why the format is our own code.  Every primitive
comes from `cryptography`.

    new = begin(recipients, os.urandom)           new.key.seal(i, chunk, last=...)
    Encryptor(recipients, target, os.urandom)     a whole file, pushed
    Decryptor(identities, source)                 a whole file, pulled
    SeekableDecryptor(unlock(identities, front), read_range, size)      any range

Identities, recipients and keys can be shared by threads; streams cannot.
"""

from tiered.codec.age.file import (
    MAX_RECIPIENTS,
    NewFile,
    Unlocked,
    begin,
    encrypted_size,
    front_end,
    unlock,
    unwrap,
)
from tiered.codec.age.filekey import FileKey, Identity, RandomBytes, Recipient
from tiered.codec.age.header import MAX_HEADER_BYTES, header_end
from tiered.codec.age.keys import (
    identity_from_sheet,
    is_sheet,
    key_id,
    recovery_sheet,
    unwrap_identity,
    wrap_identity,
)
from tiered.codec.age.payload import (
    CHUNK_LEN,
    NONCE_LEN,
    SEALED_LEN,
    TAG_LEN,
    PayloadKey,
    plain_size,
    sealed_size,
)
from tiered.codec.age.scrypt import ScryptIdentity, ScryptRecipient
from tiered.codec.age.seekable import ReadRange, SeekableDecryptor
from tiered.codec.age.stream import Decryptor, Encryptor
from tiered.codec.age.x25519 import X25519Identity, X25519Recipient

__all__ = [
    "CHUNK_LEN",
    "MAX_HEADER_BYTES",
    "MAX_RECIPIENTS",
    "NONCE_LEN",
    "SEALED_LEN",
    "TAG_LEN",
    "Decryptor",
    "Encryptor",
    "FileKey",
    "Identity",
    "NewFile",
    "PayloadKey",
    "RandomBytes",
    "ReadRange",
    "Recipient",
    "ScryptIdentity",
    "ScryptRecipient",
    "SeekableDecryptor",
    "Unlocked",
    "X25519Identity",
    "X25519Recipient",
    "begin",
    "encrypted_size",
    "front_end",
    "header_end",
    "identity_from_sheet",
    "is_sheet",
    "key_id",
    "plain_size",
    "recovery_sheet",
    "sealed_size",
    "unlock",
    "unwrap",
    "unwrap_identity",
    "wrap_identity",
]
