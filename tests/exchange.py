"""tiered and real duplicity side by side, on the same hot and cold folder.

Both run as programs, with a home, a GnuPG home and a cache of their own, so that
nothing of the machine is used and nothing stays behind.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

DUPLICITY = Path(__file__).parents[1] / "build/duplicity/bin/duplicity"
TIERED = Path(sys.executable).with_name("tiered")
PREFIXES = (
    "--file-prefix-manifest=hot_",
    "--file-prefix-signature=hot_",
    "--file-prefix-archive=cold_",
)
NO_KEY = "--no-encryption"
PASSPHRASE = "two words, and ü"


def require(program: Path) -> None:
    """Nothing is skipped: a suite without the real thing proves nothing."""
    if not program.exists():
        pytest.fail(f"{program} is missing; `make test` installs it", pytrace=False)


@dataclass(frozen=True, kw_only=True)
class Bench:
    """One archive, for both programs."""

    root: Path
    environment: Mapping[str, str]
    encrypted: bool

    @property
    def source(self) -> Path:
        return self.root / "source"

    @property
    def hot(self) -> Path:
        return self.root / "hot"

    @property
    def cold(self) -> Path:
        return self.root / "cold"

    @property
    def url(self) -> str:
        return f"multi://{self.root}/config.json?mode=mirror&onfail=abort"

    def tiered(self, *arguments: str, status: int = 0) -> str:
        """Run it; returns its standard output.  A new archive is of the other
        program's style.
        """
        style = ("--style=duplicity",)
        return self._run(TIERED, self.root / "cache-tiered", arguments, status, style)

    def duplicity(self, *arguments: str, status: int = 0) -> str:
        return self._run(DUPLICITY, self.root / "cache-duplicity", arguments, status)

    def run(self, writer: str, *arguments: str) -> str:
        return {"tiered": self.tiered, "duplicity": self.duplicity}[writer](*arguments)

    def names(self, folder: Path) -> list[str]:
        return sorted(p.name for p in folder.iterdir())

    def _run(
        self,
        program: Path,
        cache: Path,
        arguments: tuple[str, ...],
        status: int,
        more: tuple[str, ...] = (),
    ) -> str:
        require(program)
        options = [*PREFIXES, f"--archive-dir={cache}", "--name=archive", *more]
        options.append("--gpg-options=--s2k-count=65536" if self.encrypted else NO_KEY)
        done = subprocess.run(
            [program, *arguments, *options],
            env=self.environment,
            cwd=self.root,
            capture_output=True,
            check=False,
        )
        said = (done.stdout + done.stderr).decode("utf-8", "replace")
        assert done.returncode == status, f"{program.name} {arguments}\n{said}"
        return done.stdout.decode("utf-8", "replace")


@contextmanager
def bench(root: Path, *, encrypted: bool) -> Iterator[Bench]:
    for name in ("hot", "cold", "home", "tmp"):
        (root / name).mkdir()
    entries = [
        {"description": "hot", "url": f"file://{root}/hot", "prefixes": ["hot_"]},
        {"description": "cold", "url": f"file://{root}/cold", "prefixes": ["cold_"]},
    ]
    (root / "config.json").write_text(json.dumps(entries))
    # the names of the agent's sockets must be short
    gnupg = Path(tempfile.mkdtemp(prefix="tiered-"))
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(root / "home"),
        "GNUPGHOME": str(gnupg),
        "TMPDIR": str(root / "tmp"),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
    }
    if encrypted:
        environment["PASSPHRASE"] = PASSPHRASE
    try:
        yield Bench(root=root, environment=environment, encrypted=encrypted)
    finally:
        # duplicity's gpg starts an agent, which would outlive it
        subprocess.run(
            ["gpgconf", "--homedir", gnupg, "--kill", "all"], check=False, timeout=60
        )
        shutil.rmtree(gnupg, ignore_errors=True)
