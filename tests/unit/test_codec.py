"""How objects are wrapped: round trips, damage, and where the passphrase goes."""

import os
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from tiered.codec.codec import Codec, Encoder
from tiered.codec.gnupg import Gnupg, GnupgSettings
from tiered.codec.plain import Gzip, Plain
from tiered.errors import (
    ArchiveDamaged,
    MissingDependency,
    PassphraseError,
    ScratchError,
    TieredError,
)
from tiered.secret import Secret

PASSPHRASE = "correct horse $(battery) 'staple' ü"
NAME = "duplicity-full.20261121T011337Z.vol1.difftar.gpg"
QUICK = ("--s2k-count", "65536")
DATA = Random(1).randbytes(100_000) + bytes(100_000)


@pytest.fixture(autouse=True)
def _gnupg_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(home))


@pytest.fixture
def children() -> Callable[[], set[int]]:
    """Processes that the test started and that are still there."""
    before = all_children()
    return lambda: all_children() - before


def all_children() -> set[int]:
    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return {int(pid) for pid in text.split()}


def gnupg(
    passphrase: str = PASSPHRASE, program: str = "gpg", compress: bool = True
) -> Gnupg:
    return Gnupg(
        GnupgSettings(passphrase=Secret(passphrase), program=program, compress=compress)
    )


CODECS: dict[str, Callable[[], Codec]] = {
    "plain": Plain,
    "gzip": Gzip,
    "gnupg": gnupg,
    "gnupg, not compressed": lambda: gnupg(compress=False),
}
for_every_codec = pytest.mark.parametrize("make", CODECS.values(), ids=CODECS.keys())


def encode(codec: Codec, data: bytes, folder: Path) -> Path:
    path = folder / "object"
    with path.open("wb") as file:
        encoder = codec.encode(file)
        for at in range(0, len(data), 30_000):
            encoder.write(data[at : at + 30_000])
        encoder.close()
        encoder.abort()  # allowed, and without effect
    return path


def decode(codec: Codec, path: Path, portion: int = 1 << 16) -> bytes:
    data = b""
    with path.open("rb") as file:
        decoder = codec.decode(file, NAME)
        try:
            while more := decoder.read(portion):
                data += more
            decoder.close()
        finally:
            decoder.abort()
    return data


@for_every_codec
@pytest.mark.parametrize("data", [b"", b"x", DATA], ids=len)
def test_round_trip(make: Callable[[], Codec], data: bytes, tmp_path: Path) -> None:
    assert decode(make(), encode(make(), data, tmp_path)) == data


@for_every_codec
def test_a_decoder_may_be_closed_at_any_point(
    make: Callable[[], Codec], tmp_path: Path
) -> None:
    path = encode(make(), DATA, tmp_path)
    for portions in (0, 1, 2):
        with path.open("rb") as file:
            decoder = make().decode(file, NAME)
            for _ in range(portions):
                assert len(decoder.read(1000)) == 1000
            decoder.close()


@for_every_codec
def test_a_decoder_may_be_read_and_closed_after_the_end(
    make: Callable[[], Codec], tmp_path: Path
) -> None:
    path = encode(make(), b"x", tmp_path)
    with path.open("rb") as file:
        decoder = make().decode(file, NAME)
        assert [decoder.read(10) for _ in range(3)] == [b"x", b"", b""]
        decoder.close()
        decoder.close()
        decoder.abort()


@for_every_codec
def test_giving_up_leaves_nothing_behind(
    make: Callable[[], Codec], tmp_path: Path, children: Callable[[], set[int]]
) -> None:
    """Neither an open file nor a child: an unraised ResourceWarning is an error."""
    path = encode(make(), DATA, tmp_path)
    with path.open("rb") as file:
        decoder = make().decode(file, NAME)
        decoder.read(10)
        decoder.abort()
        decoder.abort()
    with (tmp_path / "other").open("wb") as file:
        encoder = make().encode(file)
        encoder.write(DATA)
        encoder.abort()
        encoder.abort()
    assert children() == set()


def test_gzip_is_the_same_each_time(tmp_path: Path) -> None:
    first = encode(Gzip(), DATA, tmp_path).read_bytes()
    assert encode(Gzip(), DATA, tmp_path).read_bytes() == first


