"""Age files made by hand, right ones and ones with one fault: tests/vectors/age/.

It shares no code with `tiered.codec.age`, so a misreading there does not hide here.
After a change: `build/venv/bin/python -m tests.unit.age_forge` writes the vectors.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

FOLDER = Path(__file__).parent.parent / "vectors" / "age"

# Private keys 32 x "B" and 32 x "C"; the texts are those of the age program.
OURS = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
OTHER = "AGE-SECRET-KEY-1GDP5XS6RGDP5XS6RGDP5XS6RGDP5XS6RGDP5XS6RGDP5XS6RGDPSST380Y"
OURS_RAW, OTHER_RAW = b"B" * 32, b"C" * 32
PASSPHRASE = "correct horse"

FILE_KEY = b"sixteen byte key"
NONCE = b"a nonce of 16 by"
SALT = b"salt of 16 bytes"
PLAIN = b"tiered"
VERSION = "age-encryption.org/v1\n"
FULL = 65536

SUCCESS, NO_MATCH = "success", "no match"
HEADER, HMAC, PAYLOAD = "header failure", "HMAC failure", "payload failure"


@dataclass(frozen=True, kw_only=True)
class Vector:
    """One file and what reading it must give."""

    expect: str
    comment: str
    data: bytes
    keys: tuple[str, ...] = (OURS,)
    passphrase: str = ""
    payload: bytes = b""
    """What may come out: all of it, or what precedes a failure."""

    def text(self) -> str:
        """The content of the vector's file."""
        lines = [f"expect: {self.expect}", f"comment: {self.comment}"]
        lines += [f"identity: {key}" for key in self.keys]
        if self.passphrase:
            lines.append(f"passphrase: {self.passphrase}")
        lines.append(f"payload: {base64.b64encode(self.payload).decode()}")
        return "\n".join(lines) + "\n\n" + base64.encodebytes(self.data).decode()


def read_vector(text: str) -> Vector:
    """The inverse of `Vector.text`."""
    head, _, body = text.partition("\n\n")
    fields = [line.partition(": ")[::2] for line in head.split("\n")]
    one = dict(fields)
    return Vector(
        expect=one["expect"],
        comment=one["comment"],
        data=base64.b64decode(body),
        keys=tuple(value for key, value in fields if key == "identity"),
        passphrase=one.get("passphrase", ""),
        payload=base64.b64decode(one["payload"]),
    )


# How an age file is put together.


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


def not_canonical(text: str) -> str:
    """The same bytes, with an unused bit set."""
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return text[:-1] + last[last.index(text[-1]) + 1]


def hkdf(key: bytes, salt: bytes, info: bytes) -> bytes:
    secret = hmac.digest(salt or bytes(32), key, "sha256")
    return hmac.digest(secret, info + b"\x01", "sha256")


def wrapped(key: bytes, file_key: bytes = FILE_KEY) -> bytes:
    return ChaCha20Poly1305(key).encrypt(bytes(12), file_key, None)


def stanza(arguments: str, body: bytes) -> str:
    text = b64(body)
    lines = [text[at : at + 64] for at in range(0, len(text) + 1, 64)]
    return f"-> {arguments}\n" + "".join(f"{line}\n" for line in lines)


def public_of(private: bytes) -> bytes:
    key = X25519PrivateKey.from_private_bytes(private)
    return key.public_key().public_bytes_raw()


def x25519_parts(
    private: bytes = OURS_RAW, file_key: bytes = FILE_KEY, seed: bytes = b"E"
) -> tuple[bytes, bytes]:
    """Share and body for the key pair of `private`."""
    fresh = X25519PrivateKey.from_private_bytes(seed * 32)
    public = X25519PrivateKey.from_private_bytes(private).public_key()
    share = fresh.public_key().public_bytes_raw()
    agreed = fresh.exchange(
        X25519PublicKey.from_public_bytes(public.public_bytes_raw())
    )
    key = hkdf(
        agreed, share + public.public_bytes_raw(), b"age-encryption.org/v1/X25519"
    )
    return share, wrapped(key, file_key)


