"""Calls of one event loop turn share a write.

Under load many requests want to know their limit in the same turn of the event loop. Each on a connection of its own
would cost a task, a lock and two system calls; together they cost that once. A call alone goes out in the turn it came.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias
from weakref import WeakKeyDictionary

from redis.exceptions import RedisError, ResponseError

from . import Call, packed
from .connections import FRESH
from .deadline import timeout
from .failures import NO_ANSWER, of_silence

if TYPE_CHECKING:
    from redis.asyncio import ConnectionPool
    from redis.asyncio.connection import AbstractConnection

# Calls that share a write also share its fate, and wait for the last reply of it.
_MOST = 128
# Seconds beyond the timeouts after which nobody waits for a trip any longer.
_GRACE = 1.0
# Who waits for how many replies.
Waiting: TypeAlias = "tuple[asyncio.Future[list[object]], int]"


class Lane:
    """A way to one server, for any number of tasks, in any number of event loops: each has connections of its own."""

    def __init__(self, make_pool: Callable[[], ConnectionPool], connect_timeout: float, command_timeout: float) -> None:
        self._make_pool = make_pool
        self._timeouts = (connect_timeout, command_timeout)
        self._lock = threading.Lock()
        self._berths: WeakKeyDictionary[asyncio.AbstractEventLoop, Berth] = WeakKeyDictionary()

    async def send(self, calls: Sequence[Call]) -> list[object]:
        """Sends calls, and returns replies with redis-py's errors in the place of those that are errors."""
        return await self.berth().send(calls)

    def berth(self) -> Berth:
        """What belongs to the running loop."""
        loop = asyncio.get_running_loop()
        berth = self._berths.get(loop)
        return self._enter(loop) if berth is None else berth

    def _enter(self, loop: asyncio.AbstractEventLoop) -> Berth:
        with self._lock:
            # Test clients run each request in a loop of its own. Connections hold on to theirs: it has to be forgotten.
            for other in [other for other in self._berths if other.is_closed()]:
                self._berths.pop(other).fail()
            return self._berths.setdefault(loop, Berth(self._make_pool(), *self._timeouts))

    async def aclose(self) -> None:
        """Waits for what is under way in this loop, and ends its connections."""
        with self._lock:
            berth = self._berths.pop(asyncio.get_running_loop(), None)
        if berth is not None:
            await berth.aclose()


class Berth:
    """What of a lane belongs to one event loop."""

    def __init__(self, pool: ConnectionPool, connect_timeout: float, command_timeout: float) -> None:
        self._pool = pool
        self._connect_timeout = connect_timeout
        self._command_timeout = command_timeout
        self._words: list[bytes] = []
        self._waiting: list[Waiting] = []
        self._idle: list[tuple[AbstractConnection, float]] = []
        self._trips: set[asyncio.Task[None]] = set()

    async def send(self, calls: Sequence[Call]) -> list[object]:
        """Sends calls, and returns replies with redis-py's errors in the place of those that are errors."""
        # Here, and not where they are sent: what can't be packed is the caller's error, and nobody else's.
        words = packed(calls)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[object]] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._depart)
        self._words.append(words)
        self._waiting.append((future, len(calls)))
        if len(self._waiting) >= _MOST:
            self._depart()
        # A trip keeps time itself. This is for one that never begins or ends, whatever the reason.
        async with timeout(self._connect_timeout + self._command_timeout + _GRACE):
            return await future

    def fail(self) -> None:
        """The loop is closed: whoever waits is told, as far as anybody still can be."""
        for future, _ in self._waiting:
            # A closed loop takes no call-backs.
            with suppress(RuntimeError):
                if not future.done():
                    future.set_exception(of_silence(ConnectionError("the event loop is closed")))
        self._words, self._waiting = [], []

    def _depart(self) -> None:
        if not self._waiting:
            return
        trip = asyncio.get_running_loop().create_task(self._trip(self._words, self._waiting))
        self._words, self._waiting = [], []
        # The loop itself holds tasks weakly.
        self._trips.add(trip)
        trip.add_done_callback(self._trips.discard)

    async def _trip(self, words: list[bytes], waiting: list[Waiting]) -> None:
        try:
            replies = await self._exchange(b"".join(words), sum(count for _, count in waiting))
        except NO_ANSWER as error:
            for future, _ in waiting:
                if not future.done():
                    # Each task raises, and adds its frames to, an exception of its own.
                    away = of_silence(error)
                    away.__cause__ = error
                    future.set_exception(away)
            return
        except BaseException as error:
            # Nobody is left waiting for a task that has ended.
            for future, _ in waiting:
                if not future.done() and isinstance(error, Exception):
                    future.set_exception(error)
                future.cancel()
            raise
        at = 0
        for future, count in waiting:
            if not future.done():
                future.set_result(replies[at : at + count])
            at += count

    async def _exchange(self, words: bytes, count: int) -> list[object]:
        connection = await self._take()
        try:
            async with timeout(self._command_timeout):
                await connection.send_packed_command(words, check_health=False)
                replies = [await _answer(connection) for _ in range(count)]
        except BaseException:
            # Replies may still be on their way, and would be taken for those of the next calls.
            await self._discard(connection)
            raise
        self._idle.append((connection, time.monotonic()))
        return replies

    async def _take(self) -> AbstractConnection:
        while self._idle:
            connection, since = self._idle.pop()
            if time.monotonic() - since <= FRESH or not await _is_stale(connection):
                return connection
            await self._discard(connection)
        async with timeout(self._connect_timeout):
            made: AbstractConnection = await self._pool.get_connection()
        return made

    async def _discard(self, connection: AbstractConnection) -> None:
        await connection.disconnect(nowait=True)
        await self._pool.release(connection)

    async def aclose(self) -> None:
        """Waits for what is under way, and ends the connections."""
        while self._trips:
            await asyncio.wait(tuple(self._trips))
        while self._idle:
            connection, _ = self._idle.pop()
            await self._pool.release(connection)
        await self._pool.disconnect()


async def _is_stale(connection: AbstractConnection) -> bool:
    # Before redis-py 8 the only way to look took along what was there; nothing should be.
    look = getattr(connection, "can_read", None) or connection.can_read_destructive
    try:
        return bool(await look())
    except (RedisError, OSError):
        return True


async def _answer(connection: AbstractConnection) -> object:
    try:
        return await connection.read_response(disable_decoding=True)
    except ResponseError as error:
        return error
