"""Connection pools of our own, made like those of the caller's client.

The caller's pool itself would not do: its connections repeat the connect with back-off for seconds, wait as long as its
owner likes to wait, and may all be in use by the application when a request wants to know its limit.
"""

from __future__ import annotations

import copy
from typing import Any

import redis
import redis.asyncio
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import SentinelConnectionPool as AsyncSentinelPool
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelConnectionPool

# Of a pool's settings those that tie its connections to that pool, or to the client around it.
_TIED = ("maint_notifications", "maintenance_", "orig_", "oss_cluster_", "himport_", "event_dispatcher")
_TIED_EXACTLY = frozenset({"connection_pool", "response_callbacks", "cache", "cache_config", "retry_on_error"})


def _settings(given: dict[str, Any], connect_timeout: float, command_timeout: float | None) -> dict[str, Any]:
    kept = {name: value for name, value in given.items() if name not in _TIED_EXACTLY and not name.startswith(_TIED)}
    # RESP2: one handshake fewer, and no push messages among the replies.
    kept.update(
        protocol=2,
        retry_on_timeout=False,
        socket_connect_timeout=connect_timeout,
        socket_timeout=command_timeout,
    )
    return kept


def pool_like(pool: redis.ConnectionPool, connect_timeout: float, command_timeout: float) -> redis.ConnectionPool:
    """A pool to the same place, that tries once and waits no longer than that.

    A server that accepts connections and says nothing costs the connect timeout, whatever a command may take.
    """
    settings = _settings(pool.connection_kwargs, connect_timeout, min(connect_timeout, command_timeout))
    settings["retry"] = Retry(NoBackoff(), 0)
    if isinstance(pool, SentinelConnectionPool):
        return SentinelConnectionPool(
            pool.service_name,
            _sentinel_like(pool.sentinel_manager, connect_timeout),
            is_master=pool.is_master,
            check_connection=pool.check_connection,
            connection_class=pool.connection_class,
            **settings,
        )
    return redis.ConnectionPool(connection_class=pool.connection_class, **settings)


def _sentinel_like(manager: Sentinel, connect_timeout: float) -> Sentinel:
    """The same sentinels, asked with our timeouts: those of redis-py wait for ever unless told otherwise."""
    made = copy.copy(manager)
    made.sentinels = [
        redis.Redis(connection_pool=pool_like(client.connection_pool, connect_timeout, connect_timeout))
        for client in manager.sentinels
    ]
    return made


def async_pool_like(
    connection_class: type[AbstractConnection], given: dict[str, Any], connect_timeout: float
) -> redis.asyncio.ConnectionPool:
    """The same for asyncio. Its connections have no command timeout: a lane keeps time for all its calls at once."""
    settings = _settings(given, connect_timeout, None)
    settings["retry"] = AsyncRetry(NoBackoff(), 0)
    return redis.asyncio.ConnectionPool(connection_class=connection_class, **settings)


def async_pool_of(client: redis.asyncio.Redis, connect_timeout: float) -> redis.asyncio.ConnectionPool:
    """The same for a client of one server, or of what a sentinel names."""
    pool = client.connection_pool
    if not isinstance(pool, AsyncSentinelPool):
        return async_pool_like(pool.connection_class, pool.connection_kwargs, connect_timeout)
    settings = _settings(pool.connection_kwargs, connect_timeout, None)
    settings["retry"] = AsyncRetry(NoBackoff(), 0)
    return AsyncSentinelPool(
        pool.service_name,
        pool.sentinel_manager,
        is_master=pool.is_master,
        check_connection=pool.check_connection,
        connection_class=pool.connection_class,
        **settings,
    )