def x25519(private: bytes = OURS_RAW, file_key: bytes = FILE_KEY) -> str:
    share, body = x25519_parts(private, file_key)
    return stanza(f"X25519 {b64(share)}", body)


def low_order(share: bytes) -> str:
    """A stanza that opens for whoever takes zero for an agreed secret."""
    label = b"age-encryption.org/v1/X25519"
    key = hkdf(bytes(32), share + public_of(OURS_RAW), label)
    return stanza(f"X25519 {b64(share)}", wrapped(key))


def scrypt_body(
    work: int, file_key: bytes = FILE_KEY, salt: bytes = SALT, secret: str = PASSPHRASE
) -> bytes:
    key = hashlib.scrypt(
        secret.encode(),
        salt=b"age-encryption.org/v1/scrypt" + salt,
        n=1 << work,
        r=8,
        p=1,
        dklen=32,
    )
    return wrapped(key, file_key)


def scrypt(work: str = "8", real_work: int = 8, salt: bytes = SALT) -> str:
    return stanza(f"scrypt {b64(salt)} {work}", scrypt_body(real_work, salt=salt))


def mac_of(text: str, file_key: bytes = FILE_KEY) -> bytes:
    key = hkdf(file_key, b"", b"header")
    return hmac.digest(key, text.encode("latin-1"), "sha256")


def header(*parts: str, file_key: bytes = FILE_KEY, version: str = VERSION) -> bytes:
    text = version + "".join(parts) + "---"
    return f"{text} {b64(mac_of(text, file_key))}\n".encode("latin-1")


def chunk(
    index: int, data: bytes, *, last: bool, nonce: bytes = NONCE, key: bytes = FILE_KEY
) -> bytes:
    counter = index.to_bytes(11, "big") + (b"\x01" if last else b"\x00")
    return ChaCha20Poly1305(hkdf(key, nonce, b"payload")).encrypt(counter, data, None)


def payload(data: bytes = PLAIN) -> bytes:
    """Nonce and chunks of a right file."""
    parts = [data[at : at + FULL] for at in range(0, len(data) or 1, FULL)]
    final = len(parts) - 1
    chunks = [chunk(i, part, last=i == final) for i, part in enumerate(parts)]
    return NONCE + b"".join(chunks)


def file(*parts: str) -> bytes:
    """A file with these stanzas, right MAC and right payload."""
    return header(*parts) + payload()


# The vectors.

Named = Iterator[tuple[str, Vector]]


def vectors() -> dict[str, Vector]:
    """Those that are kept as files."""
    makers = (
        _right,
        _no_match,
        _hmac,
        _version_and_end,
        _stanzas,
        _x25519,
        _scrypt,
        _front,
        _payloads,
    )
    return {name: vector for maker in makers for name, vector in maker()}


def _ok(comment: str, data: bytes, payload: bytes = PLAIN) -> Vector:
    return Vector(expect=SUCCESS, comment=comment, data=data, payload=payload)


def _right() -> Named:
    yield "x25519", _ok("one X25519 recipient", file(x25519()))
    yield (
        "empty-payload",
        _ok("one empty chunk, the last", header(x25519()) + payload(b""), b""),
    )
    two = file(x25519(OTHER_RAW), x25519())
    yield "second-recipient", _ok("the second stanza is for the identity", two)
    yield (
        "second-identity",
        replace(
            _ok("the second identity opens it", file(x25519())), keys=(OTHER, OURS)
        ),
    )
    yield (
        "scrypt",
        replace(_ok("a passphrase", file(scrypt())), keys=(), passphrase=PASSPHRASE),
    )
    yield (
        "scrypt-salt-of-another-file",
        replace(
            _ok("another salt", file(scrypt(salt=b"ANOTHER SALT,16B"))),
            keys=(),
            passphrase=PASSPHRASE,
        ),
    )
    unknown = stanza("example.com/unknown and more", b"a body of any length")
    yield (
        "unknown-stanzas",
        _ok("kinds that nobody knows are skipped", file(unknown, x25519(), unknown)),
    )
    printable = "".join(map(chr, range(0x21, 0x7F)))
    yield (
        "stanza-all-characters",
        _ok("all printable characters", file(stanza(printable, b"x"), x25519())),
    )
    yield (
        "stanza-empty-body",
        _ok("a body of no bytes is one empty line", file(stanza("a", b""), x25519())),
    )
    yield (
        "stanza-full-line-body",
        _ok("48 bytes: full line, then empty", file(stanza("a", b"x" * 48), x25519())),
    )
    yield (
        "stanza-one-argument",
        _ok("a stanza may have its kind only", file(stanza("a", b"x"), x25519())),
    )


