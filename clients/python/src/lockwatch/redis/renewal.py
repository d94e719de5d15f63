"""Replaces pooled connections to a server that is not the primary any more.

Behind a proxy or a Kubernetes service, the address stays the same after a failover, and a new
connection leads to the new primary.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from .failures import is_not_primary

if TYPE_CHECKING:
    import redis
    from redis.connection import Connection as RedisConnection

# Seconds between two renewals of one connection. A server that stays read-only would otherwise get
# a new connection for every command.
RENEW_AFTER = 1.0


class Renewals:
    """When each connection was last renewed."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._renewed: WeakKeyDictionary[object, float] = WeakKeyDictionary()

    def is_due(self, what: object) -> bool:
        """Whether `what` may be renewed now. If so, it counts as renewed."""
        now = self._clock()
        if now - self._renewed.get(what, float("-inf")) < RENEW_AFTER:
            return False
        self._renewed[what] = now
        return True


class RenewedPool:
    """A pool of redis-py for threads, and the renewal of its connections."""

    def __init__(self, pool: redis.ConnectionPool, server: str) -> None:
        self.pool = pool
        self.server = server
        self._renewals = Renewals()

    def check(self, answers: Iterable[object], connection: RedisConnection | None = None) -> bool:
        """Closes `connection` and the idle ones if the server is not the primary by an answer.

        The pool connects them again when they are used. Returns whether an answer said so.
        """
        if not any(map(is_not_primary, answers)):
            return False
        if connection is not None and self._renewals.is_due(connection):
            connection.disconnect()
        if self._renewals.is_due(self):
            self.pool.disconnect(inuse_connections=False)
        return True
