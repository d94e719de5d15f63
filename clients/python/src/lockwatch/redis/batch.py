"""Writes the commands of concurrent tasks together.

Under load many requests ask for their limit in the same iteration of the event loop. With a
connection for each, every request would cost a task, a lock and two system calls. Together they
cost that once. A command that is alone is sent in the iteration in which it came.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import WeakKeyDictionary

from redis.exceptions import RedisError, ResponseError

from .connection import Command, packed
from .failures import NO_ANSWER, is_not_primary, no_answer
from .renewal import Renewals
from .timeout import timeout

if TYPE_CHECKING:
    from redis.asyncio import ConnectionPool
    from redis.asyncio.connection import AbstractConnection

# Calls that share a write wait for its last reply, and fail together.
_MAX_CALLS = 128
# A connection that was idle for longer, in seconds, is checked: the server may have closed it.
CHECK_AFTER = 1.0
# Seconds beyond the timeouts after which a call gives up on its batch.
_GRACE = 1.0
# A caller, and the number of replies it waits for.
_Caller: TypeAlias = "tuple[asyncio.Future[list[object]], int]"


class AsyncBatches:
    """Batches to one server, from any number of event loops.

    Each loop has connections of its own.
    """

    def __init__(
        self, make_pool: Callable[[], ConnectionPool], server: str, connect_timeout: float, command_timeout: float
    ) -> None:
        self._make_pool = make_pool
        self.server = server
        self._timeouts = (connect_timeout, command_timeout)
        self._lock = threading.Lock()
        self._by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, LoopBatches] = WeakKeyDictionary()

    async def send(self, commands: Sequence[Command[Any]]) -> list[object]:
        """Sends commands, and returns their replies.

        An error reply is an exception of redis-py in the list.
        """
        return await self.of_loop().send(commands)

    def of_loop(self) -> LoopBatches:
        """The batches of the running loop."""
        loop = asyncio.get_running_loop()
        batches = self._by_loop.get(loop)
        return self._add(loop) if batches is None else batches

    def _add(self, loop: asyncio.AbstractEventLoop) -> LoopBatches:
        with self._lock:
            # Test clients run each request in a new loop. Connections refer to their loop, so a
            # weak key alone would keep closed loops.
            for other in [other for other in self._by_loop if other.is_closed()]:
                self._by_loop.pop(other).fail()
            return self._by_loop.setdefault(loop, LoopBatches(self._make_pool(), self.server, *self._timeouts))

    async def aclose(self) -> None:
        """Waits for the running batches of this loop, and closes its connections."""
        with self._lock:
            batches = self._by_loop.pop(asyncio.get_running_loop(), None)
        if batches is not None:
            await batches.aclose()


class LoopBatches:
    """The batches of one event loop."""

    def __init__(self, pool: ConnectionPool, server: str, connect_timeout: float, command_timeout: float) -> None:
        self._pool = pool
        self._server = server
        self._renewals = Renewals()
        self._connect_timeout = connect_timeout
        self._command_timeout = command_timeout
        self._bytes: list[bytes] = []
        self._callers: list[_Caller] = []
        self._idle: list[tuple[AbstractConnection, float]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def send(self, commands: Sequence[Command[Any]]) -> list[object]:
        """Adds commands to the next batch, and waits for their replies."""
        # Packed here, so that arguments that cannot be sent fail this call alone.
        data = packed(commands)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[object]] = loop.create_future()
        if not self._callers:
            loop.call_soon(self._flush)
        self._bytes.append(data)
        self._callers.append((future, len(commands)))
        if len(self._callers) >= _MAX_CALLS:
            self._flush()
        # A batch has timeouts of its own. This one is for a batch that is never flushed or whose
        # task is lost.
        async with timeout(self._connect_timeout + self._command_timeout + _GRACE):
            return await future

    def fail(self) -> None:
        """Fails the callers of a loop that is closed."""
        for future, _ in self._callers:
            # A closed loop accepts no callbacks.
            with suppress(RuntimeError):
                if not future.done():
                    future.set_exception(no_answer(ConnectionError("the event loop is closed"), self._server))
        self._bytes, self._callers = [], []

    def _flush(self) -> None:
        if not self._callers:
            return
        task = asyncio.get_running_loop().create_task(self._run(self._bytes, self._callers))
        self._bytes, self._callers = [], []
        # The loop itself refers to tasks weakly.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, data: list[bytes], callers: list[_Caller]) -> None:
        try:
            replies = await self._exchange(b"".join(data), sum(count for _, count in callers))
        except NO_ANSWER as error:
            for future, _ in callers:
                if not future.done():
                    # Each task adds its frames to the exception, so each needs its own.
                    unavailable = no_answer(error, self._server)
                    unavailable.__cause__ = error
                    future.set_exception(unavailable)
            return
        except BaseException as error:
            for future, _ in callers:
                if not future.done() and isinstance(error, Exception):
                    future.set_exception(error)
                future.cancel()
            raise
        at = 0
        for future, count in callers:
            if not future.done():
                future.set_result(replies[at : at + count])
            at += count

    async def _exchange(self, data: bytes, count: int) -> list[object]:
        connection = await self._take()
        try:
            async with timeout(self._command_timeout):
                await connection.send_packed_command(data, check_health=False)
                replies = [await _read(connection) for _ in range(count)]
        except BaseException as error:
            # Late replies would be taken for those of the next commands.
            await self._discard(connection)
            if is_not_primary(error):
                await self._discard_idle()
            raise
        if any(map(is_not_primary, replies)):
            await self._discard_idle()
            if self._renewals.is_due(connection):
                await self._discard(connection)
                return replies
        self._idle.append((connection, time.monotonic()))
        return replies

    async def _take(self) -> AbstractConnection:
        while self._idle:
            connection, since = self._idle.pop()
            if time.monotonic() - since <= CHECK_AFTER or not await is_stale(connection):
                return connection
            await self._discard(connection)
        async with timeout(self._connect_timeout):
            made: AbstractConnection = await self._pool.get_connection()
        return made

    async def _discard_idle(self) -> None:
        if self._renewals.is_due(self):
            while self._idle:
                await self._discard(self._idle.pop()[0])

    async def _discard(self, connection: AbstractConnection) -> None:
        await connection.disconnect(nowait=True)
        await self._pool.release(connection)

    async def aclose(self) -> None:
        """Waits for the running batches, and closes the connections."""
        while self._tasks:
            await asyncio.wait(tuple(self._tasks))
        while self._idle:
            connection, _ = self._idle.pop()
            await self._pool.release(connection)
        await self._pool.disconnect()


async def is_stale(connection: AbstractConnection) -> bool:
    """Whether the server has closed the connection, or has sent something that nobody asked for."""
    # Before redis-py 8 the only check consumed what had arrived; nothing should have.
    check = getattr(connection, "can_read", None) or connection.can_read_destructive
    try:
        return bool(await check())
    except (RedisError, OSError):
        return True


async def _read(connection: AbstractConnection) -> object:
    try:
        return await connection.read_response(disable_decoding=True)
    except ResponseError as error:
        return error
