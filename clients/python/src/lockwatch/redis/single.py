"""Round trips to one server, or to the primary that a sentinel names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import redis
import redis.asyncio
from redis.exceptions import ResponseError

from .batch import AsyncBatches
from .connection import Command, Reply, packed
from .failures import NO_ANSWER, no_answer, reply_or_error
from .pools import async_pool_of, pool_like
from .renewal import RenewedPool
from .server import server_of_pool

if TYPE_CHECKING:
    from redis.connection import Connection as RedisConnection


class SingleConnection:
    """A connection to one server, for any number of threads."""

    def __init__(self, client: redis.Redis, connect_timeout: float, command_timeout: float) -> None:
        self.server = server_of_pool(client.connection_pool)
        pool = pool_like(client.connection_pool, connect_timeout, command_timeout)
        self._renewed = RenewedPool(pool, self.server)
        self._command_timeout = command_timeout

    def send(self, commands: Sequence[Command[Any]]) -> list[Reply]:
        """Sends the commands in one write. Raises UnavailableError without all the answers."""
        try:
            with borrow(self._renewed.pool) as connection:
                write(connection, commands)
                replies = receive(connection, len(commands), self._command_timeout)
                self._renewed.check(replies, connection)
        except NO_ANSWER as error:
            self._renewed.check([error])
            raise no_answer(error, self.server) from error
        return [reply_or_error(reply, self.server) for reply in replies]

    def close(self) -> None:
        """Closes the sockets."""
        self._renewed.pool.disconnect()


class AsyncSingleConnection:
    """A connection to one server, for any number of tasks and event loops."""

    def __init__(self, client: redis.asyncio.Redis, connect_timeout: float, command_timeout: float) -> None:
        make_pool = partial(async_pool_of, client, connect_timeout)
        self.server = server_of_pool(client.connection_pool)
        self.batches = AsyncBatches(make_pool, self.server, connect_timeout, command_timeout)

    async def send(self, commands: Sequence[Command[Any]]) -> list[Reply]:
        """Sends the commands in one write.

        Raises UnavailableError without an answer to all of them.
        """
        try:
            return [reply_or_error(reply, self.server) for reply in await self.batches.send(commands)]
        except NO_ANSWER as error:
            raise no_answer(error, self.server) from error

    async def aclose(self) -> None:
        """Closes the sockets of the running event loop."""
        await self.batches.aclose()


@contextmanager
def borrow(pool: redis.ConnectionPool) -> Iterator[RedisConnection]:
    """Lends a connection of a pool. After an exception it is closed."""
    connection = pool.get_connection()
    try:
        yield connection
    except BaseException:
        # Late replies would be taken for those of the next commands.
        connection.disconnect()
        raise
    finally:
        pool.release(connection)


def write(connection: RedisConnection, commands: Sequence[Command[Any]]) -> None:
    """Sends commands in one write."""
    connection.send_packed_command([packed(commands)], check_health=False)


def receive(connection: RedisConnection, count: int, command_timeout: float) -> list[object]:
    """The next replies, each within the command timeout.

    An error reply is an exception of redis-py in the list.
    """
    # The socket's timeout is the handshake's, which may be shorter.
    waits = connection.socket_timeout is not None and connection.socket_timeout < command_timeout
    replies: list[object] = []
    for _ in range(count):
        if waits and not connection.can_read(timeout=command_timeout):
            raise TimeoutError("no reply in time")
        try:
            replies.append(connection.read_response(disable_decoding=True))
        except ResponseError as error:
            replies.append(error)
    return replies
