"""The programs that are compared: how each is installed, and its commands.

Every program works in a `Site` of its own: a folder as store, caches and home.
Where a program knows an encryption it is on, unless its name says otherwise.
Where the same program stands here twice, the settings differ.
"""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, Protocol

from contrib.bench import install
from contrib.bench.measure import Command
from contrib.bench.site import Site


class Peer(Protocol):
    """One program with one choice of settings.

    Each verb answers the commands that do it: none if the program cannot.
    """

    @property
    def name(self) -> str: ...

    @property
    def settings(self) -> str:
        """For readers: settings that are not the default, and the origin."""

    def prepare(self) -> str:
        """Install it if needed; its version.

        Raises:
            Missing: It cannot be had.
        """

    def init(self, site: Site) -> Sequence[Command]: ...

    def full(self, site: Site, source: Path) -> Sequence[Command]: ...

    def incremental(self, site: Site, source: Path) -> Sequence[Command]:
        """Also what is run when nothing has changed."""

    def list(self, site: Site) -> Sequence[Command]:
        """The files of the newest state."""

    def restore(self, site: Site, target: Path) -> Sequence[Command]:
        """Everything, newest state, into a folder that is there and empty."""

    def restore_one(self, site: Site, path: str, target: Path) -> Sequence[Command]:
        """One file, into the same kind of folder; its place below is not said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiered:
    """This checkout's, run by this Python."""

    name: str
    settings: str
    style: str
    encrypted: bool = True

    def prepare(self) -> str:
        shown = install.version(self._program)
        if self.style != "duplicity" and not self._has_styles:
            raise install.Missing(f"{shown} writes style duplicity only")
        return shown

    def init(self, site: Site) -> Sequence[Command]:
        if self.style == "duplicity" or not self.encrypted:
            return ()
        return self._command(site, "key", "init", self._url(site))

    def full(self, site: Site, source: Path) -> Sequence[Command]:
        return self._command(site, "full", source, self._url(site), *self._styled)

    def incremental(self, site: Site, source: Path) -> Sequence[Command]:
        return self._command(site, "incremental", source, self._url(site))

    def list(self, site: Site) -> Sequence[Command]:
        return self._command(site, "list", self._url(site))

    def restore(self, site: Site, target: Path) -> Sequence[Command]:
        return self._command(site, "restore", self._url(site), target)

    def restore_one(self, site: Site, path: str, target: Path) -> Sequence[Command]:
        place = target / Path(path).name
        return self._command(site, "restore", "-r", path, self._url(site), place)

    @property
    def _program(self) -> Path:
        return Path(sys.executable).with_name("tiered")

    @property
    def _has_styles(self) -> bool:
        return "--style" in install.says(self._program, "--help")

    @property
    def _styled(self) -> tuple[str, ...]:
        return ("--style", self.style) if self._has_styles else ()

    def _url(self, site: Site) -> str:
        return f"file://{site.store}"

    def _command(self, site: Site, *words: str | Path) -> Sequence[Command]:
        options: list[str | Path] = ["--archive-dir", site.cache, "--name", "bench"]
        if not self.encrypted:
            options.append("--no-encryption")
        return (Command(words=[self._program, *words, *options]),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restic:
    """restic from Debian's development branch, or else from this release."""

    name: str
    settings: str
    options: tuple[str, ...] = ()
    """For every command."""
    backup_options: tuple[str, ...] = ()

    def prepare(self) -> str:
        shown = install.version(install.restic(), "version")
        known = install.says(install.restic(), "backup", "--help")
        words = (*self.options, *self.backup_options)
        if unknown := [w for w in words if not w.isdigit() and w not in known]:
            raise install.Missing(f"{shown[:13]} does not know {' '.join(unknown)}")
        return " ".join(shown.split()[:2])

    def init(self, site: Site) -> Sequence[Command]:
        return self._command("init")

    def full(self, site: Site, source: Path) -> Sequence[Command]:
        return self._command("backup", *self.backup_options, ".", folder=source)

    def incremental(self, site: Site, source: Path) -> Sequence[Command]:
        return self.full(site, source)

    def list(self, site: Site) -> Sequence[Command]:
        return self._command("ls", "latest")

    def restore(self, site: Site, target: Path) -> Sequence[Command]:
        return self._command("restore", "latest", "--target", target)

    def restore_one(self, site: Site, path: str, target: Path) -> Sequence[Command]:
        return self._command(
            *("restore", "latest", "--include", f"/{path}", "--target", target)
        )

    def _command(
        self, *words: str | Path, folder: Path | None = None
    ) -> Sequence[Command]:
        all_words = [install.restic(), "--quiet", *self.options, *words]
        return (Command(words=all_words, folder=folder),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Borg:
    """borg 1.4 from PyPI, with keys in the repository and BLAKE2b."""

    name: str
    settings: str
    compression: str

    def prepare(self) -> str:
        return install.version(install.borg())

    def init(self, site: Site) -> Sequence[Command]:
        return self._command("init", "--encryption", "repokey-blake2")

    def full(self, site: Site, source: Path) -> Sequence[Command]:
        options = ("--compression", self.compression)
        name = f"::{site.new_name()}"
        return self._command("create", *options, name, ".", folder=source)

    def incremental(self, site: Site, source: Path) -> Sequence[Command]:
        return self.full(site, source)

    def list(self, site: Site) -> Sequence[Command]:
        return self._command("list", f"::{site.newest_name}")

    def restore(self, site: Site, target: Path) -> Sequence[Command]:
        return self._command("extract", f"::{site.newest_name}", folder=target)

    def restore_one(self, site: Site, path: str, target: Path) -> Sequence[Command]:
        name = f"::{site.newest_name}"
        return self._command("extract", name, path, folder=target)

    def _command(self, *words: str, folder: Path | None = None) -> Sequence[Command]:
        return (Command(words=[install.borg(), *words], folder=folder),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicity:
    """duplicity from PyPI, with the defaults: GnuPG, volumes of 200 MiB."""

    name: str
    settings: str
    encrypted: bool = True

    def prepare(self) -> str:
        words = install.version(install.duplicity()).split()
        return " ".join(words[:2])

    def init(self, site: Site) -> Sequence[Command]:
        return ()

    def full(self, site: Site, source: Path) -> Sequence[Command]:
        return self._command(site, "full", source, self._url(site))

    def incremental(self, site: Site, source: Path) -> Sequence[Command]:
        return self._command(site, "incremental", source, self._url(site))

    def list(self, site: Site) -> Sequence[Command]:
        return self._command(site, "list-current-files", self._url(site))

    def restore(self, site: Site, target: Path) -> Sequence[Command]:
        # --force, because the folder is there
        return self._command(site, "restore", "--force", self._url(site), target)

    def restore_one(self, site: Site, path: str, target: Path) -> Sequence[Command]:
        options = ("--path-to-restore", path)
        place = target / Path(path).name
        return self._command(site, "restore", *options, self._url(site), place)

    def _url(self, site: Site) -> str:
        return f"file://{site.store}"

    def _command(self, site: Site, *words: str | Path) -> Sequence[Command]:
        options: list[str | Path] = ["--archive-dir", site.cache, "--name", "bench"]
        if not self.encrypted:
            options.append("--no-encryption")
        return (Command(words=[install.duplicity(), *words, *options]),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """`tar | zstd -3 -T2 | age`: one file, always whole; no index, no check."""

    name: str
    settings: str

    def prepare(self) -> str:
        age = install.version(install.require("age", "age"))
        zstd = install.version(install.require("zstd", "zstd"))
        number = next(w for w in zstd.split() if w.startswith("v"))
        return f"age {age}, zstd {number.strip('v,')}"

    def init(self, site: Site) -> Sequence[Command]:
        keygen = install.require("age-keygen", "age")
        return (Command(words=[keygen, "-o", self._key(site)]),)

    def full(self, site: Site, source: Path) -> Sequence[Command]:
        script = 'tar -cf - . | "$zstd" -q -3 -T2 | "$age" -e -i "$key" >"$file"'
        return self._script(site, script, source)

    def incremental(self, site: Site, source: Path) -> Sequence[Command]:
        return ()

    def list(self, site: Site) -> Sequence[Command]:
        return self._script(site, f"{self._OPEN} | tar -tf -", site.root)

    def restore(self, site: Site, target: Path) -> Sequence[Command]:
        return self._script(site, f"{self._OPEN} | tar -xpf -", target)

    def restore_one(self, site: Site, path: str, target: Path) -> Sequence[Command]:
        return self._script(site, f'{self._OPEN} | tar -xpf - "./$1"', target, path)

    _OPEN: ClassVar[str] = '"$age" -d -i "$key" "$file" | "$zstd" -q -d'

    def _key(self, site: Site) -> Path:
        return site.root / "home/key"

    def _script(
        self, site: Site, text: str, folder: Path, *words: str
    ) -> Sequence[Command]:
        names = {
            "age": install.require("age", "age"),
            "zstd": install.require("zstd", "zstd"),
            "key": self._key(site),
            "file": site.store / "archive.tar.zst.age",
        }
        lines = [f"{name}={shlex.quote(str(value))}" for name, value in names.items()]
        script = "; ".join([*lines, text])
        bash = ["bash", "-o", "pipefail", "-c", script, "bash", *words]
        return (Command(words=bash, folder=folder),)


_PYPI: Final = "PyPI, in an environment of its own"
_SID: Final = "Debian's development branch"
_FAST: Final = (
    *("--no-scan", "--no-extra-verify", "--read-concurrency", "4"),
    *("--pack-size", "64"),
)

PEERS: Final[Sequence[Peer]] = (
    Tiered(
        name="tiered", settings="style tiered, encrypted; this checkout", style="tiered"
    ),
    Tiered(
        name="tiered-dup",
        settings="style duplicity, GnuPG; this checkout",
        style="duplicity",
    ),
    Tiered(
        name="tiered-dup-plain",
        settings="style duplicity, gzip, not encrypted; this checkout",
        style="duplicity",
        encrypted=False,
    ),
    Restic(name="restic", settings=f"default; {_SID}"),
    Restic(
        name="restic-fast",
        settings=f"compression fastest, packs of 64 MiB, no scan, no extra check, "
        f"4 readers; {_SID}",
        options=("--compression", "fastest"),
        backup_options=_FAST,
    ),
    Restic(
        name="restic-off",
        settings=f"as restic-fast, but no compression; {_SID}",
        options=("--compression", "off"),
        backup_options=_FAST,
    ),
    Borg(name="borg-lz4", settings=f"BLAKE2b, lz4; {_PYPI}", compression="lz4"),
    Borg(name="borg-zstd", settings=f"BLAKE2b, zstd 3; {_PYPI}", compression="zstd,3"),
    Duplicity(name="duplicity", settings=f"default: GnuPG; {_PYPI}"),
    Duplicity(
        name="duplicity-plain", settings=f"not encrypted; {_PYPI}", encrypted=False
    ),
    Pipeline(name="tar-zstd-age", settings="tar, zstd -3 -T2, age; Debian"),
)
"""`tiered` first; a table keeps this order."""


def family(name: str) -> str:
    """Programs that differ in their settings only; the encrypted ones, mostly."""
    return name.split("-", 1)[0]
