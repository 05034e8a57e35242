"""The program on a machine of its own: in this process, or as a real one."""

import hashlib
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tiered.cli.main import main
from tiered.testing.tree import differences, snapshot

PROGRAM = Path(sys.executable).with_name("tiered")
PREFIXES = (
    *("--file-prefix-manifest", "hot_"),
    *("--file-prefix-signature", "hot_"),
    *("--file-prefix-archive", "cold_"),
)
HOT_COLD = """[
 {"description": "Cold storage", "url": "file://%(root)s/cold",
  "prefixes": ["cold_"]},
 {"description": "Hot storage", "url": "file://%(root)s/hot",
  "prefixes": ["hot_"]}
]"""
for_each_style = pytest.mark.parametrize("style", ["duplicity", "tiered"])
PASSPHRASE = "correct horse battery staple"


@dataclass(frozen=True, slots=True)
class Result:
    """How a command line ended."""

    status: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The message of the one error; fails if it is not as all must be."""
        lines = self.err.splitlines()
        errors = [line for line in lines if line.startswith("tiered: error: ")]
        hints = [line for line in lines if line.startswith("tiered: hint: ")]
        assert len(errors) == 1, self.err
        assert hints, self.err
        assert lines[-1].startswith("tiered: see docs/errors/"), self.err
        assert lines[-1].endswith(f".md (exit status {self.status})"), self.err
        assert "Traceback" not in self.err + self.out
        assert "a bug in tiered" not in self.err
        return errors[0].removeprefix("tiered: error: ")

    @property
    def code(self) -> str:
        """The name of the page that explains the error."""
        assert self.error
        page = self.err.splitlines()[-1].partition("docs/errors/")[2]
        return page.partition(".md")[0]

    def succeeded(self) -> "Result":
        assert self.status == 0, self.err
        assert "Traceback" not in self.err
        return self


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Stores, source, cache and temporary folder below one root."""

    root: Path
    config: str = HOT_COLD
    query: str = "mode=mirror&onfail=abort"
    options: tuple[str, ...] = ("--no-encryption",)
    folders: tuple[str, ...] = ("hot", "cold")
    env: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in (*self.folders, "source", "tmp"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        self.config_file.write_text(self.config % {"root": self.root})

    @property
    def config_file(self) -> Path:
        return self.root / "config.json"

    @property
    def url(self) -> str:
        return f"multi://{self.config_file}?{self.query}"

    @property
    def source(self) -> Path:
        return self.root / "source"

    @property
    def stores(self) -> tuple[Path, ...]:
        return tuple(self.root / name for name in self.folders)

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def tmp(self) -> Path:
        return self.root / "tmp"

    def fork(self, root: Path) -> "Machine":
        """A copy, to be broken.  Its source and its cache are the copied ones."""
        shutil.copytree(self.root, root, symlinks=True)
        return Machine(
            root=root,
            config=self.config,
            query=self.query,
            options=(*self.options, "--allow-source-mismatch"),
            folders=self.folders,
            env=self.env,
        )

    def line(self, *words: str | Path) -> list[str]:
        """A whole command line; of the words, URL and SOURCE are filled in."""
        known = {"URL": self.url, "SOURCE": str(self.source)}
        fixed = ("--name", "it", "--archive-dir", self.cache, "--tempdir", self.tmp)
        given = [known.get(str(w), str(w)) for w in words]
        return [*given, *PREFIXES, *map(str, fixed), *self.options]

    def run(self, *words: str | Path) -> Result:
        """In this process; the environment is that of the tests."""
        out, err = _Text(), _Text()
        with redirect_stdout(out), redirect_stderr(err):
            status = main(self.line(*words))
        return Result(status, out.getvalue(), err.getvalue())

    def start(
        self, *words: str | Path, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """As a process of its own, with the machine's `env` or this one."""
        mine = self.env if env is None else env
        return subprocess.Popen(
            [PROGRAM, *self.line(*words)],
            env={"PATH": os.environ["PATH"], "HOME": str(self.root), **mine},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def call(self, *words: str | Path, env: Mapping[str, str] | None = None) -> Result:
        """As a process of its own, to its end."""
        process = self.start(*words, env=env)
        out, err = process.communicate(timeout=120)
        return Result(process.returncode, out, err)

    def restores(self, *words: str | Path, to: str = "restored") -> list[str]:
        """Restore to a new place: how it differs from the source; [] if not."""
        target = self.root / to
        self.run("restore", "URL", target, *words).succeeded()
        return differences(snapshot(self.source), snapshot(target))

    def objects(self) -> set[str]:
        """Names of all objects, in whatever store."""
        return {p.name for s in self.stores if s.is_dir() for p in s.iterdir()}


class _Text(io.StringIO):
    """As a stream of the system: it has an encoding."""

    encoding = "utf-8"


def digests(*roots: Path) -> dict[str, str]:
    """Every file and folder below some roots, to see whether anything changed.

    Locks are left out: they are opened, and hold nothing.
    """
    return {
        str(path): _digest(path)
        for root in roots
        for path in sorted([root, *root.rglob("*")])
        if path.name != "lock" and path.suffix != ".lock"
    }


def _digest(path: Path) -> str:
    if not path.is_file():
        return "folder" if path.is_dir() else "nothing"
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
