"""Other programs that read and write age files, to compare with."""

import subprocess
from pathlib import Path

import pyrage
import pytest

from tiered.codec.age import X25519Identity


def run_age(*arguments: str, data: bytes) -> "subprocess.CompletedProcess[bytes]":
    """The `age` program; a test without it fails."""
    try:
        return subprocess.run(
            ["age", *arguments], input=data, capture_output=True, check=False
        )
    except FileNotFoundError:
        pytest.fail(
            "the program age is not installed: run make test, which installs it"
        )


def age_encrypt(data: bytes, identity: X25519Identity) -> bytes:
    done = run_age("--encrypt", "-r", str(identity.recipient), data=data)
    assert done.returncode == 0, done.stderr
    return done.stdout


def age_decrypt(data: bytes, keys: list[str], folder: Path) -> bytes | None:
    """The content, or None if `age` refuses the file."""
    file = folder / "keys.txt"
    file.write_text("".join(f"{key}\n" for key in keys))
    done = run_age("--decrypt", "-i", str(file), data=data)
    return done.stdout if done.returncode == 0 else None


def pyrage_decrypt(data: bytes, keys: list[str], passphrase: str) -> bytes | None:
    """The content, or None if pyrage refuses the file."""
    try:
        if passphrase:
            return pyrage.passphrase.decrypt(data, passphrase)
        identities = [pyrage.x25519.Identity.from_str(key) for key in keys]
        return pyrage.decrypt(data, identities)
    except pyrage.DecryptError:
        return None
