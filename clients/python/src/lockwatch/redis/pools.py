"""Connection pools of our own, with the settings of the caller's pool.

The caller's pool itself will not do. Its connections may retry for seconds and wait as long as the
caller allows, and the application may be using all of them when a request needs its limit.
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

# Settings that tie a pool's connections to that pool, or to the client around it.
_TIED_PREFIXES = ("maint_notifications", "maintenance_", "orig_", "oss_cluster_", "himport_", "event_dispatcher")
_TIED = frozenset({"connection_pool", "response_callbacks", "cache", "cache_config", "retry_on_error"})


def _settings(given: dict[str, Any], connect_timeout: float, command_timeout: float | None) -> dict[str, Any]:
    kept = {name: value for name, value in given.items() if name not in _TIED and not name.startswith(_TIED_PREFIXES)}
    # RESP2 needs one command less to connect, and has no push messages among the replies.
    kept.update(
        protocol=2,
        retry_on_timeout=False,
        socket_connect_timeout=connect_timeout,
        socket_timeout=command_timeout,
    )
    return kept


def pool_like(pool: redis.ConnectionPool, connect_timeout: float, command_timeout: float) -> redis.ConnectionPool:
    """A pool for the same server that does not retry.

    The handshake has the connect timeout, however long a command may take: see `single.receive`.
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
    """The same sentinels with our timeout. By default redis-py waits for a sentinel for ever."""
    made = copy.copy(manager)
    made.sentinels = [
        redis.Redis(connection_pool=pool_like(client.connection_pool, connect_timeout, connect_timeout))
        for client in manager.sentinels
    ]
    return made


def async_pool_like(
    connection_class: type[AbstractConnection], given: dict[str, Any], connect_timeout: float
) -> redis.asyncio.ConnectionPool:
    """`pool_like` for asyncio.

    Its connections have no command timeout, because a batch has one for all its commands.
    """
    settings = _settings(given, connect_timeout, None)
    settings["retry"] = AsyncRetry(NoBackoff(), 0)
    return redis.asyncio.ConnectionPool(connection_class=connection_class, **settings)


def async_pool_of(client: redis.asyncio.Redis, connect_timeout: float) -> redis.asyncio.ConnectionPool:
    """`async_pool_like` for the pool of a client, which may find its server through sentinels."""
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