def _no_match() -> Named:
    def no(comment: str, data: bytes) -> Vector:
        return Vector(expect=NO_MATCH, comment=comment, data=data)

    def no_pass(comment: str, data: bytes) -> Vector:
        return replace(no(comment, data), keys=(), passphrase=PASSPHRASE)

    share, body = x25519_parts()
    bad = body[:-1] + bytes([body[-1] ^ 1])
    yield "x25519-other-key", no("for another key pair", file(x25519(OTHER_RAW)))
    yield (
        "x25519-lower-case",
        no("the kind is x25519", file(stanza(f"x25519 {b64(share)}", body))),
    )
    yield (
        "x25519-bad-tag",
        no("the body's tag is wrong", file(stanza(f"X25519 {b64(share)}", bad))),
    )
    yield "x25519-unknown-only", no("no known kind", file(stanza("a b", b"x")))
    yield "x25519-but-passphrase", no_pass("a passphrase given", file(x25519()))
    wrong = scrypt_body(8, secret="another")
    yield (
        "scrypt-other-passphrase",
        no_pass("another passphrase", file(stanza(f"scrypt {b64(SALT)} 8", wrong))),
    )
    yield "scrypt-but-key", no("a key given, for a passphrase", file(scrypt()))
    yield (
        "scrypt-other-work",
        no_pass("made with 2^8, says 2^9", file(scrypt(work="9"))),
    )
    yield (
        "scrypt-upper-case",
        no_pass(
            "the kind is Scrypt",
            file(stanza(f"Scrypt {b64(SALT)} 8", scrypt_body(8))),
        ),
    )
    body = scrypt_body(8)
    bad = body[:-1] + bytes([body[-1] ^ 1])
    yield (
        "scrypt-bad-tag",
        no_pass("the body's tag is wrong", file(stanza(f"scrypt {b64(SALT)} 8", bad))),
    )


def _hmac() -> Named:
    def bad(comment: str, text: str, mac: bytes) -> Vector:
        data = f"{text} {b64(mac)}\n".encode() + payload()
        return Vector(expect=HMAC, comment=comment, data=data)

    text = f"{VERSION}{x25519()}---"
    mac = mac_of(text)
    yield "hmac-bit", bad("one bit of the MAC", text, mac[:-1] + bytes([mac[-1] ^ 1]))
    yield "hmac-zero", bad("the MAC is zero", text, bytes(32))
    yield "hmac-with-space", bad("also over the space", text, mac_of(text + " "))
    yield "hmac-other-key", bad("of another key", text, mac_of(text, b"x" * 16))
    added = f"{VERSION}{x25519()}{stanza('a', b'x')}---"
    yield "hmac-stanza-added", bad("a stanza was added after", added, mac)
    with_a = mac_of(f"{VERSION}{stanza('a', b'x')}{x25519()}---")
    yield "hmac-stanzas-swapped", bad("stanzas were swapped", added, with_a)
    yield "hmac-stanza-removed", bad("a stanza was removed", text, with_a)


def _fails(comment: str, data: bytes) -> Vector:
    return Vector(expect=HEADER, comment=comment, data=data)


