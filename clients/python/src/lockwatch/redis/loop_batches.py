"""The batches of one event loop, and their connections."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from .batch import Batch
from .connection import Command, packed
from .deadlines import Deadlines
from .failures import NO_ANSWER, is_not_primary
from .layered_wire import LayeredWire
from .renewal import Renewals
from .resp import ErrorOf, Replies
from .timeout import timeout
from .wire import Channel, Wire, transport_of

if TYPE_CHECKING:
    from redis.asyncio import ConnectionPool

# A connection that was idle for longer, in seconds, is checked: the server may have closed it.
CHECK_AFTER = 1.0
# Seconds beyond the timeouts after which the calls of a batch give up on it.
_GRACE = 1.0


class LoopBatches:
    """The batches of one event loop."""

    def __init__(
        self, pool: ConnectionPool, server: str, connect_timeout: float, command_timeout: float, error_of: ErrorOf
    ) -> None:
        self._pool = pool
        self._server = server
        self._error_of = error_of
        self._renewals = Renewals()
        self._connect_timeout = connect_timeout
        self._next: Batch | None = None
        self._idle: list[Channel] = []
        self._running: dict[Channel, Batch] = {}
        self._in_time: Deadlines[Channel] = Deadlines(command_timeout, self._late)
        # These are for a batch that is never flushed or whose task is lost.
        self._lost: Deadlines[Batch] = Deadlines(connect_timeout + command_timeout + _GRACE, self._give_up)
        self._tasks: set[asyncio.Task[None]] = set()
        # For a caller that waits until no batch is running.
        self._quiet: asyncio.Future[None] | None = None

    async def send(self, commands: Sequence[Command[Any]]) -> list[object]:
        """Adds commands to the next batch, and waits for their replies."""
        # Packed here, so that arguments that cannot be sent fail this call alone.
        data = packed(commands)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[object]] = loop.create_future()
        batch = self._next
        if batch is None:
            batch = self._next = Batch()
            self._lost.start(batch)
            loop.call_soon(self._flush)
        batch.add(future, data, len(commands))
        if batch.is_full:
            self._flush()
        return await future

    def fail(self) -> None:
        """Fails the calls of a loop that is closed."""
        waiting = [*self._running.values(), *(() if self._next is None else (self._next,))]
        self._next = None
        self._running.clear()
        for batch in waiting:
            # A closed loop accepts no callbacks.
            with suppress(RuntimeError):
                batch.fail(ConnectionError("the event loop is closed"), self._server)

    def _flush(self) -> None:
        batch, self._next = self._next, None
        if batch is not None:
            self._send(batch)

    def _send(self, batch: Batch) -> None:
        while self._idle:
            wire = self._idle[-1]
            loop = asyncio.get_running_loop()
            if not batch.is_delayed and loop.time() - wire.used_at > CHECK_AFTER:
                # The loop learns of a closed connection before the next iteration.
                batch.is_delayed = True
                loop.call_soon(self._send, batch)
                return
            self._idle.pop()
            if wire.is_open:
                self._begin(wire, batch)
                return
            self._discard(wire)
        self._start(self._connect(batch))

    def _begin(self, wire: Channel, batch: Batch) -> None:
        self._running[wire] = batch
        self._in_time.start(wire)
        wire.used_at = asyncio.get_running_loop().time()
        try:
            wire.begin(batch.data, batch.count)
        except Exception as error:  # noqa: BLE001  # the transport is closed, as uvloop reports
            self.failed(wire, ConnectionError(str(error)))

    async def _connect(self, batch: Batch) -> None:
        try:
            async with timeout(self._connect_timeout):
                connection = await self._pool.get_connection()
        except BaseException as error:
            self._lost.stop(batch)
            batch.fail(error, self._server)
            if isinstance(error, NO_ANSWER):
                return
            raise
        transport = transport_of(connection)
        wire: Channel
        if transport is None:
            wire = LayeredWire(connection, self._server, self._error_of, self)
        else:
            wire = Wire(connection, transport, Replies(self._server, self._error_of), self)
        self._begin(wire, batch)

    def answered(self, wire: Channel, replies: list[object]) -> None:
        """All replies of a batch have come."""
        self._end(wire).answer(replies)
        is_renewed = any(map(is_not_primary, replies)) and self._is_renewed(wire)
        if wire.is_open and not is_renewed:
            self._idle.append(wire)
        else:
            self._discard(wire)

    def failed(self, wire: Channel, error: BaseException) -> None:
        """A batch has no answer."""
        self._end(wire).fail(error, self._server)
        # Late replies would be taken for those of the next commands. What ended this connection has
        # probably ended the idle ones too.
        self._discard(wire)
        self._discard_idle()

    def _end(self, wire: Channel) -> Batch:
        self._in_time.stop(wire)
        batch = self._running.pop(wire)
        self._lost.stop(batch)
        if self._quiet is not None and not self._running and not self._quiet.done():
            self._quiet.set_result(None)
        return batch

    def _late(self, wire: Channel) -> None:
        self.failed(wire, TimeoutError("no reply in time"))

    def _give_up(self, batch: Batch) -> None:
        batch.fail(TimeoutError("no reply in time"), self._server)

    def _is_renewed(self, wire: Channel) -> bool:
        """Closes connections to a server that is not the primary, each at most once per second."""
        if self._renewals.is_due(self):
            self._discard_idle()
        return self._renewals.is_due(wire.connection)

    def _discard_idle(self) -> None:
        while self._idle:
            self._discard(self._idle.pop())

    def _discard(self, wire: Channel) -> None:
        wire.close()
        self._start(self._release(wire))

    async def _release(self, wire: Channel) -> None:
        # The pool connects it again when it is needed.
        with suppress(RedisError, OSError):
            await wire.connection.disconnect(nowait=True)
        await self._pool.release(wire.connection)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        # The loop itself refers to tasks weakly.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        """Waits for the running batches, and closes the connections."""
        self._flush()
        while self._tasks or self._running:
            if self._tasks:
                await asyncio.wait(tuple(self._tasks))
            if self._running:
                self._quiet = asyncio.get_running_loop().create_future()
                await self._quiet
        while self._idle:
            await self._release(self._idle.pop())
        self._in_time.close()
        self._lost.close()
        await self._pool.disconnect()
