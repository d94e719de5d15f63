"""Round trips to one server, or to the primary that a sentinel names."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any

import redis
import redis.asyncio

from .batches import AsyncBatches
from .channels import Channels
from .connection import Command, Reply
from .failures import NO_ANSWER, no_answer
from .pools import async_pool_of, pool_like
from .server import server_of_pool


class SingleConnection:
    """A connection to one server, for any number of threads."""

    def __init__(self, client: redis.Redis, connect_timeout: float, command_timeout: float) -> None:
        self.server = server_of_pool(client.connection_pool)
        pool = pool_like(client.connection_pool, connect_timeout, command_timeout)
        self._channels = Channels(pool, self.server, command_timeout)

    def send(self, commands: Sequence[Command[Any]]) -> list[Reply]:
        """Sends the commands in one write. Raises UnavailableError without all the answers."""
        try:
            return self._channels.exchange(commands)
        except NO_ANSWER as error:
            raise no_answer(error, self.server) from error

    def close(self) -> None:
        """Closes the sockets."""
        self._channels.close()


class AsyncSingleConnection:
    """A connection to one server, for any number of tasks and event loops."""

    def __init__(self, client: redis.asyncio.Redis, connect_timeout: float, command_timeout: float) -> None:
        make_pool = partial(async_pool_of, client, connect_timeout)
        self.server = server_of_pool(client.connection_pool)
        self.batches = AsyncBatches(make_pool, self.server, connect_timeout, command_timeout)

    def send(self, commands: Sequence[Command[Any]]) -> Coroutine[Any, Any, list[Reply]]:
        """Sends the commands in one write.

        Raises UnavailableError without an answer to all of them.
        """
        return self.batches.send(commands)

    async def aclose(self) -> None:
        """Closes the sockets of the running event loop."""
        await self.batches.aclose()
