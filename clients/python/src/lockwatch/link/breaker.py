"""A breaker: a Redis that hangs must not cost every request a timeout."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from ..errors import RedisAway
from . import AsyncLink, Call, Link, Reply

TIMEOUTS = 3
SECONDS = 1.0


class Breaker:
    """After some timeouts in a row nothing is sent for a while; then one call tries, and its fate decides."""

    def __init__(
        self, timeouts: int = TIMEOUTS, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = timeouts
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._in_a_row = 0
        self._closed_again_at: float | None = None

    def admit(self) -> None:
        """Raises RedisAway while the breaker is open."""
        if self._closed_again_at is None:
            return
        with self._lock:
            now = self._clock()
            # Without an answer since, it is still a time; with one, any time will do.
            if now < (self._closed_again_at or 0):
                raise RedisAway("Redis has timed out several times in a row and is bypassed", "bypassed")
            # This call tries. The others wait as long again for what it finds, and no longer if it is lost.
            self._closed_again_at = now + self._seconds

    def heed(self) -> None:
        """Raises RedisAway while the breaker is open, and is not the call that tries."""
        if (until := self._closed_again_at) is not None and self._clock() < until:
            raise RedisAway("Redis has timed out several times in a row and is bypassed", "bypassed")

    def answered(self) -> None:
        """An answer came, or a prompt refusal."""
        if self._in_a_row or self._closed_again_at is not None:
            with self._lock:
                self._in_a_row, self._closed_again_at = 0, None

    def failed(self, away: RedisAway) -> None:
        """None came."""
        if away.reason != "timeout":
            self.answered()
            return
        with self._lock:
            self._in_a_row += 1
            if self._in_a_row >= self._most:
                self._closed_again_at = self._clock() + self._seconds


class GuardedLink:
    """A link behind a breaker."""

    def __init__(self, link: Link, breaker: Breaker) -> None:
        self.bare = link
        self.breaker = breaker

    def send(self, calls: Sequence[Call]) -> list[Reply]:
        """Sends calls in one round trip. Raises RedisAway if there is no answer to all of them."""
        self.breaker.admit()
        try:
            replies = self.bare.send(calls)
        except RedisAway as away:
            self.breaker.failed(away)
            raise
        self.breaker.answered()
        return replies

    def close(self) -> None:
        """Ends the connections."""
        self.bare.close()


class AsyncGuardedLink:
    """The same for asyncio."""

    def __init__(self, link: AsyncLink, breaker: Breaker) -> None:
        self.bare = link
        self.breaker = breaker

    async def send(self, calls: Sequence[Call]) -> list[Reply]:
        """Sends calls in one round trip. Raises RedisAway if there is no answer to all of them."""
        self.breaker.admit()
        try:
            replies = await self.bare.send(calls)
        except RedisAway as away:
            self.breaker.failed(away)
            raise
        self.breaker.answered()
        return replies

    async def aclose(self) -> None:
        """Ends the connections."""
        await self.bare.aclose()


class HeedingLink:
    """A link that sends nothing while a breaker is open, and has no part in that: its calls may well be slow."""

    def __init__(self, link: Link, breaker: Breaker) -> None:
        self.bare = link
        self.breaker = breaker

    def send(self, calls: Sequence[Call]) -> list[Reply]:
        """Sends calls in one round trip. Raises RedisAway if there is no answer to all of them."""
        self.breaker.heed()
        return self.bare.send(calls)

    def close(self) -> None:
        """Ends the connections."""
        self.bare.close()


class AsyncHeedingLink:
    """The same for asyncio."""

    def __init__(self, link: AsyncLink, breaker: Breaker) -> None:
        self.bare = link
        self.breaker = breaker

    async def send(self, calls: Sequence[Call]) -> list[Reply]:
        """Sends calls in one round trip. Raises RedisAway if there is no answer to all of them."""
        self.breaker.heed()
        return await self.bare.send(calls)

    async def aclose(self) -> None:
        """Ends the connections."""
        await self.bare.aclose()
