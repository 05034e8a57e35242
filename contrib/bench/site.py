"""Where one program works: a store, caches and a home of its own."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PASSPHRASE: Final = "only for the benchmark"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where one program keeps everything; nothing outside of it is used."""

    root: Path
    gnupg: Path
    """Apart, because the names of an agent's sockets must be short."""

    @property
    def store(self) -> Path:
        return self.root / "store"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root / "home"),
            "GNUPGHOME": str(self.gnupg),
            "TMPDIR": str(self.root / "tmp"),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "PASSPHRASE": _PASSPHRASE,
            "RESTIC_PASSWORD": _PASSPHRASE,
            "RESTIC_REPOSITORY": str(self.store),
            "RESTIC_CACHE_DIR": str(self.cache),
            "BORG_PASSPHRASE": _PASSPHRASE,
            "BORG_REPO": str(self.store),
            "BORG_BASE_DIR": str(self.cache),
        }

    @property
    def newest_name(self) -> str:
        """For programs whose backups need names: the last one that was given."""
        return f"backup{len(self._names.read_bytes())}"

    def new_name(self) -> str:
        with self._names.open("ab") as names:
            names.write(b".")
        return self.newest_name

    @property
    def _names(self) -> Path:
        return self.root / "names"

    def make(self) -> None:
        for folder in (self.store, self.cache, self.root / "home", self.root / "tmp"):
            folder.mkdir(parents=True)

    def stored_bytes(self) -> int:
        """Sizes of all files in the store."""
        files = (p for p in self.store.rglob("*") if p.is_file())
        return sum(p.stat().st_size for p in files)


@contextmanager
def new_site(root: Path) -> Iterator[Site]:
    """A site in a folder that is not there yet; gone at the end."""
    gnupg = Path(tempfile.mkdtemp(prefix="tiered-bench-"))
    site = Site(root=root, gnupg=gnupg)
    try:
        site.make()
        yield site
    finally:
        # duplicity's gpg starts an agent, which would outlive it
        with suppress(OSError):
            subprocess.run(
                ["gpgconf", "--homedir", gnupg, "--kill", "all"],
                check=False,
                capture_output=True,
            )
        shutil.rmtree(gnupg, ignore_errors=True)
        shutil.rmtree(root)
