"""What a command does not need is not loaded: starting takes a tenth of a second."""

import subprocess
import sys
from pathlib import Path

import pytest

SLOW = (
    *("boto3", "botocore", "swiftclient", "keystoneauth1", "requests", "asyncio"),
    *("jsonschema", "cryptography", "importlib.metadata", "email"),
    *("tiered.engine.backup", "tiered.engine.native.backup", "tiered.engine.restore"),
    *("tiered.codec.age.file", "tiered.testing.cold"),
)


def loaded_by(code: str) -> set[str]:
    """Of the modules that take long to load, those that `code` loads."""
    code += f"; print(*(m for m in {SLOW!r} if m in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {code}"],
        check=True,
        capture_output=True,
        text=True,
    )
    return set(done.stdout.split())


def test_the_program_starts_with_little() -> None:
    assert loaded_by("import tiered.cli.main") == set()


@pytest.mark.parametrize("module", ["tiered.engine.backup", "jsonschema"])
def test_what_is_loaded_is_seen(module: str) -> None:
    assert module in loaded_by(f"import {module}")


def test_a_folder_needs_no_client_of_a_service(tmp_path: Path) -> None:
    words = ["list", f"file://{tmp_path}/store", "--archive-dir", f"{tmp_path}/cache"]
    (tmp_path / "store").mkdir()
    code = f"from tiered.cli.main import main; assert main({words!r}) == 12"
    assert loaded_by(code) == set()
