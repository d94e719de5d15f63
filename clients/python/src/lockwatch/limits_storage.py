"""A storage for the package limits, and so for Flask-Limiter and slowapi.

`import lockwatch.limits_storage` registers the schemes `lockwatch://` and `async+lockwatch://`, and
those for TLS, Unix sockets, Sentinel and clusters. A storage URI of limits then needs no more than
another scheme.

Every strategy of limits is exact with this storage, and its window slides. A call that is denied
is not counted.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any

from limits.aio.storage import MovingWindowSupport as AsyncMovingWindowSupport
from limits.aio.storage import SlidingWindowCounterSupport as AsyncSlidingWindowCounterSupport
from limits.aio.storage import Storage as AsyncStorage
from limits.limits import TIME_TYPES
from limits.storage import MovingWindowSupport, SlidingWindowCounterSupport, Storage

from .aio import AsyncLockWatch
from .client import LockWatch
from .errors import ConfigurationError, LockWatchError
from .explain import KeyReport, inspect
from .flow import Client, Flow, execute, run, run_async
from .limits import Limit
from .limits_uri import ASYNC_SCHEMES, SCHEMES, async_place, place
from .multi import mratelimit
from .ratelimit import RateLimitResult, rate_limit_command
from .redis.connection import Command
from .rules import KEY_PREFIX

__all__ = ["AsyncLockWatchStorage", "LockWatchStorage"]

PREFIX = "lw:limits"
# Keys that `reset` deletes in one command.
_BATCH = 1000


@dataclass(frozen=True, slots=True)
class _Usage:
    """What is used of a key's window."""

    used: int
    free_after: float
    """Seconds until the oldest unit leaves the window; 0 if there is none."""


class _Counters:
    """The commands of both storages."""

    def __init__(self, lockwatch: Client, prefix: str) -> None:
        self.lockwatch = lockwatch
        self._prefix = KEY_PREFIX.read("key_prefix", prefix)

    @property
    def pattern(self) -> str:
        """What SCAN finds all keys by."""
        return re.sub(r"([\\*?\[\]])", r"\\\1", self._prefix) + ":*"

    def hit(self, key: str, limit: int, expiry: int, amount: int) -> Flow[RateLimitResult]:
        command = rate_limit_command("LW.RATELIMIT", self._key(key), (Limit(limit, expiry * 1000),), amount)
        return (yield from execute(self.lockwatch, command))

    def acquire(self, key: str, limit: int, expiry: int, amount: int) -> Flow[bool]:
        if amount < 1:
            return True
        return (yield from self.hit(key, limit, expiry, amount)).allowed

    def increment(self, key: str, expiry: int, amount: int) -> Flow[int]:
        """Units used, these included. More than the limit if they were denied."""
        if amount < 1:
            return (yield from self.usage(key)).used
        result = yield from self.hit(key, _limit_of(key, expiry), expiry, amount)
        used = result.limit - result.remaining
        return used if result.allowed else used + amount

    def usage(self, key: str) -> Flow[_Usage]:
        report: KeyReport | None = yield from execute(self.lockwatch, inspect(self._key(key)))
        if report is None or not report.windows:
            return _Usage(0, 0.0)
        # A key of limits contains the length of its only window.
        window = report.windows[-1]
        return _Usage(window.used, window.first_free_ms / 1000)

    def window(self, key: str, expiry: int) -> Flow[tuple[float, int]]:
        usage = yield from self.usage(key)
        now = time.time()
        return (now + usage.free_after - expiry if usage.used else now), usage.used

    def counter(self, key: str) -> Flow[tuple[int, float, int, float]]:
        """The window as the present one of two, of which the previous one is empty."""
        usage = yield from self.usage(key)
        return 0, 0.0, usage.used, usage.free_after

    def clear(self, key: str) -> Flow[None]:
        name = self._key(key)
        yield from execute(self.lockwatch, Command(("UNLINK", name), int, name))

    def check(self) -> Flow[bool]:
        """Whether units can be recorded. Records none: a replica and a full server refuse it."""
        try:
            yield from execute(self.lockwatch, mratelimit([(f"{self._prefix}:check", (1, 1), 0)]))
        except LockWatchError:
            return False
        return True

    def _key(self, key: str) -> str:
        return f"{self._prefix}:{key}"


def _limit_of(key: str, expiry: int) -> int:
    """The limit that a key of limits ends with: `…/5/1/minute`.

    The strategy `fixed-window` tells the storage no limit but this one.
    """
    *_, amount, multiples, unit = ("", "", *key.split("/"))
    granularity = TIME_TYPES.get(unit)
    if granularity is None or not (amount.isdecimal() and multiples.isdecimal()):
        raise _no_limit(key)
    if int(multiples) * granularity.seconds != expiry:
        raise _no_limit(key)
    return int(amount)


def _no_limit(key: str) -> ConfigurationError:
    return ConfigurationError(
        f"the key of a limit does not end with its numbers, as in '…/5/1/minute', but with {key[-20:]!r}: use the "
        "strategy 'moving-window', which tells the storage the limit"
    )


def _given_client(kind: type[Any], lockwatch: object) -> Any:  # noqa: ANN401  # an instance of `kind`
    if not isinstance(lockwatch, kind):
        raise ConfigurationError(f"lockwatch is a {type(lockwatch).__name__}: this storage needs a {kind.__name__}")
    return lockwatch


def _can_not_reset() -> NotImplementedError:
    return NotImplementedError("a storage that was given a client of lockwatch does not delete all keys of its prefix")


class LockWatchStorage(Storage, MovingWindowSupport, SlidingWindowCounterSupport):
    """`storage_from_string("lockwatch://localhost:6379")`.

    The options are those of `LockWatch` and of redis-py. `lockwatch` is a LockWatch in place of
    the address in the URI. Errors of lockwatch are raised, so that the fallbacks of Flask-Limiter
    and slowapi work.
    """

    STORAGE_SCHEME = SCHEMES

    def __init__(
        self,
        uri: str,
        wrap_exceptions: bool = False,
        *,
        key_prefix: str = PREFIX,
        lockwatch: LockWatch | None = None,
        **options: Any,  # noqa: ANN401  # checked by redis-py
    ) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self._place = None if lockwatch is not None else place(uri, options)
        if self._place is not None:
            lockwatch = LockWatch(self._place.source, **self._place.options)
        self._counters = _Counters(_given_client(LockWatch, lockwatch), key_prefix)

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

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:  # noqa: ARG002  # of limits
        """An empty previous window, and the sliding one as the present one."""
        return run(self._counters.counter(key))

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
        *,
        key_prefix: str = PREFIX,
        lockwatch: AsyncLockWatch | None = None,
        **options: Any,  # noqa: ANN401  # checked by redis-py
    ) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self._place = None if lockwatch is not None else async_place(uri.removeprefix("async+"), options)
        if self._place is not None:
            lockwatch = AsyncLockWatch(self._place.source, **self._place.options)
        self._counters = _Counters(_given_client(AsyncLockWatch, lockwatch), key_prefix)

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

    async def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:  # noqa: ARG002
        """An empty previous window, and the sliding one as the present one."""
        return await run_async(self._counters.counter(key))

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
