"""An FTP server on 127.0.0.1: pyftpdlib, user `user`, password `se cret`.

With `--certificate` it insists on TLS; with `--old` it has no MLSD, like vsftpd.
"""

import argparse
import sys
from pathlib import Path

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler, TLS_FTPHandler
from pyftpdlib.servers import ThreadedFTPServer

from contrib.servers.parent import end_with_parent


class ImplicitHandler(TLS_FTPHandler):
    """Says nothing before TLS."""

    def handle(self) -> None:
        self.secure_connection(self.ssl_context)

    def handle_ssl_established(self) -> None:
        TLS_FTPHandler.handle(self)


def main(argv: list[str]) -> None:
    cli = argparse.ArgumentParser(prog="ftp_node", description=__doc__)
    cli.add_argument("--port", type=int, required=True)
    cli.add_argument("--data", type=Path, required=True)
    cli.add_argument("--certificate", help="PEM file, key included")
    cli.add_argument("--implicit", action="store_true", help="TLS from the beginning")
    cli.add_argument("--old", action="store_true", help="without MLSD")
    cli.add_argument("--with-parent", action="store_true", help="end when it ends")
    options = cli.parse_args(argv)
    if options.with_parent:
        end_with_parent()

    kind = TLS_FTPHandler if options.certificate else FTPHandler
    if options.implicit:
        kind = ImplicitHandler
    secret = bool(options.certificate)
    kept = dict(kind.proto_cmds)
    if options.old:
        kept = {name: how for name, how in kept.items() if not name.startswith("MLS")}
    authorizer = DummyAuthorizer()
    authorizer.add_user("user", "se cret", str(options.data), perm="elradfmwMT")
    settings = {
        "authorizer": authorizer,
        "certfile": options.certificate,
        "tls_control_required": secret,
        "tls_data_required": secret,
        "proto_cmds": kept,
    }
    handler = type("Handler", (kind,), settings)  # its settings are attributes
    ThreadedFTPServer(("127.0.0.1", options.port), handler).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
