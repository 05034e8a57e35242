"""Paste filter: `swift.cache` in the memory of the proxy, instead of memcached.

Authentication needs a cache that works.  With one proxy process a dict is one;
with several it would not be, so never use this filter with workers > 0.

Values go through JSON because memcached's do: a caller that gets its own list
back could change what is cached.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

RELATIVE_LIMIT_S: Final = 30 * 86400
"""memcached takes a larger expiry for a moment, not for a duration."""

App = Callable[[dict[str, Any], Any], Iterable[bytes]]


class ProcessCache:
    """The methods of swift.common.memcached.MemcacheRing that Swift calls."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[str, float]] = {}

    def get(self, key: str, **_: object) -> Any:
        text, until_s = self._values.get(key, ("null", 0.0))
        if until_s and until_s < time.time():
            del self._values[key]
            return None
        return json.loads(text)

    def set(self, key: str, value: Any, time: float = 0, **_: object) -> None:
        if isinstance(value, bytes):
            value = value.decode()
        self._values[key] = (json.dumps(value), _moment_s(time))

    def incr(self, key: str, delta: int = 1, time: float = 0) -> int:
        count = max(0, int(self.get(key) or 0) + int(delta))
        self.set(key, count, time=time)
        return count

    def decr(self, key: str, delta: int = 1, time: float = 0) -> int:
        return self.incr(key, -int(delta), time)

    def delete(self, key: str, **_: object) -> None:
        self._values.pop(key, None)

    def set_multi(
        self, values: Mapping[str, Any], server_key: str, time: float = 0, **_: object
    ) -> None:
        for key, value in values.items():
            self.set(key, value, time=time)

    def get_multi(self, keys: Iterable[str], server_key: str) -> list[Any]:
        return [self.get(key) for key in keys]


def _moment_s(duration_s: float) -> float:
    if not duration_s or duration_s > RELATIVE_LIMIT_S:
        return duration_s
    return time.time() + duration_s


def filter_factory(
    global_conf: Mapping[str, str], **local_conf: str
) -> Callable[[App], App]:
    cache = ProcessCache()

    def factory(app: App) -> App:
        def with_cache(env: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            env["swift.cache"] = cache
            return app(env, start_response)

        return with_cache

    return factory
