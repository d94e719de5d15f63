"""Round trips to one server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import redis
from redis.exceptions import ResponseError

from . import Call, Reply, packed
from .connections import Connections
from .failures import NO_ANSWER, of_reply, of_silence
from .pools import pool_like

if TYPE_CHECKING:
    from redis.connection import Connection


class PoolLink:
    """The link to one server, or to the primary that a sentinel names."""

    def __init__(self, client: redis.Redis, connect_timeout: float, command_timeout: float) -> None:
        self._connections = Connections(pool_like(client.connection_pool, connect_timeout, command_timeout))
        self._wait = command_timeout

    def send(self, calls: Sequence[Call]) -> list[Reply]:
        """Sends calls in one round trip. Raises RedisAway if there is no answer to all of them."""
        try:
            with self._connections.borrowed() as connection:
                write(connection, calls)
                return [settled(reply) for reply in answers(connection, len(calls), self._wait)]
        except NO_ANSWER as error:
            raise of_silence(error) from error

    def close(self) -> None:
        """Ends the connections."""
        self._connections.close()


def write(connection: Connection, calls: Sequence[Call]) -> None:
    """Sends calls in one write."""
    connection.send_packed_command([packed(calls)], check_health=False)


def answers(connection: Connection, count: int, wait: float) -> list[object]:
    """The next replies, each within so many seconds, with redis-py's errors in the place of those that are errors."""
    # The connection's own timeout is that of its handshake if that is shorter.
    looks = connection.socket_timeout is not None and connection.socket_timeout < wait
    found: list[object] = []
    for _ in range(count):
        if looks and not connection.can_read(timeout=wait):
            raise TimeoutError("no reply in time")
        try:
            found.append(connection.read_response(disable_decoding=True))
        except ResponseError as error:  # each reply may be one
            found.append(error)
    return found


def settled(reply: object) -> Reply:
    """A reply with our error for redis-py's."""
    return of_reply(reply) if isinstance(reply, ResponseError) else reply