def _version_and_end() -> Named:
    good = x25519()
    yield "file-empty", _fails("no byte at all", b"")
    yield "version-cut", _fails("it ends in the first line", VERSION[:10].encode())
    yield "version-only", _fails("it ends behind the first line", VERSION.encode())
    for name, comment, version in (
        ("version-v2", "another version", "age-encryption.org/v2\n"),
        ("version-v10", "a version that begins with v1", "age-encryption.org/v10\n"),
        ("version-crlf", "CR LF ends the first line", VERSION[:-1] + "\r\n"),
        ("version-space", "a space ends the first line", VERSION[:-1] + " \n"),
        ("version-case", "capital letters", VERSION.upper()),
        ("version-leading-line", "an empty line in front", "\n" + VERSION),
    ):
        yield name, _fails(comment, header(good, version=version) + payload())
    armored = base64.encodebytes(file(good)).decode()
    label = "AGE ENCRYPTED FILE-----\n"
    yield (
        "armored",
        _fails(
            "text form; tiered reads the binary one",
            f"-----BEGIN {label}{armored}-----END {label}".encode(),
        ),
    )
    text = f"{VERSION}{good}---"
    mac = b64(mac_of(text))
    for name, comment, ending in (
        ("mac-no-space", "no space before the MAC", mac),
        ("mac-two-spaces", "two spaces before the MAC", f"  {mac}"),
        ("mac-trailing-space", "a space behind the MAC", f" {mac} "),
        ("mac-cr", "CR LF ends the last line", f" {mac}\r"),
        ("mac-padding", "padding", f" {mac}="),
        ("mac-not-canonical", "an unused bit is set", f" {not_canonical(mac)}"),
        ("mac-short", "31 bytes", f" {b64(mac_of(text)[:31])}"),
        ("mac-long", "33 bytes", f" {b64(mac_of(text) + b'x')}"),
        ("mac-missing", "no MAC", ""),
        ("mac-character", "a foreign character", f" {mac[:-5]}-{mac[-4:]}"),
        ("mac-four-dashes", "four dashes", f"- {mac}"),
    ):
        yield name, _fails(comment, f"{text}{ending}\n".encode() + payload())
    yield "mac-cut", _fails("it ends within the MAC", f"{text} {mac[:20]}".encode())
    yield "mac-no-lf", _fails("it ends before the LF", f"{text} {mac}".encode())
    yield "no-stanza", _fails("no stanza", header() + payload())
    yield "no-end", _fails("it ends behind a stanza", f"{VERSION}{good}".encode())


def _stanzas() -> Named:
    good = x25519()
    line = "QUJD" * 16  # 64 columns
    for name, comment, text in (
        ("stanza-no-argument", "an arrow and no space", "->\neA\n"),
        ("stanza-empty-argument", "an arrow and a space", "-> \neA\n"),
        ("stanza-two-spaces", "two spaces between arguments", "-> a  b\neA\n"),
        ("stanza-leading-space", "two spaces behind the arrow", "->  a\neA\n"),
        ("stanza-trailing-space", "a space ends the line", "-> a \neA\n"),
        ("stanza-tab", "a tab in an argument", "-> a\tb\neA\n"),
        ("stanza-delete", "character 127 in an argument", "-> a\x7f\neA\n"),
        ("stanza-not-ascii", "character 233 in an argument", "-> caf\xe9\neA\n"),
        ("stanza-cr", "CR LF ends the arguments", "-> a\r\neA\n"),
        ("stanza-other-arrow", "it begins with =>", "=> a\neA\n"),
        ("stanza-no-space", "no space behind the arrow", "->a\neA\n"),
        ("stanza-indented", "a space before the arrow", " -> a\neA\n"),
        ("stanza-blank-line", "an empty line behind the body", "-> a\neA\n\n"),
        ("body-missing", "no body line", "-> a\n"),
        ("body-no-short-line", "a full line is the last", f"-> a\n{line}\n"),
        ("body-long-line", "a line of 68 columns", f"-> a\n{line}QUJD\n"),
        ("body-line-after-short", "a line behind a short one", "-> a\nQUJD\nQUJD\n"),
        ("body-padding", "padding", "-> a\neA==\n"),
        ("body-not-canonical", "an unused bit is set", "-> a\neB\n"),
        ("body-impossible-length", "one character left over", "-> a\nQUJDQ\n"),
        ("body-character", "an underscore", "-> a\nQU_D\n"),
        ("body-space", "a space at the end of the line", "-> a\neA \n"),
        ("body-cr", "CR LF ends the body", "-> a\neA\r\n"),
    ):
        yield name, _fails(comment, file(text, good))


