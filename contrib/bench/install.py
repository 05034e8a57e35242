"""Programs to compare with, put into build/; the system stays as it is.

Debian's programs are used where the system has them, and otherwise unpacked from
their packages into a folder.  restic comes from Debian's development branch
("sid"), because the one of a stable release is years older, and from Debian as it
is installed here if that fails.  For both, apt works with a configuration and
lists of its own; the addresses are those the system already uses.

borg is built from PyPI in an environment of its own; the headers it needs are
unpacked like the programs.  duplicity is the one that the tests use.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
BUILD: Final = ROOT / "build"

_BORG_NEEDS: Final = (
    *("libacl1-dev", "libacl1", "liblz4-dev", "liblz4-1", "libzstd-dev", "libzstd1"),
    *("libxxhash-dev", "libxxhash0", "libssl-dev", "libssl3"),
)


class Missing(Exception):
    """This program cannot be had here; the text says why."""


@cache
def require(program: str, package: str) -> Path:
    """A program of the system, or of this Debian release's package.

    Raises:
        Missing: There is neither.
    """
    if found := shutil.which(program):
        return Path(found)
    unpacked = BUILD / "bench/debian" / package
    if not (unpacked / "usr/bin" / program).exists():
        _unpack(_system_apt(), [package], unpacked)
    return unpacked / "usr/bin" / program


@cache
def restic() -> Path:
    """From sid, or else from this Debian release.

    Raises:
        Missing: There is neither.
    """
    unpacked = BUILD / "bench/sid/restic"
    program = unpacked / "usr/bin/restic"
    try:
        if not program.exists():
            _unpack(_sid_apt(), ["restic"], unpacked)
        version(program, "version")  # it may need a newer C library
    except Missing:
        return require("restic", "restic")
    return program


@cache
def nginx() -> tuple[Path, Path]:
    """A light WebDAV server: the program, and the module for listings.

    Raises:
        Missing: It could not be downloaded, or does not run.
    """
    folder = BUILD / "bench/debian/nginx"
    program = folder / "usr/sbin/nginx"
    if not program.exists():
        _unpack(_system_apt(), ["nginx", "libnginx-mod-http-dav-ext"], folder)
    version(program, "-v")
    return program, folder / "usr/lib/nginx/modules/ngx_http_dav_ext_module.so"


@cache
def borg() -> Path:
    """From PyPI, with contrib/bench/borg.lock.

    Raises:
        Missing: It could not be downloaded or built.
    """
    folder, lock = BUILD / "borg", ROOT / "contrib/bench/borg.lock"
    made_from = folder / "made-from.lock"
    if made_from.exists() and made_from.read_text() == lock.read_text():
        return folder / "bin/borg"
    headers = BUILD / "bench/debian/borg-needs"
    _unpack(_system_apt(), _BORG_NEEDS, headers)
    libraries = next((headers / "usr/lib").glob("*/libacl.so")).parent
    include = headers / "usr/include"
    places = {
        "CPATH": f"{include}:{include / libraries.name}",
        "LIBRARY_PATH": str(libraries),
        "PKG_CONFIG_PATH": str(libraries / "pkgconfig"),
        "PKG_CONFIG_SYSROOT_DIR": str(headers),
    }
    _run([sys.executable, "-m", "venv", "--clear", folder])
    pip = ("-m", "pip", "install", "-qq", "--disable-pip-version-check")
    _run([folder / "bin/python", *pip, "--require-hashes", "-r", lock], places)
    shutil.copy(lock, made_from)
    return folder / "bin/borg"


def duplicity() -> Path:
    """As tests/duplicity.lock has it; `make bench` and `make test` install it.

    Raises:
        Missing: Neither has been run.
    """
    program = BUILD / "duplicity/bin/duplicity"
    if not program.exists():
        raise Missing("build/duplicity is not there; `make bench` makes it")
    return program


def version(program: Path, word: str = "--version") -> str:
    """The first line it prints.

    Raises:
        Missing: It does not run.
    """
    return says(program, word).strip().split("\n")[0]


@cache
def says(program: Path, *words: str) -> str:
    """All that it prints when called like this.

    Raises:
        Missing: It does not run.
    """
    return _run([program, *words])


@cache
def _system_apt() -> tuple[str, ...]:
    """apt-get with this system's sources, and lists of our own."""
    return _apt(BUILD / "bench/debian/apt", ())


@cache
def _sid_apt() -> tuple[str, ...]:
    folder = BUILD / "bench/sid/apt"
    form = "$(REPO_URI)|$(ORIGIN)|$(CODENAME)"
    targets = _run([*_system_apt(), "indextargets", "--format", form]).split()
    for target in targets:
        address, origin, codename = target.split("|")
        if origin == "Debian" and "-" not in codename:
            break
    else:
        raise Missing("apt knows no archive of Debian")
    folder.mkdir(parents=True, exist_ok=True)
    sources = folder / "sources.list"
    keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
    sources.write_text(f"deb [signed-by={keys}] {address} sid main\n")
    return _apt(
        folder,
        ("-o", f"Dir::Etc::SourceList={sources}", "-o", "Dir::Etc::SourceParts=-"),
    )


def _apt(folder: Path, sources: Sequence[str]) -> tuple[str, ...]:
    for part in ("lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    command = (
        *("apt-get", "-qq", "-o", "Acquire::Languages=none", *sources),
        *("-o", f"Dir::State::Lists={folder / 'lists'}"),
        *("-o", f"Dir::Cache={folder / 'cache'}", "-o", "APT::Sandbox::User="),
    )
    _run([*command, "update"])
    return command


def _unpack(apt: Sequence[str], packages: Sequence[str], folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    new = folder.with_name(folder.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    _run([*apt, "download", *packages], folder=new)
    for file in sorted(new.glob("*.deb")):
        _run(["dpkg-deb", "-x", file, new])
        file.unlink()
    new.rename(folder)


def _run(
    words: Sequence[str | Path],
    more: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> str:
    """What it prints.

    Raises:
        Missing: It failed, or is not there.
    """
    name = Path(words[0]).name
    try:
        done = subprocess.run(
            words,
            check=False,
            capture_output=True,
            text=True,
            cwd=folder,
            env={**os.environ, **(more or {})},
            stdin=subprocess.DEVNULL,
        )
    except OSError as e:
        raise Missing(f"{name} does not run: {e.strerror}") from e
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().split("\n")[-1]
        said = re.sub(r"\w+://\S+", "...", said)  # the table names no registry
        raise Missing(f"{name} ended with status {done.returncode}: {said[:200]}")
    return done.stdout
