"""The experiment behind docs/decisions/0001-own-librsync-binding.md.

python-librsync 0.1.post5 and our binding do the same round trips with the same
librsync of the system, each in a process of its own, because wrong prototypes
can crash.  The package comes from the lock file; nothing is installed here.
"""

import importlib.metadata
import random
import subprocess
import sys

import pytest

from tiered.rsync import Signature, delta_of, patch_bytes, signature_of

ROUNDS = 10

SIGNATURE = """
import io, sys
import librsync
out = io.BytesIO()
librsync.signature(io.BytesIO(sys.stdin.buffer.read()), out, 2048)
sys.stdout.buffer.write(out.getvalue())
"""

PATCH = """
import io, sys
import librsync
size = int(sys.argv[1])
basis, delta = sys.stdin.buffer.read(size), sys.stdin.buffer.read()
out = io.BytesIO()
librsync.patch(io.BytesIO(basis), io.BytesIO(delta), out)
sys.stdout.buffer.write(out.getvalue())
"""


def in_a_process(script: str, data: bytes, *arguments: str) -> bytes | None:
    """What the script wrote; None if it failed or crashed."""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        input=data,
        capture_output=True,
        timeout=60,
    )
    return None if done.returncode else done.stdout


def versions(number: int) -> tuple[bytes, bytes]:
    chance = random.Random(number)
    old = chance.randbytes(chance.randrange(10_000, 60_000))
    middle = len(old) // 2
    return old, old[middle:] + chance.randbytes(100) + old[:middle]


def test_the_lock_file_still_has_the_version_the_record_speaks_of() -> None:
    assert importlib.metadata.version("python-librsync") == "0.1.post5"


@pytest.mark.parametrize("number", range(ROUNDS))
def test_ours_is_right_in_every_round(number: int) -> None:
    old, new = versions(number)
    with Signature(signature_of(old, 2048)) as signature:
        assert patch_bytes(old, delta_of(signature, new)) == new


def test_python_librsync_does_not_write_our_signatures() -> None:
    """It leaves out the third argument of rs_sig_begin, so chance decides."""
    wrong = 0
    for number in range(ROUNDS):
        old, _ = versions(number)
        wrong += in_a_process(SIGNATURE, old) != signature_of(old, 2048)
    assert wrong > 0


def test_python_librsync_patches_wrongly() -> None:
    """Its callback takes `opaque` for the position, and so on: every copy is wrong."""
    wrong = 0
    for number in range(ROUNDS):
        old, new = versions(number)
        with Signature(signature_of(old, 2048)) as signature:
            delta = delta_of(signature, new)
        wrong += in_a_process(PATCH, old + delta, str(len(old))) != new
    assert wrong > 0
