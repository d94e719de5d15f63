"""A storage for the package limits, and so for Flask-Limiter and slowapi.

`import lockwatch.limits_storage` registers the schemes `lockwatch://` and `async+lockwatch://`, and
those for TLS, Unix sockets, Sentinel and clusters. A storage URI of limits then needs no more than
another scheme.

Every strategy of limits is exact with this storage, and its window slides. A call that is denied
is not counted.
"""

from __future__ import annotations

import time
from typing import Any

from limits.aio.storage import MovingWindowSupport as AsyncMovingWindowSupport
from limits.aio.storage import SlidingWindowCounterSupport as AsyncSlidingWindowCounterSupport
from limits.aio.storage import Storage as AsyncStorage
from limits.storage import MovingWindowSupport, SlidingWindowCounterSupport, Storage

from .aio import AsyncLockWatch
from .client import LockWatch
from .errors import ConfigurationError, LockWatchError
from .flow import run, run_async
from .limits_counters import Counters
from .limits_uri import ASYNC_SCHEMES, SCHEMES, StorageOptions, async_place, place

__all__ = ["AsyncLockWatchStorage", "LockWatchStorage"]

# Keys that `reset` deletes in one command.
_BATCH = 1000


def _of_kind(kind: type[Any], lockwatch: object) -> Any:  # noqa: ANN401  # an instance of `kind`
    if not isinstance(lockwatch, kind):
        raise ConfigurationError(f"lockwatch is a {type(lockwatch).__name__}: this storage needs a {kind.__name__}")
    return lockwatch


def _can_not_reset() -> NotImplementedError:
    return NotImplementedError("a storage that was given a client of lockwatch does not delete all keys of its prefix")


class LockWatchStorage(Storage, MovingWindowSupport, SlidingWindowCounterSupport):
    """`storage_from_string("lockwatch://localhost:6379")`.

    The options are those of `LockWatch` and of redis-py, `key_prefix`, `lockwatch` (a LockWatch in
    place of the address in the URI), and `on_redis_failure`: with `"raise"`, the default, errors
    are raised, so that the fallbacks of Flask-Limiter and slowapi work; with `"allow"` calls are
    admitted.
    """

    STORAGE_SCHEME = SCHEMES

    def __init__(
        self,
        uri: str,
        wrap_exceptions: bool = False,
        **options: Any,  # noqa: ANN401  # checked here and by redis-py
    ) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        read = StorageOptions(uri, options)
        self._place = None if read.lockwatch is not None else place(read)
        client = read.lockwatch if self._place is None else LockWatch(self._place.source, **read.client)
        self._counters = Counters(_of_kind(LockWatch, client), read)

    @property
    def base_exceptions(self) -> type[Exception]:
        """What limits wraps if it is told to."""
        return LockWatchError

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Whether the units were admitted."""
        return run(self._counters.acquire(key, limit, expiry, amount))

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:  # noqa: ARG002  # of limits
        """The time of the oldest unit, and the number of units."""
        return run(self._counters.window(key, expiry))

    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """The same as `acquire_entry`: what limits estimates here is exact."""
        return run(self._counters.acquire(key, limit, expiry, amount))

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """An empty previous window, and the sliding one as the present one."""
        return run(self._counters.counter(key, expiry))

    def clear_sliding_window(self, key: str, expiry: int) -> None:  # noqa: ARG002  # of limits
        """Forgets the units of a key."""
        run(self._counters.clear(key))

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Units used with these; more than the limit, which the key contains, if it denies them."""
        return run(self._counters.increment(key, expiry, amount))

    def get(self, key: str) -> int:
        """Units used."""
        return run(self._counters.usage(key)).used

    def get_expiry(self, key: str) -> float:
        """The Unix time at which the oldest unit leaves the window."""
        return time.time() + run(self._counters.usage(key)).free_after

    def check(self) -> bool:
        """Whether the server records units."""
        return run(self._counters.check())

    def reset(self) -> int | None:
        """Deletes all keys of the prefix, and returns their number."""
        if self._place is None:
            raise _can_not_reset()
        count, batch = 0, []
        with self._place.client() as client:
            for key in client.scan_iter(match=self._counters.pattern, count=_BATCH):
                batch.append(key)
                if len(batch) == _BATCH:
                    count += client.unlink(*batch)
                    batch = []
            return count + (client.unlink(*batch) if batch else 0)

    def clear(self, key: str) -> None:
        """Forgets the units of a key."""
        run(self._counters.clear(key))


class AsyncLockWatchStorage(AsyncStorage, AsyncMovingWindowSupport, AsyncSlidingWindowCounterSupport):
    """`LockWatchStorage` for asyncio: `storage_from_string("async+lockwatch://localhost:6379")`."""

    STORAGE_SCHEME = ASYNC_SCHEMES

    def __init__(
        self,
        uri: str,
        wrap_exceptions: bool = False,
        **options: Any,  # noqa: ANN401  # checked here and by redis-py
    ) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        read = StorageOptions(uri.removeprefix("async+"), options)
        self._place = None if read.lockwatch is not None else async_place(read)
        client = read.lockwatch if self._place is None else AsyncLockWatch(self._place.source, **read.client)
        self._counters = Counters(_of_kind(AsyncLockWatch, client), read)

    @property
    def base_exceptions(self) -> type[Exception]:
        """What limits wraps if it is told to."""
        return LockWatchError

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Whether the units were admitted."""
        return await run_async(self._counters.acquire(key, limit, expiry, amount))

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:  # noqa: ARG002
        """The time of the oldest unit, and the number of units."""
        return await run_async(self._counters.window(key, expiry))

    async def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """The same as `acquire_entry`: what limits estimates here is exact."""
        return await run_async(self._counters.acquire(key, limit, expiry, amount))

    async def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """An empty previous window, and the sliding one as the present one."""
        return await run_async(self._counters.counter(key, expiry))

    async def clear_sliding_window(self, key: str, expiry: int) -> None:  # noqa: ARG002
        """Forgets the units of a key."""
        await run_async(self._counters.clear(key))

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Units used with these; more than the limit, which the key contains, if it denies them."""
        return await run_async(self._counters.increment(key, expiry, amount))

    async def get(self, key: str) -> int:
        """Units used."""
        return (await run_async(self._counters.usage(key))).used

    async def get_expiry(self, key: str) -> float:
        """The Unix time at which the oldest unit leaves the window."""
        return time.time() + (await run_async(self._counters.usage(key))).free_after

    async def check(self) -> bool:
        """Whether the server records units."""
        return await run_async(self._counters.check())

    async def reset(self) -> int | None:
        """Deletes all keys of the prefix, and returns their number."""
        if self._place is None:
            raise _can_not_reset()
        client, count, batch = self._place.client(), 0, []
        async for key in client.scan_iter(match=self._counters.pattern, count=_BATCH):
            batch.append(key)
            if len(batch) == _BATCH:
                count += await client.unlink(*batch)
                batch = []
        return count + (await client.unlink(*batch) if batch else 0)

    async def clear(self, key: str) -> None:
        """Forgets the units of a key."""
        await run_async(self._counters.clear(key))
