"""A real OpenStack Keystone v3 on loopback, with SQLite.

Making the database and the accounts takes many seconds, so it is done once:

    build/openstack/bin/python -m contrib.servers.keystone_node prepare TEMPLATE

Each run works on a copy of the template, told where Keystone and Swift are:

    build/openstack/bin/python -m contrib.servers.keystone_node serve COPY \\
        --port PORT --swift-url http://127.0.0.1:PORT

There is a project `tiered` with a user `backup` (password `secret`), a service
user for Swift, an object-store endpoint in region GRA, and one EC2 key for the
S3 interface.  COPY/ids.json tells their ids.
"""

import argparse
import json
import os
import socketserver
import sqlite3
import subprocess
import sys
from pathlib import Path
from string import Template
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from contrib.servers.parent import end_with_parent

CONF: Final = Path(__file__).with_name("conf") / "keystone.conf"
REGION: Final = "GRA"
ADMIN_PASSWORD: Final = "admin"
ACCESS: Final = "tiered-access"
SECRET: Final = "tiered-secret"
KEYSTONE_URL: Final = "http://keystone.invalid/v3"
"""Stands in the template's catalogue until a run knows its port."""
SWIFT_URL: Final = "http://swift.invalid"


def main(argv: list[str]) -> None:
    cli = argparse.ArgumentParser(prog="keystone_node", description=__doc__)
    commands = cli.add_subparsers(dest="command", required=True)
    making = commands.add_parser("prepare")
    making.add_argument("state", type=Path)
    serving = commands.add_parser("serve")
    serving.add_argument("state", type=Path)
    serving.add_argument("--port", type=int, required=True)
    serving.add_argument("--swift-url", required=True)
    serving.add_argument("--with-parent", action="store_true", help="end when it ends")
    options = cli.parse_args(argv)
    if options.command == "prepare":
        prepare(options.state)
        return
    if options.with_parent:
        end_with_parent()
    serve(options.state, options.port, options.swift_url)


def prepare(state: Path) -> None:
    state.mkdir(parents=True)
    conf = _configure(state)
    for keys in ("fernet-keys", "credential-keys"):
        _write_keys(state / keys)
    _manage(conf, "db_sync")
    _manage(
        conf,
        "bootstrap",
        f"--bootstrap-password={ADMIN_PASSWORD}",
        f"--bootstrap-public-url={KEYSTONE_URL}",
        f"--bootstrap-internal-url={KEYSTONE_URL}",
        f"--bootstrap-region-id={REGION}",
    )
    ids = Provision(_application(state)).run()
    (state / "ids.json").write_text(json.dumps(ids))


def serve(state: Path, port: int, swift_url: str) -> None:
    _configure(state)
    _move_catalogue(state / "keystone.db", f"http://127.0.0.1:{port}/v3", swift_url)
    server = make_server(
        "127.0.0.1", port, _application(state), ThreadingServer, SilentHandler
    )
    server.serve_forever()


class ThreadingServer(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 128


class SilentHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


class Provision:
    """Makes the accounts through the REST interface, without a socket."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._token = ""

    def run(self) -> dict[str, str]:
        self._log_in()
        roles = {r["name"]: r["id"] for r in self._call("GET", "roles")["roles"]}
        service = self._project("service")
        swift = self._user("swift", "swift")
        self._grant(service, swift, roles["admin"])
        project = self._project("tiered")
        backup = self._user("backup", "secret")
        self._grant(project, backup, roles["member"])
        self._endpoint()
        self._ec2_key(project, backup)
        return {"project_id": project, "access": ACCESS, "secret": SECRET}

    def _log_in(self) -> None:
        domain = {"id": "default"}
        user = {"name": "admin", "domain": domain, "password": ADMIN_PASSWORD}
        body = {
            "auth": {
                "identity": {"methods": ["password"], "password": {"user": user}},
                "scope": {"project": {"name": "admin", "domain": domain}},
            }
        }
        self._token = self._send("POST", "auth/tokens", body).headers["X-Subject-Token"]

    def _project(self, name: str) -> str:
        body = {"project": {"name": name, "domain_id": "default"}}
        return str(self._call("POST", "projects", body)["project"]["id"])

    def _user(self, name: str, password: str) -> str:
        body = {"user": {"name": name, "domain_id": "default", "password": password}}
        return str(self._call("POST", "users", body)["user"]["id"])

    def _grant(self, project: str, user: str, role: str) -> None:
        self._send("PUT", f"projects/{project}/users/{user}/roles/{role}")

    def _endpoint(self) -> None:
        service = self._call(
            "POST", "services", {"service": {"name": "swift", "type": "object-store"}}
        )["service"]["id"]
        endpoint = {
            "service_id": service,
            "region_id": REGION,
            "interface": "public",
            "url": f"{SWIFT_URL}/v1/AUTH_$(project_id)s",
        }
        self._call("POST", "endpoints", {"endpoint": endpoint})

    def _ec2_key(self, project: str, user: str) -> None:
        credential = {
            "type": "ec2",
            "project_id": project,
            "user_id": user,
            "blob": json.dumps({"access": ACCESS, "secret": SECRET}),
        }
        self._call("POST", "credentials", {"credential": credential})

    def _call(self, method: str, path: str, body: object = None) -> Any:
        return json.loads(self._send(method, path, body).body)

    def _send(self, method: str, path: str, body: object = None) -> Any:
        from webob import Request

        request = Request.blank(f"/v3/{path}", method=method)
        request.headers["X-Auth-Token"] = self._token
        if body is not None:
            request.content_type = "application/json"
            request.body = json.dumps(body).encode()
        response = request.get_response(self._application)
        if response.status_code >= 400:
            raise RuntimeError(f"{method} {path}: {response.status} {response.text}")
        return response


def _configure(state: Path) -> Path:
    conf = (state / "keystone.conf").resolve()
    text = Template(CONF.read_text()).substitute(state=conf.parent)
    conf.write_text(text)
    return conf


def _write_keys(repository: Path) -> None:
    """What `keystone-manage *_setup` does, which takes seconds for 88 bytes."""
    from cryptography.fernet import Fernet

    repository.mkdir(mode=0o700)
    for number in ("0", "1"):
        key = repository / number
        key.touch(mode=0o600)
        key.write_bytes(Fernet.generate_key())


def _manage(conf: Path, *command: str) -> None:
    program = Path(sys.executable).with_name("keystone-manage")
    subprocess.run([program, "--config-file", conf, *command], check=True)


def _application(state: Path) -> Any:
    conf = (state / "keystone.conf").resolve()
    os.environ["OS_KEYSTONE_CONFIG_DIR"] = str(conf.parent)
    os.environ["OS_KEYSTONE_CONFIG_FILES"] = str(conf)
    sys.argv[1:] = []  # Keystone parses the command line of its process
    from keystone.server.wsgi import initialize_public_application

    return initialize_public_application()


def _move_catalogue(database: Path, keystone_url: str, swift_url: str) -> None:
    """Tell the copy where the servers of this run are.

    Written into the database: through the interface it would need a running
    server, and the catalogue would be wrong until then.
    """
    with sqlite3.connect(database) as connection:
        for old, new in ((KEYSTONE_URL, keystone_url), (SWIFT_URL, swift_url)):
            connection.execute(
                "UPDATE endpoint SET url = replace(url, ?, ?)", (old, new)
            )


if __name__ == "__main__":
    main(sys.argv[1:])
