"""Google Cloud Storage on 127.0.0.1: fake-gcs-server, and what it leaves out.

fake-gcs-server believes everybody, keeps no condition of a resumable upload, and
takes damaged bytes.  What is added, as cloud.google.com/storage/docs has it:

  * a service account: `--key-file` is written, and the path /token of this server
    gives an access token for an assertion that this key has signed (RFC 7523);
    every other request needs such a token
  * `ifGenerationMatch` of a resumable upload is looked at when it begins and when
    it ends
  * bytes that do not have the md5Hash or crc32c that was announced are refused

POST /expire makes all tokens worthless.
"""

import argparse
import base64
import hashlib
import json
import secrets
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

import google_crc32c
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import jwt

from contrib.servers.parent import end_with_parent
from contrib.servers.relay import Answer, Request, ask, serve

ACCOUNT = "backup@tiered.iam.gserviceaccount.com"
AUDIENCE = "https://oauth2.googleapis.com/token"
"""Of an assertion, wherever it is sent to."""
TOKEN_LIFE_S = 3600


class Login:
    """One service account, and the tokens that it has been given."""

    def __init__(self, token_uri: str) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._tokens: set[str] = set()
        self._public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        self.key_file = json.dumps(
            {
                "type": "service_account",
                "project_id": "tiered",
                "private_key_id": "1",
                "private_key": private.decode(),
                "client_email": ACCOUNT,
                "token_uri": token_uri,
            }
        )

    def token(self, request: Request) -> Answer:
        """For a signed assertion."""
        said = parse_qs(request.body.decode()).get("assertion", [""])[0]
        try:
            claims: Mapping[str, Any] = jwt.decode(said, certs=self._public)
        except ValueError:
            claims = {}
        if (claims.get("iss"), claims.get("aud")) != (ACCOUNT, AUDIENCE):
            error = {"error": "invalid_grant", "error_description": "Bad signature."}
            return Answer(400, _JSON, json.dumps(error).encode())
        token = secrets.token_hex(16)
        self._tokens.add(token)
        told = {"access_token": token, "expires_in": TOKEN_LIFE_S}
        return Answer(200, _JSON, json.dumps(told).encode())

    def knows(self, request: Request) -> bool:
        said = request.headers.get("authorization", "").partition(" ")[2]
        return said in self._tokens

    def expire(self) -> None:
        self._tokens.clear()


@dataclass
class Upload:
    """A resumable upload that has begun."""

    bucket: str
    announced: Mapping[str, Any]
    condition: str
    """Of ifGenerationMatch; empty if there is none."""
    md5: Any = field(default_factory=lambda: hashlib.md5(usedforsecurity=False))
    crc32c: Any = field(default_factory=google_crc32c.Checksum)

    def add(self, body: bytes) -> None:
        self.md5.update(body)
        self.crc32c.update(body)

    def is_damaged(self) -> bool:
        """Were other bytes announced?"""
        told = {"md5Hash": self.md5, "crc32c": self.crc32c}
        return any(
            self.announced.get(name) not in (None, _base64(found.digest()))
            for name, found in told.items()
        )


class Filter:
    """In front of the server on `port`."""

    def __init__(self, port: int, login: Login) -> None:
        self._port, self._login = port, login
        self._uploads: dict[str, Upload] = {}
        self._ends = threading.Lock()

    def answer(self, request: Request) -> Answer:
        if request.path == "/token":
            return self._login.token(request)
        if request.path == "/expire":
            self._login.expire()
            return Answer(204)
        if not self._login.knows(request):
            return _error(401, "authError", "Invalid Credentials")
        if not request.path.startswith("/upload/storage/"):
            return ask(self._port, request)
        if request.query("upload_id"):
            return self._go_on(request)
        if request.query("uploadType") == "resumable":
            return self._begin(request)
        return self._put(request)

    def _put(self, request: Request) -> Answer:
        """Metadata and bytes in one request."""
        kind = request.headers["content-type"]
        edge = b"--" + kind.rpartition("boundary=")[2].strip('"').encode()
        _, announced, data, _ = (
            part.partition(b"\r\n\r\n")[2][:-2] for part in request.body.split(edge)
        )
        upload = Upload(_bucket(request), json.loads(announced), "")
        upload.add(data)
        if upload.is_damaged():
            return _DAMAGED
        with self._ends:
            return ask(self._port, request)

    def _begin(self, request: Request) -> Answer:
        announced = json.loads(request.body or b"{}")
        upload = Upload(_bucket(request), announced, request.query("ifGenerationMatch"))
        if not self._holds(upload, request):
            return _CONDITION
        found = ask(self._port, request)
        if place := dict(found.headers).get("Location"):
            self._uploads[parse_qs(place.partition("?")[2])["upload_id"][0]] = upload
        return found

    def _go_on(self, request: Request) -> Answer:
        upload = self._uploads[request.query("upload_id")]
        upload.add(request.body)
        if request.headers.get("content-range", "*").endswith("/*"):
            return ask(self._port, request)
        reach, _, total = request.headers["content-range"].rpartition("/")
        if reach.rpartition("-")[2] != str(int(total) - 1) and total != "0":
            return ask(self._port, request)
        told = dict(upload.announced)
        for hashed in request.headers.get("x-goog-hash", "").split(","):
            kind, _, value = hashed.strip().partition("=")
            told |= {{"md5": "md5Hash"}.get(kind, kind): value} if value else {}
        upload.announced = told
        if upload.is_damaged():
            return _DAMAGED
        with self._ends:
            if not self._holds(upload, request):
                return _CONDITION
            return ask(self._port, request)

    def _holds(self, upload: Upload, request: Request) -> bool:
        """Is the condition of this upload true now?"""
        if not upload.condition:
            return True
        name = upload.announced.get("name") or request.query("name")
        target = f"/storage/v1/b/{upload.bucket}/o/{quote(name, safe='')}"
        found = ask(self._port, Request("GET", target, {}, b""))
        if found.status != 200:
            return upload.condition == "0"
        return str(json.loads(found.body)["generation"]) == upload.condition


_JSON = [("Content-Type", "application/json")]


def _bucket(request: Request) -> str:
    return request.path.split("/b/")[1].split("/")[0]


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def _error(status: int, reason: str, message: str) -> Answer:
    error = {"code": status, "message": message, "errors": [{"reason": reason}]}
    return Answer(status, _JSON, json.dumps({"error": error}).encode())


_CONDITION = _error(412, "conditionNotMet", "At least one condition did not hold")
_DAMAGED = _error(400, "invalid", "Provided hash does not match the bytes")


def main(argv: list[str]) -> None:
    cli = argparse.ArgumentParser(prog="gs_node", description=__doc__)
    cli.add_argument("--port", type=int, required=True)
    cli.add_argument("--inner-port", type=int, required=True, help="fake-gcs-server's")
    cli.add_argument("--key-file", type=Path, required=True, help="is written")
    cli.add_argument("--with-parent", action="store_true", help="end when it ends")
    options = cli.parse_args(argv)
    if options.with_parent:
        end_with_parent()
    login = Login(f"http://127.0.0.1:{options.port}/token")
    options.key_file.write_text(login.key_file)
    serve(options.port, Filter(options.inner_port, login).answer)


if __name__ == "__main__":
    main(sys.argv[1:])
