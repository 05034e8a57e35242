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
    *("tenacity", "logging", "concurrent.futures", "socket", "subprocess", "getpass"),
    *("tiered.router.router", "tiered.settings.multi", "tiered.codec.gnupg"),
)
ACTIONS = ("tiered.assemble", "tiered.cli.commands", "tiered.cli.parser", "argparse")


def loaded_by(
    code: str, modules: tuple[str, ...] = SLOW, flags: tuple[str, ...] = ()
) -> set[str]:
    """Of the modules that take long to load, those that `code` loads."""
    code += f"; print(*(m for m in {modules!r} if m in sys.modules))"
    done = subprocess.run(
        [sys.executable, *flags, "-c", f"import sys; {code}"],
        check=True,
        capture_output=True,
        text=True,
    )
    return set(done.stdout.split())


def test_the_program_starts_with_little() -> None:
    assert loaded_by("import tiered.cli.main", (*SLOW, *ACTIONS)) == set()
    assert loaded_by("import tiered.cli.commands") == set()


@pytest.mark.parametrize(
    ("style", "other"),
    [
        ("tiered", ("tiered.engine.duplicity_set", "tiered.codec.gnupg")),
        ("duplicity", ("tiered.engine.native.backup", "tiered.codec.age")),
    ],
)
def test_a_backup_loads_one_style(
    style: str, other: tuple[str, ...], tmp_path: Path
) -> None:
    words = ["full", str(tmp_path), f"file://{tmp_path}/store", "--no-encryption"]
    words += [
        "--archive-dir",
        f"{tmp_path}/cache",
        "--style",
        style,
        "--dry-run",
        "-v0",
    ]
    code = f"from tiered.cli.main import main; words = {words!r}"
    code += "; sys.stdout = sys.stderr; assert main(words) == 0"
    code += "; sys.stdout = sys.__stdout__"
    assert loaded_by(code, other) == set()


def test_a_key_is_unlocked_before_the_rest_is_loaded() -> None:
    slow = ("concurrent.futures", "logging", "msgspec", "hashlib", "blake3", "difflib")
    code = "import tiered.assemble, tiered.engine.native.keyring"
    assert loaded_by(code, (*slow, "tiered.cli.commands", "tiered.engine.fetch")) == (
        set()
    )


def test_a_process_that_writes_begins_with_next_to_nothing() -> None:
    slow = ("typing", "dataclasses", "inspect", "re", "contextlib", "msgspec")
    code = f"sys.path[:] = {sys.path!r}; import tiered.engine.native.writer_process"
    assert loaded_by(code, slow, ("-I", "-S")) == set()


@pytest.mark.parametrize("module", ["tiered.engine.backup", "jsonschema", "tenacity"])
def test_what_is_loaded_is_seen(module: str) -> None:
    assert module in loaded_by(f"import {module}")


def test_a_folder_needs_no_client_of_a_service(tmp_path: Path) -> None:
    words = ["list", f"file://{tmp_path}/store", "--archive-dir", f"{tmp_path}/cache"]
    (tmp_path / "store").mkdir()
    code = f"from tiered.cli.main import main; assert main({words!r}) == 12"
    assert loaded_by(code) == set()
