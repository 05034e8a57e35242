"""One store against a router over three, each behind a line of 40 MB/s.

    python -m contrib.bench.routers [--gib 1] [--rounds 3] [--out OUT]

The stores are WebDAV servers on this machine, whose folders lie in memory: nginx, as
it leaves most of the processor to what is measured.  The source is random bytes, so as
many are stored as are read.  Works, in this order, all of them again in each round: a
`full` backup to `one` store, to a `mirror` of three and to a `stripe` over three;
`restore` from the one and from the stripe.  Encryption is on.  What was restored is
compared with the source.
"""

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from json import dumps
from pathlib import Path
from statistics import median
from typing import Final

from contrib.bench.install import BUILD, ROOT, nginx
from contrib.bench.measure import Command, CommandFailed, Cost, measure
from contrib.bench.rounds import new_folder
from contrib.bench.sheet import Row, new_sheet
from contrib.bench.site import Site, new_site

BYTES_PER_S: Final = 40e6
STORES: Final = 3
WORKS: Final = (
    ("full", "one"),
    ("full", "mirror"),
    ("full", "stripe"),
    ("restore", "one"),
    ("restore", "stripe"),
)
KINDS: Final = ("one", "mirror", "stripe")
_BIN: Final = Path(sys.executable).parent
_PATIENCE_S: Final = 30.0


def make_source(folder: Path, size: int, files: int) -> None:
    """Random bytes in files of equal size."""
    folder.mkdir()
    for number in range(files):
        with (folder / f"{number:04}.bin").open("wb") as file:
            left = size // files
            while left:
                left -= file.write(os.urandom(min(left, 1 << 20)))


@dataclass(frozen=True, slots=True)
class Stores:
    """Ports of their lines, and the folders of the servers."""

    ports: Sequence[int]
    folders: Sequence[Path]

    def url(self, kind: str, site: Site) -> str:
        """What `tiered` is given; a router's config is written."""
        urls = [f"webdav://127.0.0.1:{port}/{kind}" for port in self.ports]
        for folder in self.folders:
            (folder / kind).mkdir(exist_ok=True)
        if kind == "one":
            return urls[0]
        config = site.root / f"{kind}.json"
        config.write_text(dumps([{"url": url} for url in urls]))
        return f"multi://{config}?mode={kind}&onfail=abort"

    def empty(self) -> None:
        for folder in self.folders:
            for path in folder.iterdir():
                shutil.rmtree(path)


@contextmanager
def new_stores(folder: Path, bytes_per_s: float) -> Iterator[Stores]:
    """Servers below `folder`, each behind a line."""
    ports, servers = _free_ports(STORES), _free_ports(STORES)
    folders = [folder / f"store{number}" for number in range(STORES)]
    with ExitStack() as stack:
        for path, port in zip(folders, servers, strict=True):
            stack.enter_context(_running(new_server(path, port)))
        pairs = [f"{p}:{s}" for p, s in zip(ports, servers, strict=True)]
        width = f"--bytes-per-s={bytes_per_s}"
        line = [sys.executable, "-m", "contrib.bench.line", *pairs, width]
        stack.enter_context(_running(line))
        for port in (*servers, *ports):
            _await_open(port)
        yield Stores(ports, [path / "stored" for path in folders])


_SERVER: Final = """
load_module {module};
{user}
worker_processes 1;
daemon off;
pid {folder}/pid;
error_log {folder}/log;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_max_body_size 0;
  client_body_buffer_size 1m;
  sendfile on;
  {places}
  server {{
    listen 127.0.0.1:{port};
    root {folder}/stored;
    location / {{
      dav_methods PUT DELETE MKCOL MOVE;
      dav_ext_methods PROPFIND OPTIONS;
    }}
  }}
}}
"""


def new_server(folder: Path, port: int) -> Sequence[str | Path]:
    """Make its folders; the command that serves `stored`.

    Raises:
        Missing: There is no such program here.
    """
    program, module = nginx()
    (folder / "stored").mkdir(parents=True)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    user = "" if os.getuid() else "user root;"
    words = {"module": module, "user": user, "places": places}
    config = folder / "nginx.conf"
    config.write_text(_SERVER.format(folder=folder, port=port, **words))
    return [program, "-c", config, "-p", folder, "-e", folder / "log"]


