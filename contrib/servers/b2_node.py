"""Backblaze B2 on 127.0.0.1: the simulator of its SDK, reached by HTTP.

The simulator keeps buckets, versions and large files.  It believes everybody; so here
is, as backblaze.com documents the native API:

  * logins, tokens that end, and what a key may do: capabilities, buckets, a prefix
  * addresses for uploads, of no use any more once they have answered 503
  * MD5s in listings, of files that were sent in one piece
  * the least size of a part; hiding what is not there
  * the statuses and codes of errors

The application key ID of the account is `account-0`, its key `masterKey-0`.
POST /expire ends all tokens; POST /break?uploads=N makes the next N uploads fail.
"""

import argparse
import base64
import hashlib
import io
import itertools
import json
import re
import secrets
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from b2sdk.v3 import BucketSimulator, KeySimulator, RawSimulator
from b2sdk.v3 import exception as b2

from contrib.servers.parent import end_with_parent
from contrib.servers.relay import Answer, Request, serve

LEAST_PART_BYTES = 5_000_000
CAPABILITIES = {
    "b2_list_buckets": "listBuckets",
    "b2_create_bucket": "writeBuckets",
    "b2_create_key": "writeKeys",
    "b2_list_file_names": "listFiles",
    "b2_list_file_versions": "listFiles",
    "b2_get_upload_url": "writeFiles",
    "b2_get_upload_part_url": "writeFiles",
    "b2_start_large_file": "writeFiles",
    "b2_finish_large_file": "writeFiles",
    "b2_cancel_large_file": "writeFiles",
    "b2_hide_file": "writeFiles",
    "b2_delete_file_version": "deleteFiles",
}
"""Of each call that is served."""
CODES: tuple[tuple[type[Exception], int, str], ...] = (
    (b2.NonExistentBucket, 400, "bad_bucket_id"),
    (b2.DuplicateBucketName, 400, "duplicate_bucket_name"),
    (b2.FileNotPresent, 400, "file_not_present"),
    (b2.PartSha1Mismatch, 400, "part_sha1_mismatch"),
    (b2.MissingPart, 400, "missing_part"),
    (b2.BadJson, 400, "bad_json"),
    (b2.B2Error, 400, "bad_request"),
)


class Refusal(Exception):
    """An error of the API."""

    def __init__(self, status: int, code: str, message: str = "") -> None:
        super().__init__(status, code)
        error = {"status": status, "code": code, "message": message or code}
        self.answer = Answer(status, _JSON, json.dumps(error).encode())


class EndlessBucket(BucketSimulator):
    """The simulator's has 200 addresses for uploads, and IDs that others have, too."""

    def __init__(self, api: "Simulator", *args: Any, **named: Any) -> None:
        super().__init__(api, *args, **named)
        self.upload_url_counter = itertools.count()
        self.upload_timestamp_counter = itertools.count(5000)
        self.file_id_counter = api.file_ids


class Simulator(RawSimulator):
    """With parts of a size that is documented, and room for more buckets."""

    BUCKET_SIMULATOR_CLASS = EndlessBucket
    MIN_PART_SIZE = LEAST_PART_BYTES

    def __init__(self) -> None:
        super().__init__()
        self.bucket_id_counter = itertools.count()
        self.file_ids = itertools.count(999_999_999, -1)  # the newest sorts first


@dataclass
class Address:
    """Where uploads may be sent to."""

    inner: str
    """What the simulator calls it."""
    token: str
    key: KeySimulator
    is_broken: bool = False


