"""What a client asked of a server, one JSON object per line."""

import json
from pathlib import Path


class RequestLog:
    """Appends.  Who reads the file may truncate it to forget.

    A line is in the file before the client sees the answer.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)

    def write(
        self,
        *,
        method: str,
        path: str,
        query: str,
        status: int,
        policy: str | None,
        state: str | None,
        time_s: float,
    ) -> None:
        """Note one request.

        Args:
            method: GET, PUT ...
            path: /v1/account/container/object, decoded.
            query: As sent, without the question mark.
            status: Of the answer.
            policy: Storage policy of the container; None if there is none.
            state: Retrieval state before the request; None if the object did
                not exist or is never sealed.
            time_s: Seconds since 1970, on the clock of the server.
        """
        line = {
            "method": method,
            "path": path,
            "query": query,
            "status": status,
            "policy": policy,
            "state": state,
            "time_s": time_s,
        }
        self._file.write(json.dumps(line).encode() + b"\n")
