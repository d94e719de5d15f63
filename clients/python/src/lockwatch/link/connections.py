"""Connections that are kept at hand between round trips.

A pool's own borrowing takes about as long as a round trip's commands: it locks, counts, and looks at the socket each
time. What was used a moment ago needs no such look.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import redis
from redis.exceptions import RedisError

if TYPE_CHECKING:
    from redis.connection import Connection

# A server closes connections when it restarts, and idle ones if it is told to: seconds after which one is looked at.
FRESH = 1.0


class Connections:
    """A pool's connections, those idle first that were used last."""

    def __init__(self, pool: redis.ConnectionPool) -> None:
        self._pool = pool
        self._pid = os.getpid()
        self._idle: deque[tuple[Connection, float]] = deque()

    @contextmanager
    def borrowed(self) -> Iterator[Connection]:
        """A connection that works, as far as can be told without a round trip. One that failed is not used again."""
        connection = self._take()
        try:
            yield connection
        except BaseException:
            # Replies may still be on their way, and would be taken for those of the next calls.
            connection.disconnect()
            self._pool.release(connection)
            raise
        self._idle.append((connection, time.monotonic()))

    def _take(self) -> Connection:
        if self._pid != os.getpid():
            # A child of fork leaves its parent's connections alone.
            self._idle, self._pid = deque(), os.getpid()
        try:
            connection, since = self._idle.pop()
        except IndexError:
            return self._pool.get_connection()
        if time.monotonic() - since > FRESH and _is_stale(connection):
            connection.disconnect()
            self._pool.release(connection)
            return self._pool.get_connection()
        return connection

    def close(self) -> None:
        """Ends the connections that are idle."""
        while self._idle:
            connection, _ = self._idle.pop()
            self._pool.release(connection)
        self._pool.disconnect()


def _is_stale(connection: Connection) -> bool:
    try:
        return connection.can_read()
    except (RedisError, OSError):
        return True