def test_gpg_itself_reads_what_is_written(tmp_path: Path) -> None:
    path = encode(gnupg(), DATA, tmp_path)
    assert run_gpg("--decrypt", str(path)) == DATA


def test_what_gpg_itself_writes_is_read(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(DATA)
    path = tmp_path / "object"
    run_gpg("--symmetric", *QUICK, "-o", str(path), str(plain))
    assert decode(gnupg(), path) == DATA


def run_gpg(*arguments: str) -> bytes:
    done = subprocess.run(
        ["gpg", "--batch", "--no-autostart", "--passphrase-fd", "0", *arguments],
        check=True,
        capture_output=True,
        input=PASSPHRASE.encode() + b"\n",
    )
    return done.stdout


def test_options_of_the_user_win(tmp_path: Path) -> None:
    options = ("--s2k-count=65536", "--cipher-algo", "AES128")
    codec = Gnupg(GnupgSettings(passphrase=Secret(PASSPHRASE), options=options))
    path = encode(codec, DATA, tmp_path)
    assert decode(gnupg(), path) == DATA
    packets = run_gpg("--list-packets", str(path))
    assert b"cipher 7" in packets  # RFC 4880, 9.2: AES128
    assert b"count 65536" in packets


@pytest.mark.parametrize("wrong", ["", "wrong", PASSPHRASE + " ", PASSPHRASE[:-1]])
def test_a_wrong_passphrase(wrong: str, tmp_path: Path) -> None:
    path = encode(gnupg(), DATA, tmp_path)
    with pytest.raises(PassphraseError) as caught:
        decode(gnupg(wrong), path)
    assert NAME in str(caught.value)
    assert "PASSPHRASE" in caught.value.hint


def test_the_passphrase_is_in_no_message(tmp_path: Path) -> None:
    path = encode(gnupg(), DATA, tmp_path)
    path.write_bytes(path.read_bytes()[:-100])
    errors = []
    for codec in (gnupg(), gnupg("wrong-passphrase"), gnupg(program="no-such-gpg")):
        with pytest.raises(TieredError) as caught:
            decode(codec, path)
        errors.append(caught.value)
    for error in errors:
        shown = f"{error} {error.hint} {error.facts} {error.__cause__!r}"
        assert PASSPHRASE not in shown
        assert "wrong-passphrase" not in shown


@pytest.fixture
def slow_gpg(tmp_path: Path) -> Path:
    """A gpg that waits for its input, so that it can be looked at."""
    program = tmp_path / "slow-gpg"
    program.write_text('#!/bin/sh\ncat > /dev/null\nexec gpg "$@" < /dev/null\n')
    program.chmod(0o755)
    return program


def test_the_passphrase_is_not_in_the_process_table(
    slow_gpg: Path, tmp_path: Path, children: Callable[[], set[int]]
) -> None:
    with (tmp_path / "object").open("wb") as file:
        encoder = gnupg(program=str(slow_gpg)).encode(file)
        try:
            (pid,) = children()
            while not Path(f"/proc/{pid}/cmdline").read_bytes():
                pass  # the kernel fills it in at the end of exec
            seen = [
                Path(f"/proc/{pid}/{what}").read_bytes()
                for what in ("cmdline", "environ")
            ]
            opened = [fd.readlink() for fd in Path(f"/proc/{pid}/fd").iterdir()]
        finally:
            encoder.abort()
    assert any(b"gpg" in text for text in seen)
    assert all(PASSPHRASE.encode() not in text for text in seen)
    readable = [p for p in opened if p.is_absolute() and p.is_file()]
    assert all(PASSPHRASE.encode() not in p.read_bytes() for p in readable)


POSITIONS = [0, 1, 2, 5, 12, 14, 20, 30, 40, 100, 1000, 50_000, -25, -21, -20, -1]


def kinds_of_damage() -> dict[str, Callable[[bytes], bytes]]:
    def flip(at: int) -> Callable[[bytes], bytes]:
        def flipped(data: bytes) -> bytes:
            changed = bytearray(data)
            changed[at] ^= 0x10
            return bytes(changed)

        return flipped

    damage = {f"a bit flipped at {at}": flip(at) for at in POSITIONS}
    for cut in (1, 20, 100, 50_000):
        damage[f"cut by {cut}"] = lambda data, cut=cut: data[:-cut]  # type: ignore[misc] # a default
    for keep in (0, 1, 20):
        damage[f"cut to {keep}"] = lambda data, keep=keep: data[:keep]  # type: ignore[misc] # a default
    damage["zeros"] = lambda data: bytes(len(data))
    damage["text"] = lambda _: b"<html>503 Service Unavailable</html>"
    return damage


DAMAGE = kinds_of_damage()


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return encode(gnupg(), DATA, tmp_path_factory.mktemp("encrypted")).read_bytes()


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_to_an_encrypted_object_is_seen(
    damage: Callable[[bytes], bytes],
    encrypted: bytes,
    tmp_path: Path,
    children: Callable[[], set[int]],
) -> None:
    """The salt is part of the key, so damage to it looks like a wrong passphrase."""
    path = tmp_path / "object"
    path.write_bytes(damage(encrypted))
    with pytest.raises((ArchiveDamaged, PassphraseError)) as caught:
        decode(gnupg(), path)
    assert NAME in str(caught.value)
    assert children() == set()


@pytest.mark.parametrize("at", [1000, 50_000, -25, -1])
def test_damage_to_the_data_does_not_blame_the_passphrase(
    at: int, encrypted: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "object"
    path.write_bytes(DAMAGE[f"a bit flipped at {at}"](encrypted))
    with pytest.raises(ArchiveDamaged):
        decode(gnupg(), path)


def test_damage_behind_what_is_read_is_seen_at_the_close(
    encrypted: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "object"
    path.write_bytes(DAMAGE["a bit flipped at -1"](encrypted))
    with path.open("rb") as file:
        decoder = gnupg().decode(file, NAME)
        assert decoder.read(10) == DATA[:10]
        with pytest.raises(ArchiveDamaged):
            decoder.close()
        decoder.abort()


GZIP_DAMAGE = {n: d for n, d in DAMAGE.items() if n != "cut to 0"}


@pytest.mark.parametrize("damage", GZIP_DAMAGE.values(), ids=GZIP_DAMAGE.keys())
def test_damage_to_a_compressed_object_is_seen(
    damage: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    path = encode(Gzip(), DATA, tmp_path)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    try:
        found = decode(Gzip(), path)
    except ArchiveDamaged as e:
        assert NAME in str(e)  # noqa: PT017 - damage to what is only a note does no harm
    else:
        assert found == DATA


def test_gzip_with_nothing_in_it_is_nothing_or_damage(tmp_path: Path) -> None:
    path = tmp_path / "object"
    path.write_bytes(b"")
    with pytest.raises(ArchiveDamaged):
        decode(Gzip(), path)


@pytest.mark.parametrize("program", ["no-such-gpg", "/", "/dev/null"])
def test_a_missing_program_is_said(program: str, tmp_path: Path) -> None:
    codec = gnupg(program=program)
    with (tmp_path / "o").open("w+b") as file:
        with pytest.raises(MissingDependency, match="cannot be run") as caught:
            codec.encode(file)
        with pytest.raises(MissingDependency):
            codec.decode(file, NAME)
    assert program in str(caught.value)
    assert "apt-get install gnupg" in caught.value.hint


def test_a_program_that_is_no_gpg(tmp_path: Path) -> None:
    path = encode(gnupg(), b"x", tmp_path)
    with pytest.raises(TieredError):
        decode(gnupg(program="false"), path)
    with pytest.raises(TieredError):
        decode(gnupg(program="true"), path)
    with pytest.raises(TieredError, match="failed to encrypt"):
        encode(gnupg(program="false"), DATA, tmp_path)


@for_every_codec
def test_a_full_disk_is_the_fault_of_the_scratch_folder(
    make: Callable[[], Codec], children: Callable[[], set[int]]
) -> None:
    with suppress(OSError), Path("/dev/full").open("wb") as file:
        encoder = make().encode(file)
        with pytest.raises(ScratchError):
            write_much(encoder)
        encoder.abort()
    assert children() == set()


def write_much(encoder: Encoder) -> None:
    for _ in range(50):
        encoder.write(DATA)
    encoder.close()
