"""A real OpenStack Swift on loopback: four servers in one process.

Needs no root, no /etc/swift, no memcached, no rsync.  Storage policies are PCS
(the default, hot) and PCA (cold, through `contrib.pca`).  Runs in the
foreground until SIGTERM, then removes the objects:

    build/openstack/bin/python -m contrib.servers.swift_node \\
        --state DIR --objects /dev/shm/NEW --port PORT --keystone URL

The objects must lie on a file system with room for user xattrs (tmpfs, XFS):
ext4 gives an object 4 kB, which a long metadata header exceeds.

One process instead of four starts in half the time and a quarter of the
memory.  The servers behind the proxy take whatever ports are free.
"""

import argparse
import getpass
import logging
import os
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from string import Template
from types import FrameType
from typing import Any, Final

import eventlet
import eventlet.wsgi
import swift.common.utils as swift_utils

from contrib.servers.parent import end_with_parent

CONF: Final = Path(__file__).with_name("conf")
RINGS: Final = {
    "object": ("object", "object-1"),  # one ring for each storage policy
    "container": ("container",),
    "account": ("account",),
}
DEVICE: Final = "d1"
PARTITIONS_POWER: Final = 4
CONNECTIONS_MAX: Final = 1024


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the command line says; the names are those of the options."""

    state: Path
    objects: Path
    port: int
    keystone: str
    clock_file: Path
    thaw_delay_s: float
    thaw_life_s: float
    seal_delay_s: float
    keep_objects: bool
    with_parent: bool


def parse(argv: list[str]) -> Options:
    cli = argparse.ArgumentParser(prog="swift_node", description=__doc__)
    cli.add_argument("--state", type=Path, required=True, help="configuration, logs")
    cli.add_argument("--objects", type=Path, required=True, help="removed at the end")
    cli.add_argument("--port", type=int, required=True, help="of the proxy server")
    cli.add_argument("--keystone", required=True, help="http://127.0.0.1:PORT/v3")
    cli.add_argument("--clock-file", type=Path, help="default: STATE/clock")
    cli.add_argument("--thaw-delay-s", type=float, default=14313.0)
    cli.add_argument("--thaw-life-s", type=float, default=86400.0)
    cli.add_argument("--seal-delay-s", type=float, default=0.0)
    cli.add_argument("--keep-objects", action="store_true")
    cli.add_argument("--with-parent", action="store_true", help="end when it ends")
    found = vars(cli.parse_args(argv))
    found["clock_file"] = found["clock_file"] or found["state"] / "clock"
    return Options(**found)


def main(argv: list[str]) -> None:
    options = parse(argv)
    _end_cleanly(options)
    if options.with_parent:
        end_with_parent()
    (options.objects / DEVICE).mkdir(parents=True, exist_ok=True)
    options.state.mkdir(parents=True, exist_ok=True)
    _log_to_stderr()
    sockets = {kind: eventlet.listen(("127.0.0.1", 0)) for kind in RINGS}
    sockets["proxy"] = eventlet.listen(("127.0.0.1", options.port), backlog=4096)
    _write_configuration(options, sockets)
    _read_policies(options.state)
    swift_utils.monkey_patch()
    for kind, socket in sockets.items():
        _spawn(kind, socket, options.state / f"{kind}-server.conf")
    eventlet.hubs.get_hub().switch()


def _end_cleanly(options: Options) -> None:
    def end(number: int, frame: FrameType | None) -> None:
        if not options.keep_objects:
            shutil.rmtree(options.objects, ignore_errors=True)
        os._exit(0)  # an exception would end one green thread only

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)


def _log_to_stderr() -> None:
    """Swift can log to a syslog only, and there is none."""
    stderr = logging.StreamHandler(sys.stderr)
    swift_utils.logs.ThreadSafeSysLogHandler = lambda *_, **__: stderr


def _write_configuration(options: Options, sockets: dict[str, Any]) -> None:
    etc = options.state
    facts = {
        "etc": etc,
        "user": getpass.getuser(),
        "objects": options.objects,
        "keystone": options.keystone,
        "clock_file": options.clock_file,
        "states_file": etc / "states.json",
        "request_log": etc / "requests.jsonl",
        "thaw_delay_s": options.thaw_delay_s,
        "thaw_life_s": options.thaw_life_s,
        "seal_delay_s": options.seal_delay_s,
    }
    _fill("swift.conf", etc / "swift.conf", {})
    for kind, socket in sockets.items():
        port = socket.getsockname()[1]
        template = "storage-server.conf" if kind in RINGS else "proxy-server.conf"
        _fill(
            template,
            etc / f"{kind}-server.conf",
            facts | {"port": port, "kind": kind},
        )
        for ring in RINGS.get(kind, ()):
            _write_ring(etc / f"{ring}.ring.gz", port)


def _fill(template: str, path: Path, facts: dict[str, object]) -> None:
    path.write_text(Template((CONF / template).read_text()).substitute(facts))


def _write_ring(path: Path, port: int) -> None:
    from swift.common.ring import RingBuilder

    builder = RingBuilder(PARTITIONS_POWER, replicas=1, min_part_hours=1)
    builder.add_dev(
        {
            "id": 0,
            "region": 1,
            "zone": 1,
            "weight": 1.0,
            "ip": "127.0.0.1",
            "port": port,
            "replication_ip": "127.0.0.1",
            "replication_port": port,
            "device": DEVICE,
            "meta": "",
        }
    )
    builder.rebalance()
    builder.get_ring().save(str(path))


def _read_policies(etc: Path) -> None:
    """Make Swift believe our swift.conf.

    `swift_dir` moves the rings and the hash prefix.  Policies and constraints
    are read from /etc/swift when their modules are imported, so they are read
    once more.
    """
    from swift.common import constraints, storage_policy

    swift_utils.set_swift_dir(str(etc))
    storage_policy.reload_storage_policies()
    constraints.reload_constraints()


def _spawn(kind: str, socket: Any, conf: Path) -> None:
    from swift.common.wsgi import SwiftHttpProtocol, loadapp

    app = loadapp(str(conf), global_conf={"log_name": f"{kind}-server"})
    eventlet.spawn(
        eventlet.wsgi.server,
        socket,
        app,
        log=logging.getLogger("access"),  # silent: contrib.pca writes the log
        custom_pool=eventlet.GreenPool(CONNECTIONS_MAX),
        protocol=SwiftHttpProtocol,
        debug=False,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
