"""Paste filter: one storage policy of a Swift behaves like OVH's cold archive.

`README.md` beside this file tells what the archive does, what of it is
documented and what is assumed, and how to put the filter into a pipeline.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from swift.common.storage_policy import POLICIES
from swift.common.swob import Request, Response, wsgi_to_str, wsgify
from swift.common.utils import config_true_value, split_path
from swift.common.wsgi import make_pre_authed_request
from swift.proxy.controllers.base import get_container_info

from contrib.pca.request_log import RequestLog
from contrib.pca.retrieval import Delays, Retrieval, Retrievals, State
from tiered.clock import Clock, RehearsalClock, SystemClock

SOURCE: Final = "PCA"
"""Marks our own requests in Swift's logs."""
STATE_HEADER: Final = "X-Ovh-Retrieval-State"
DELAY_HEADER: Final = "X-Ovh-Retrieval-Delay"


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is about, read before Swift rewrites the request."""

    path: str
    query: str
    name: str | None
    """Of the object; None for a container or an account."""
    policy: str | None
    """Of the container; None if there is none, or it does not matter."""


class ColdArchive:
    """The filter.  All its memory is in `Retrievals` and on disk."""

    def __init__(
        self,
        app: Any,
        policy: str,
        retrievals: Retrievals,
        log: RequestLog | None,
        clock: Clock,
    ) -> None:
        self._app, self._policy, self._clock = app, policy, clock
        self._retrievals, self._log = retrievals, log

    @wsgify
    def __call__(self, request: Request) -> Any:
        target = self._target(request)
        if target is None:
            return self._app
        before = self._state_before(request, target)
        response = request.get_response(self._app)
        if target.policy == self._policy and response.is_success:
            response = self._as_archive(request, response, target)
        self._note(request, response, target, before)
        return response

    def _target(self, request: Request) -> Target | None:
        """None if the request is not about an account or what is in one."""
        try:
            _, _, container, name = split_path(request.path_info, 2, 4, True)
        except ValueError:
            return None
        policy = None
        if name is not None or (container and request.method == "GET"):
            policy = self._policy_of_container(request)
        path, query = wsgi_to_str(request.path_info), request.query_string or ""
        return Target(path, query, name, policy)

    def _policy_of_container(self, request: Request) -> str | None:
        """None if there is no such container."""
        info = get_container_info(request.environ, self._app, swift_source=SOURCE)
        if info["status"] // 100 != 2:
            return None
        return str(POLICIES.get_by_index(info["storage_policy"]).name)

    def _state_before(self, request: Request, target: Target) -> State | None:
        """Of a cold object, whether or not the request may see it."""
        if target.policy != self._policy or target.name is None:
            return None
        look = make_pre_authed_request(
            request.environ, "HEAD", swift_source=SOURCE
        ).get_response(self._app)
        if not look.is_success:
            return None
        return self._retrievals.look(target.path).state

    def _as_archive(self, request: Request, response: Any, target: Target) -> Any:
        if target.name is None:
            return self._listing(request, response, target)
        match request.method:
            case "GET":
                return self._read(request, response, target)
            case "HEAD":
                _tell(response, self._retrievals.look(target.path))
            case "PUT":
                self._retrievals.written(target.path)
            case "DELETE":
                self._retrievals.deleted(target.path)
        return response

    def _read(self, request: Request, response: Any, target: Target) -> Any:
        """The object if it can be read; else 429, and its unsealing begins."""
        found = self._retrievals.unseal(target.path)
        if found.state is State.UNSEALED:
            return _tell(response, found)
        _close(response)
        refusal = Response(
            status="429 Too Many Requests",
            request=request,
            body=b"Object is sealed\n",
            content_type="text/plain",
            headers={"Retry-After": str(found.wait_s)},
        )
        return _tell(refusal, found)

    def _listing(self, request: Request, response: Any, target: Target) -> Any:
        if not config_true_value(request.params.get("policy_extra", "")):
            return response
        if "json" not in response.content_type:
            return response
        rows = json.loads(response.body)
        for row in rows:
            if "name" in row:  # not the `subdir` of a listing with a delimiter
                found = self._retrievals.look(f"{target.path}/{row['name']}")
                row["policy_retrieval_state"] = found.state.value
                row["policy_retrieval_delay"] = found.wait_s
        response.body = json.dumps(rows).encode()
        return response

    def _note(
        self, request: Request, response: Any, target: Target, before: State | None
    ) -> None:
        if self._log:
            self._log.write(
                method=request.method,
                path=target.path,
                query=target.query,
                status=response.status_int,
                policy=target.policy,
                state=before.value if before else None,
                time_s=self._clock.time_s(),
            )


def _tell(response: Any, retrieval: Retrieval) -> Any:
    response.headers[STATE_HEADER] = retrieval.state.value
    if retrieval.wait_s is not None:
        response.headers[DELAY_HEADER] = str(retrieval.wait_s)
    return response


def _close(response: Any) -> None:
    """Give the connection to the object server back."""
    if close := getattr(response.app_iter, "close", None):
        close()


def filter_factory(
    global_conf: Mapping[str, str], **local_conf: str
) -> Callable[[Any], ColdArchive]:
    conf = {**global_conf, **local_conf}
    clock_file, request_log = conf.get("clock_file"), conf.get("request_log")
    clock: Clock = SystemClock()
    if clock_file:
        clock = RehearsalClock(Path(clock_file), speed=1.0)
    delays = Delays(
        thaw_delay_s=float(conf.get("thaw_delay", 14313)),
        thaw_life_s=float(conf.get("thaw_life", 86400)),
        seal_delay_s=float(conf.get("seal_delay", 0)),
    )
    retrievals = Retrievals(Path(conf["states_file"]), delays, clock)
    log = RequestLog(Path(request_log)) if request_log else None
    policy = conf.get("policy", "PCA")

    def factory(app: Any) -> ColdArchive:
        return ColdArchive(app, policy, retrievals, log, clock)

    return factory
