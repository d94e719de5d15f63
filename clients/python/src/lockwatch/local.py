"""The limiter in the process, which decides while Redis is away (`on_redis_failure="local"`).

The counting is that of the package `limits`.
"""

from __future__ import annotations

import importlib
import math
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .errors import ConfigurationError
from .limits import Limit
from .ratelimit import RateLimitResult

if TYPE_CHECKING:
    from limits.storage import MemoryStorage

# Clients of one policy that are remembered. Further ones share a counter.
_MAX_CLIENTS = 10_000
# Seconds between two searches for clients whose windows have ended.
_SECONDS_UNTIL_PRUNE = 1.0
# The library keeps an entry for each unit of a moving window. A fixed one counts higher limits.
_MAX_ENTRIES = 10_000
# Seconds by which the system clock, which the library reads, may run away between two calls.
_MAX_STEP = 1.0
# Seconds without a failure after which an answer ends an outage.
_SECONDS_OF_AN_OUTAGE = 10.0


def check_library() -> None:
    """Raises ConfigurationError if the package `limits` is missing."""
    try:
        importlib.import_module("limits.storage")
    except ImportError:
        raise ConfigurationError(
            "on_redis_failure is 'local', and the package limits is missing: pip install 'lockwatch[local]'"
        ) from None


@lru_cache(maxsize=1024)
def shared(limits: tuple[Limit, ...], share: float) -> tuple[Limit, ...]:
    """A share of each limit: rounded down, but at least one unit. A limit of 0 stays 0."""
    return tuple(Limit(max(min(each.limit, 1), math.floor(each.limit * share)), each.window_ms) for each in limits)


class _Client:
    """The counters of one key, and when their windows have ended."""

    __slots__ = ("names", "until")

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.until = 0.0


class LocalLimiter:
    """The counters of one client object, for any number of threads.

    An answer of Redis for a key empties the counter of this key, and no other: Redis may refuse
    some keys only, for example those that it has no memory for.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed_at = self._pruned_at = self._difference = 0.0
        self._counters: dict[str, dict[str, _Client]] = {}
        """For each policy the counters of each of its keys."""
        self.start_anew()
        if hasattr(os, "register_at_fork"):
            this = weakref.ref(self)
            os.register_at_fork(after_in_child=lambda: _start_anew(this()))

    def start_anew(self) -> None:
        """Empties it, in a forked child too, where the threads that held its locks do not exist."""
        self._lock = threading.Lock()
        self._storage: MemoryStorage | None = None
        self._counters.clear()

    def admit(self, key: str, limits: tuple[Limit, ...], share: float, cost: int) -> RateLimitResult:
        """Counts a call under a key of Redis, and says whether each limit has room for it."""
        own = shared(limits, share)
        for full, mine in zip(limits, own, strict=True):
            if cost > full.limit:
                return RateLimitResult(False, mine.limit, 0, math.inf, 0, own)
        with self._lock:
            now = self._failed_at = self._clock()
            storage = self._current()
            name, known = self._known(key, now)
            entries = [_entry(name, limit) for limit in own]
            known.names.update(entry[0] for entry in entries)
            known.until = max(known.until, now + max(seconds for _, _, seconds in entries))
            waits = [_wait(storage, entry, min(cost, entry[1])) for entry in entries]
            longest = max(waits)
            if not longest:
                for entry in entries:
                    _count(storage, entry, min(cost, entry[1]))
        return RateLimitResult(not longest, own[waits.index(longest)].limit, 0, math.ceil(longest * 1000), 0, own)

    @property
    def is_active(self) -> bool:
        """Whether it has counted something, so that it wants to know of answers."""
        return self._storage is not None

    def answered(self, keys: Iterable[str]) -> None:
        """Redis has answered for these keys."""
        with self._lock:
            if self._storage is None or self._clock() - self._failed_at > _SECONDS_OF_AN_OUTAGE:
                self._storage = None
                self._counters.clear()
                return
            for key in keys:
                client = self._counters.get(_policy_of(key), {}).pop(key, None)
                for counter in () if client is None else client.names:
                    self._storage.clear(counter)

    def _current(self) -> MemoryStorage:
        """The storage: an empty one after a step of the system clock, which times its entries."""
        before, self._difference = self._difference, time.time() - time.monotonic()
        if self._storage is None or abs(self._difference - before) > _MAX_STEP:
            self._storage = _new_storage()
            self._counters.clear()
        return self._storage

    def _known(self, key: str, now: float) -> tuple[str, _Client]:
        """What a key is counted under, and the names of its counters."""
        policy = _policy_of(key)
        if now - self._pruned_at >= _SECONDS_UNTIL_PRUNE:
            self._prune(now)
        clients = self._counters.setdefault(policy, {})
        name = key if key in clients or len(clients) < _MAX_CLIENTS else policy
        return name, clients.setdefault(name, _Client())

    def _prune(self, now: float) -> None:
        """Forgets the clients whose windows have ended."""
        self._pruned_at = now
        storage = self._current()
        for clients in self._counters.values():
            for name in [name for name, each in clients.items() if each.until <= now]:
                for counter in clients.pop(name).names:
                    storage.clear(counter)


class _NoTimer(threading.Timer):
    """In place of the storage's timer, which never starts again while this one seems to run.

    The storage would begin a thread after most calls, which copies the entries of all clients.
    """

    def __init__(self) -> None:
        super().__init__(0, list)

    def is_alive(self) -> bool:
        return True


def _new_storage() -> MemoryStorage:
    from limits.storage import MemoryStorage  # noqa: PLC0415  # an optional package

    storage = MemoryStorage()
    storage.timer.cancel()
    storage.timer = _NoTimer()
    return storage


def _policy_of(key: str) -> str:
    """A key `prefix:{client}:policy` without the client."""
    return f"{key[: key.index('{')]}{key[key.rindex('}') + 1 :]}"


def _entry(name: str, limit: Limit) -> tuple[str, int, Any]:
    """What the storage is called with. It declares whole seconds, and takes decimals as well."""
    return f"{name} {limit.window_ms}", limit.limit, limit.window_ms / 1000


def _wait(storage: MemoryStorage, entry: tuple[str, int, Any], cost: int) -> float:
    """Seconds until the oldest unit leaves the window; 0 if there is room for the cost."""
    name, limit, seconds = entry
    if limit > _MAX_ENTRIES:
        used, ends = storage.get(name), storage.get_expiry(name)
    else:
        began, used = storage.get_moving_window(*entry)
        ends = began + seconds
    return 0 if used + cost <= limit else max(0.001, ends - time.time())


def _count(storage: MemoryStorage, entry: tuple[str, int, Any], cost: int) -> None:
    name, limit, seconds = entry
    if limit > _MAX_ENTRIES:
        storage.incr(name, seconds, cost)
    else:
        storage.acquire_entry(name, limit, seconds, cost)
        entries, now = storage.events[name], time.time()
        while entries[-1].expiry <= now:
            entries.pop()


def _start_anew(limiter: LocalLimiter | None) -> None:
    if limiter is not None:
        limiter.start_anew()
