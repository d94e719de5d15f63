"""A connection of an event loop through redis-py's own layers.

It is for a version of redis-py whose transport `wire.transport_of` does not find.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from redis.exceptions import RedisError, ResponseError

from .failures import NO_ANSWER, code_and_message
from .resp import ErrorOf
from .wire import Owner

if TYPE_CHECKING:
    from redis.asyncio.connection import AbstractConnection


class LayeredWire:
    """A `Channel` with a task for each batch."""

    is_open = True

    def __init__(self, connection: AbstractConnection, server: str, error_of: ErrorOf, owner: Owner) -> None:
        self.connection = connection
        self.used_at = 0.0
        self._server = server
        self._error_of = error_of
        self._owner = owner
        self._is_new = True
        self._task: asyncio.Task[None] | None = None

    def begin(self, data: bytes, count: int) -> None:
        """Sends a batch, which has a number of replies."""
        self._task = asyncio.get_running_loop().create_task(self._run(data, count))

    async def _run(self, data: bytes, count: int) -> None:
        try:
            if not self._is_new and await _is_stale(self.connection):
                await self.connection.disconnect(nowait=True)
                await self.connection.connect()
            self._is_new = False
            await self.connection.send_packed_command(data, check_health=False)
            replies = [await self._read() for _ in range(count)]
        except NO_ANSWER as error:
            self._owner.failed(self, error)
        else:
            self._owner.answered(self, replies)

    async def _read(self) -> object:
        try:
            return await self.connection.read_response(disable_decoding=True)
        except ResponseError as error:
            return self._error_of(*code_and_message(error), self._server)

    def close(self) -> None:
        """Ends the task. The connection itself is closed when it goes back to its pool."""
        if self._task is not None:
            self._task.cancel()


async def _is_stale(connection: AbstractConnection) -> bool:
    """Whether the server has closed the connection, or has sent something that nobody asked for."""
    # Before redis-py 8 the only check consumed what had arrived; nothing should have.
    check = getattr(connection, "can_read", None) or connection.can_read_destructive
    try:
        return bool(await check())
    except (RedisError, OSError):
        return True