class Run:
    """All works, round by round."""

    def __init__(self, site: Site, stores: Stores, source: Path, memory: Path) -> None:
        self._site, self._stores = site, stores
        self._source, self._memory = source, memory

    def round(
        self, number: int, kinds: Sequence[str], more: Sequence[str]
    ) -> Iterator[Row]:
        """Rows, from empty stores on.

        Args:
            number: Of this round.
            kinds: Of stores.
            more: Options for each backup.
        """
        self._stores.empty()
        shutil.rmtree(self._site.cache, ignore_errors=True)
        for kind in kinds:
            self._tiered(kind, "key", "init", self._stores.url(kind, self._site))
        for work, kind in WORKS:
            if kind not in kinds:
                continue
            cost = self._do(work, kind, more)
            yield {
                "round": number,
                "work": work,
                "stores": kind,
                "wall_s": round(cost.wall_s, 3),
                "cpu_s": round(cost.cpu_s, 3),
                "peak_mib": round(cost.together_mib, 1),
                "load": round(os.getloadavg()[0], 1),
            }

    def _do(self, work: str, kind: str, more: Sequence[str]) -> Cost:
        url = self._stores.url(kind, self._site)
        if work == "full":
            return self._tiered(kind, "full", self._source, url, *more)
        with new_folder(self._memory) as folder:
            target = folder / "restored"
            cost = self._tiered(kind, "restore", url, target)
            same = ["diff", "--recursive", self._source, target]
            if subprocess.run(same, check=False, capture_output=True).returncode:
                raise CommandFailed(f"what was restored from the {kind} differs")
        return cost

    def _tiered(self, kind: str, *words: str | Path) -> Cost:
        site = self._site
        where = ["--archive-dir", site.cache, "--name", kind, "--tempdir", self._memory]
        command = Command(words=[_BIN / "tiered", *words, *where])
        return measure([command], site.environment, site.root / "log")


def times(rows: Sequence[Row], work: str, stores: str) -> list[float]:
    """Seconds of one work, round by round."""
    return [r["wall_s"] for r in rows if (r["work"], r["stores"]) == (work, stores)]


def ratio(rows: Sequence[Row], work: str, stores: str) -> float | None:
    """Its time over that of the same work with one store: the median of the rounds."""
    both = zip(times(rows, work, stores), times(rows, work, "one"), strict=False)
    found = [several_s / one_s for several_s, one_s in both]
    return median(found) if found else None


@contextmanager
def _running(command: Sequence[str | Path]) -> Iterator[None]:
    """A server."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=ROOT, stdout=quiet, stderr=quiet)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _free_ports(count: int) -> Sequence[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def _await_open(port: int) -> None:
    until_s = time.monotonic() + _PATIENCE_S
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if time.monotonic() > until_s:
            raise CommandFailed(f"nothing listens on port {port}")
        time.sleep(0.05)


def _some(text: str) -> tuple[str, ...]:
    return tuple(kind for kind in KINDS if kind in text.split(","))


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="routers", description=__doc__)
    add = parser.add_argument
    add("--gib", type=float, default=1.0, help="of the source; default: 1")
    add("--files", type=int, default=64, help="of the source; default: 64")
    add("--rounds", type=int, default=3, help="default: 3")
    add("--stores", default=KINDS, type=_some, help="default: %(default)s")
    add("--bytes-per-s", type=float, default=BYTES_PER_S, help="default: %(default)g")
    add("--volsize", type=int, default=None, help="MiB; default: that of tiered")
    add("--out", type=Path, default=BUILD / "bench/last/routers.json")
    add("--folder", type=Path, default=BUILD / "bench/stores", help="for caches")
    add("--memory", type=Path, default=Path("/dev/shm"), help="for all files")
    options = parser.parse_args(arguments)
    sheet = new_sheet("routers", options.gib)
    size = int(options.gib * 2**30)
    sheet.facts = {
        "bytes": size,
        "files": options.files,
        "bytes_per_s": options.bytes_per_s,
    }
    more = [f"--volsize={options.volsize}"] if options.volsize else []
    with (
        new_folder(options.folder) as caches,
        new_folder(options.memory) as memory,
        new_site(caches / "site") as site,
        new_stores(memory, options.bytes_per_s) as stores,
    ):
        make_source(memory / "source", size, options.files)
        run = Run(site, stores, memory / "source", memory)
        for number in range(options.rounds):
            for row in run.round(number, options.stores, more):
                sheet.rows.append(row)
                sheet.write(options.out)
                print(row, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
