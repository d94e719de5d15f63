"""Round trips through redis-py's own layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import redis
from redis.exceptions import ResponseError

from .connection import Command, packed

if TYPE_CHECKING:
    from redis.connection import Connection as RedisConnection


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
