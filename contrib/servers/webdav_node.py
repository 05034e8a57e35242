"""A WebDAV server on 127.0.0.1: wsgidav, with a password.

Users `basic` and `digest`, each logging in in that way, password `se cret`; behind
`--certificate` it speaks TLS.
"""

import argparse
import sys
from pathlib import Path

from cheroot.ssl.builtin import BuiltinSSLAdapter
from cheroot.wsgi import Server
from wsgidav.wsgidav_app import WsgiDAVApp

from contrib.servers.parent import end_with_parent


def make_app(data: Path, login: str) -> WsgiDAVApp:
    """The application; `login` is "basic" or "digest", and the name of the user."""
    return WsgiDAVApp(
        {
            "provider_mapping": {"/": str(data)},
            "simple_dc": {"user_mapping": {"*": {login: {"password": "se cret"}}}},
            "http_authenticator": {
                "accept_basic": login == "basic",
                "accept_digest": login == "digest",
                "default_to_digest": login == "digest",
            },
            "verbose": 0,
            "logging": {"enable": False},
        }
    )


def main(argv: list[str]) -> None:
    cli = argparse.ArgumentParser(prog="webdav_node", description=__doc__)
    cli.add_argument("--port", type=int, required=True)
    cli.add_argument("--data", type=Path, required=True)
    cli.add_argument("--login", choices=["basic", "digest"], default="basic")
    cli.add_argument("--certificate", help="PEM file, key included")
    cli.add_argument("--with-parent", action="store_true", help="end when it ends")
    options = cli.parse_args(argv)
    if options.with_parent:
        end_with_parent()
    app = make_app(options.data, options.login)
    server = Server(("127.0.0.1", options.port), app, numthreads=10)
    if options.certificate:
        server.ssl_adapter = BuiltinSSLAdapter(options.certificate, options.certificate)
    server.start()


if __name__ == "__main__":
    main(sys.argv[1:])