def _x25519() -> Named:
    share, body = x25519_parts()
    text = b64(share)
    eight = bytes.fromhex(
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"
    )
    prime = (2**255 - 19).to_bytes(32, "little")
    for name, comment, made in (
        ("x25519-no-share", "no share", stanza("X25519", body)),
        ("x25519-two-shares", "a third argument", stanza(f"X25519 {text} a", body)),
        ("x25519-share-short", "31 bytes", stanza(f"X25519 {b64(share[:31])}", body)),
        ("x25519-share-long", "33 bytes", stanza(f"X25519 {b64(share + b'x')}", body)),
        ("x25519-share-padding", "padding", stanza(f"X25519 {text}=", body)),
        (
            "x25519-share-not-canonical",
            "an unused bit is set",
            stanza(f"X25519 {not_canonical(text)}", body),
        ),
        ("x25519-share-zero", "the share is 0: low order", low_order(bytes(32))),
        ("x25519-share-one", "the share is 1: low order", low_order(b"\1" + bytes(31))),
        ("x25519-share-eight", "a share of order 8", low_order(eight)),
        ("x25519-share-prime", "0, written as the prime", low_order(prime)),
        (
            "x25519-share-high-bit",
            "0, with bit 255 set",
            low_order(bytes(31) + b"\x80"),
        ),
        (
            "x25519-body-short",
            "a file key of 15 bytes",
            x25519(file_key=FILE_KEY[:15]),
        ),
        ("x25519-body-long", "a file key of 17 bytes", x25519(file_key=b"x" * 17)),
        ("x25519-body-empty", "no body", stanza(f"X25519 {text}", b"")),
    ):
        yield name, _fails(comment, file(made))


def _scrypt() -> Named:
    def bad(comment: str, *made: str) -> Vector:
        vector = _fails(comment, file(*made))
        return replace(vector, keys=(), passphrase=PASSPHRASE)

    salt, body = b64(SALT), scrypt_body(8)
    loose = not_canonical(salt)
    yield "scrypt-and-x25519", bad("X25519 behind it", scrypt(), x25519())
    yield "scrypt-twice", bad("two of them", scrypt(), scrypt())
    yield "scrypt-and-unknown", bad("another in front", stanza("a", b"x"), scrypt())
    yield (
        "x25519-and-scrypt",
        _fails("the key opens one, a passphrase beside it", file(x25519(), scrypt())),
    )
    for name, comment, arguments in (
        ("scrypt-no-argument", "kind only", ""),
        ("scrypt-no-work", "no work factor", f" {salt}"),
        ("scrypt-no-salt", "no salt", " 8"),
        ("scrypt-extra-argument", "a fourth argument", f" {salt} 8 8"),
        ("scrypt-salt-padding", "padding", f" {salt}== 8"),
        (
            "scrypt-salt-not-canonical",
            "an unused bit is set",
            f" {loose} 8",
        ),
        ("scrypt-work-zero", "2^0", f" {salt} 0"),
        ("scrypt-work-leading-zero", "08", f" {salt} 08"),
        ("scrypt-work-plus", "a sign", f" {salt} +8"),
        ("scrypt-work-minus", "a sign", f" {salt} -8"),
        ("scrypt-work-hex", "0x8", f" {salt} 0x8"),
        ("scrypt-work-suffix", "a letter behind it", f" {salt} 8a"),
        ("scrypt-work-fraction", "8.0", f" {salt} 8.0"),
        ("scrypt-work-23", "more than 2^22", f" {salt} 23"),
        ("scrypt-work-overflow", "2^64 + 8", f" {salt} 18446744073709551624"),
    ):
        yield name, bad(comment, stanza(f"scrypt{arguments}", body))
    for name, comment, other in (
        ("scrypt-salt-short", "15 bytes", SALT[:15]),
        ("scrypt-salt-long", "17 bytes", SALT + b"x"),
    ):
        yield name, bad(comment, scrypt(salt=other))
    for name, comment, file_key in (
        ("scrypt-body-short", "a file key of 15 bytes", FILE_KEY[:15]),
        ("scrypt-body-long", "a file key of 17 bytes", FILE_KEY + b"x"),
    ):
        made = scrypt_body(8, file_key)
        yield name, bad(comment, stanza(f"scrypt {salt} 8", made))