class Api:
    """The native API; each answer is a JSON document, or a file."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._sim = Simulator()
        account, key = self._sim.create_account()
        login = self._sim.authorize_account("", account, key)
        self._master: str = login["authorizationToken"]
        self._lock = threading.Lock()
        self._tokens: dict[str, KeySimulator] = {}
        self._ended: set[str] = set()
        self._addresses: dict[str, Address] = {}
        self._md5s: dict[str, str] = {}
        self._to_break = 0

    def answer(self, request: Request) -> Answer:
        try:
            with self._lock:
                return self._answer(request)
        except Refusal as e:
            return e.answer
        except (b2.B2Error, KeyError, AssertionError, ValueError) as e:
            fitting = (f for f in CODES if isinstance(e, f[0]))
            _, status, code = next(fitting, (None, 400, "bad_request"))
            return Refusal(status, code, str(e)).answer

    def _answer(self, request: Request) -> Answer:
        _, first, *rest = request.path.split("/")
        match first:
            case "expire":
                self._ended |= self._tokens.keys()
                self._ended |= {a.token for a in self._addresses.values()}
                return Answer(204)
            case "break":
                self._to_break = int(request.query("uploads"))
                return Answer(204)
            case "file":
                return self._download(request, rest[0], "/".join(rest[1:]))
            case "upload":
                return _json(self._upload(request, self._addresses[rest[0]]))
            case "b2api":
                return _json(self._call(request, rest[1]))
        raise Refusal(404, "not_found")

    # ---- logins --------------------------------------------------------------------

    def _log_in(self, request: Request) -> dict[str, Any]:
        login = request.headers.get("authorization", "").partition(" ")[2]
        key_id, _, key = base64.b64decode(login).decode().partition(":")
        try:
            told: dict[str, Any] = self._sim.authorize_account("", key_id, key)
        except b2.InvalidAuthToken as e:
            raise Refusal(401, "unauthorized") from e
        token = secrets.token_hex(16)
        self._tokens[token] = self._sim.key_id_to_key[key_id]
        told["authorizationToken"] = token
        urls = dict.fromkeys(("apiUrl", "downloadUrl", "s3ApiUrl"), self._base)
        told["apiInfo"]["storageApi"] |= urls
        return told

    def _key(self, request: Request) -> KeySimulator:
        token = request.headers.get("authorization", "")
        if token in self._ended:
            raise Refusal(401, "expired_auth_token")
        if token not in self._tokens:
            raise Refusal(401, "bad_auth_token")
        return self._tokens[token]

    def _check(
        self, key: KeySimulator, capability: str, bucket: str | None, name: str | None
    ) -> None:
        """May this key do that there?"""
        own = key.buckets_or_none
        if (
            capability not in key.capabilities
            or (own is not None and bucket not in [b["id"] for b in own])
            or (name is not None and not name.startswith(key.name_prefix_or_none or ""))
        ):
            raise Refusal(401, "unauthorized")

    # ---- calls ---------------------------------------------------------------------

    def _call(self, request: Request, name: str) -> dict[str, Any]:
        if name == "b2_authorize_account":
            return self._log_in(request)
        key, params = self._key(request), json.loads(request.body)
        file_id = params.get("fileId")
        bucket = params.get("bucketId") or self._sim.file_id_to_bucket_id.get(file_id)
        if name == "b2_list_buckets" and (asked := params.get("bucketName")):
            bucket = self._sim._get_bucket_id_or_none_for_bucket_name(asked)
        named = params.get("fileName")
        if "prefix" in params:
            named = params["prefix"] or ""
        self._check(key, CAPABILITIES[name], bucket, named)
        if name == "b2_hide_file":
            self._check_visible(bucket, named)
        if name == "b2_finish_large_file":
            self._check_parts(bucket, file_id)
        arguments = {_snake(n): v for n, v in params.items() if n != "bucketTypes"}
        call: Callable[..., dict[str, Any]] = getattr(self._sim, name[3:])
        told = call(Simulator.API_URL, self._master, **arguments)
        if "uploadUrl" in told:
            return told | self._new_address(told["uploadUrl"], key)
        for file in told.get("files", ()):
            file["contentMd5"] = self._md5s.get(file["fileId"])
        return told

    def _check_visible(self, bucket: str, name: str) -> None:
        found = self._sim.bucket_id_to_bucket[bucket].list_file_versions(
            self._master, name, None, 1, name
        )["files"]
        if not found or found[0]["fileName"] != name:
            raise Refusal(400, "no_such_file")
        if found[0]["action"] == "hide":
            raise Refusal(400, "already_hidden")

    def _check_parts(self, bucket: str, file_id: str) -> None:
        found = self._sim.bucket_id_to_bucket[bucket].list_parts(file_id, 1, 10_000)
        sizes = [part["contentLength"] for part in found["parts"]]
        if len(sizes) < 2 or any(size < LEAST_PART_BYTES for size in sizes[:-1]):
            raise Refusal(400, "bad_request", "a part is too small")

    # ---- bytes ---------------------------------------------------------------------

    def _new_address(self, inner: str, key: KeySimulator) -> dict[str, str]:
        name, token = secrets.token_hex(8), secrets.token_hex(16)
        self._addresses[name] = Address(inner, token, key)
        return {
            "uploadUrl": f"{self._base}/upload/{name}",
            "authorizationToken": token,
        }

    def _upload(self, request: Request, address: Address) -> dict[str, Any]:
        if request.headers.get("authorization") != address.token:
            raise Refusal(401, "bad_auth_token")
        if address.token in self._ended:
            raise Refusal(401, "expired_auth_token")
        if self._to_break:
            self._to_break -= 1
            address.is_broken = True
        if address.is_broken:
            raise Refusal(503, "service_unavailable")
        sha1 = request.headers["x-bz-content-sha1"]
        size, stream = len(request.body), io.BytesIO(request.body)
        inner = address.inner
        if number := request.headers.get("x-bz-part-number"):
            return dict(
                self._sim.upload_part(inner, inner, int(number), size, sha1, stream)
            )
        name = unquote(request.headers["x-bz-file-name"])
        self._check(address.key, "writeFiles", _bucket_of(address), name)
        kind = request.headers["content-type"]
        told = self._sim.upload_file(inner, inner, name, size, kind, sha1, {}, stream)
        data = request.body[:-40] if sha1 == "hex_digits_at_end" else request.body
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        self._md5s[told["fileId"]] = md5
        return {**told, "contentMd5": md5}

    def _download(self, request: Request, bucket: str, name: str) -> Answer:
        bucket_id = self._sim._get_bucket_id_or_none_for_bucket_name(bucket)
        self._check(self._key(request), "readFiles", bucket_id, name)
        try:
            url = self._sim.get_download_url_by_name(
                Simulator.DOWNLOAD_URL, bucket, name
            )
            manager = self._sim.download_file_from_url(None, url)
        except (b2.FileNotPresent, b2.NonExistentBucket) as e:
            raise Refusal(404, "not_found") from e
        with manager as found:
            data, headers = found.data_bytes, dict(found.headers)
        headers.pop("content-length")
        if not (span := request.headers.get("range")):
            headers["Content-Length"] = str(len(data))
            return Answer(200, list(headers.items()), data)
        first, last = map(int, span.removeprefix("bytes=").split("-"))
        if first >= len(data):
            raise Refusal(416, "range_not_satisfiable")
        part = data[first : last + 1]
        reach = f"bytes {first}-{first + len(part) - 1}/{len(data)}"
        return Answer(206, [*headers.items(), ("Content-Range", reach)], part)


_JSON = [("Content-Type", "application/json")]


def _json(told: dict[str, Any]) -> Answer:
    return Answer(200, _JSON, json.dumps(told, default=sorted).encode())


def _snake(name: str) -> str:
    """validDurationInSeconds has another name in the SDK."""
    name = name.replace("InSeconds", "Seconds")
    return re.sub("[A-Z]", lambda found: "_" + found[0].lower(), name)


def _bucket_of(address: Address) -> str:
    return address.inner.split("/")[3]


def main(argv: list[str]) -> None:
    cli = argparse.ArgumentParser(prog="b2_node", description=__doc__)
    cli.add_argument("--port", type=int, required=True)
    cli.add_argument("--with-parent", action="store_true", help="end when it ends")
    options = cli.parse_args(argv)
    if options.with_parent:
        end_with_parent()
    serve(options.port, Api(f"http://127.0.0.1:{options.port}").answer)


if __name__ == "__main__":
    main(sys.argv[1:])