def _front() -> Named:
    head = header(x25519())
    yield "nonce-missing", _fails("it ends behind the header", head)
    yield "nonce-short", _fails("it ends within the nonce", head + NONCE[:15])


def _payloads() -> Named:
    head = header(x25519()) + NONCE

    def bad(comment: str, chunks: bytes) -> Vector:
        return Vector(expect=PAYLOAD, comment=comment, data=head + chunks)

    good = chunk(0, PLAIN, last=True)
    yield "payload-missing", bad("no chunk, not even an empty one", b"")
    yield "payload-short-tag", bad("15 bytes: no whole tag", good[:15])
    yield "payload-cut", bad("the last byte is missing", good[:-1])
    yield "payload-bit", bad("one bit", good[:3] + bytes([good[3] ^ 1]) + good[4:])
    yield "payload-tag", bad("one bit of the tag", good[:-1] + bytes([good[-1] ^ 1]))
    yield "payload-not-last", bad("not marked as last", chunk(0, PLAIN, last=False))
    yield "payload-empty-not-last", bad("empty, not last", chunk(0, b"", last=False))
    yield "payload-second-first", bad("it begins with 1", chunk(1, PLAIN, last=True))
    yield "payload-more", bad("a byte behind the last chunk", good + b"x")
    yield (
        "payload-empty-follows",
        bad("an empty last chunk behind the last", good + chunk(1, b"", last=True)),
    )
    yield (
        "payload-two-files",
        bad("a file behind the file", good + file(x25519())),
    )
    other = chunk(0, PLAIN, last=True, nonce=b"x" * 16)
    yield "payload-other-nonce", bad("of another nonce", other)
    other = chunk(0, PLAIN, last=True, key=b"x" * 16)
    yield "payload-other-key", bad("of another file key", other)


def large_vectors() -> dict[str, Vector]:
    """Those with full chunks: too large to keep as files.

    A full chunk at the end that is not marked as last does not come out.
    """
    head = header(x25519()) + NONCE
    one, two, end = b"1" * FULL, b"2" * FULL, b"the end"

    def right(comment: str, data: bytes) -> Vector:
        return _ok(comment, head[:-16] + payload(data), data)

    def bad(comment: str, passed: bytes, *chunks: bytes) -> Vector:
        data = head + b"".join(chunks)
        return Vector(expect=PAYLOAD, comment=comment, data=data, payload=passed)

    first, second = chunk(0, one, last=False), chunk(1, two, last=False)
    last = chunk(2, end, last=True)
    changed = bytes([second[0] ^ 1]) + second[1:]
    return {
        "full": right("the last chunk is full", one),
        "one-more": right("one byte in the second chunk", one + b"x"),
        "two-full": right("two full chunks", one + two),
        "three": right("three chunks", one + two + end),
        "no-last": bad("cut behind a full chunk", b"", first),
        "no-last-of-two": bad("cut behind two full chunks", one, first, second),
        "cut-in-second": bad("cut within the second", one, first, second[:-1]),
        "empty-last": bad("empty last", one, first, chunk(1, b"", last=True)),
        "full-not-last": bad("full and marked as last, more follows", b"",
            chunk(0, one, last=True), chunk(1, end, last=True)),
        "more": bad("a byte behind a full last chunk", b"",
            chunk(0, one, last=True), b"x"),
        "bit-in-second": bad("one bit of the second", one, first, changed, last),
        "swapped": bad("chunks were swapped", b"", second, first, last),
        "first-dropped": bad("the first chunk is missing", b"", second, last),
        "second-dropped": bad("the second is missing", one, first, last),
        "doubled": bad("the first one twice", one, first, first, second, last),
        "short-between": bad("a short chunk, not last", b"",
            chunk(0, end, last=False), chunk(1, end, last=True)),
    }  # fmt: skip


if __name__ == "__main__":
    for found in FOLDER.glob("*.txt"):
        found.unlink()
    for name, vector in vectors().items():
        (FOLDER / f"{name}.txt").write_text(vector.text())
