"""Connections from what the caller has: a URL, a client of redis-py, or a connection already."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, TypeVar

import redis
import redis.asyncio
from redis.asyncio.cluster import RedisCluster as AsyncRedisCluster
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.retry import Retry
from redis.sentinel import Sentinel

from ..errors import ConfigurationError
from .aio_cluster import AsyncClusterConnection
from .cluster import ClusterConnection
from .connection import AsyncConnection, Connection
from .server import cluster_of, server_of_pool
from .single import AsyncSingleConnection, SingleConnection

Source: TypeAlias = str | redis.Redis | RedisCluster | Connection
AsyncSource: TypeAlias = str | redis.asyncio.Redis | AsyncRedisCluster | AsyncConnection

# Seconds. A request should not wait much longer for its limit than for its response.
CONNECT_TIMEOUT = 0.2
COMMAND_TIMEOUT = 0.1

C = TypeVar("C")


def open_connection(
    source: Source, connect_timeout: float, command_timeout: float, *, cluster: bool = False
) -> Connection:
    """Connects with the first command, so that Redis may be away when the application starts."""
    timeouts = (connect_timeout, command_timeout)
    if isinstance(source, str):
        url = source
        # Checked for a cluster as well, whose client is made later.
        source = _from_url(redis.Redis.from_url, url)
        if cluster:
            server = cluster_of([server_of_pool(source.connection_pool)])
            return ClusterConnection(partial(_cluster, url, *timeouts), server, *timeouts)
    if isinstance(source, RedisCluster):
        return ClusterConnection(source, cluster_of(source.nodes_manager.startup_nodes), *timeouts)
    if isinstance(source, redis.Redis):
        return SingleConnection(source, *timeouts)
    if isinstance(source, Connection):
        return source
    raise ConfigurationError(why_unusable(source, asynchronous=False))


def open_async_connection(
    source: AsyncSource, connect_timeout: float, command_timeout: float, *, cluster: bool = False
) -> AsyncConnection:
    """`open_connection` for asyncio."""
    if isinstance(source, str):
        url = source
        source = _from_url(_async_cluster, url) if cluster else _from_url(redis.asyncio.Redis.from_url, url)
    if isinstance(source, AsyncRedisCluster):
        server = cluster_of(source.nodes_manager.startup_nodes)
        return AsyncClusterConnection(source, server, connect_timeout, command_timeout)
    if isinstance(source, redis.asyncio.Redis):
        return AsyncSingleConnection(source, connect_timeout, command_timeout)
    if isinstance(source, AsyncConnection):
        return source
    raise ConfigurationError(why_unusable(source, asynchronous=True))


@dataclass(frozen=True)
class _Kind:
    """One of the two kinds of clients, for messages."""

    name: str
    module: str
    users: str


_SYNC = _Kind("synchronous", "redis", "LockWatch and LockWatchWSGIMiddleware")
_ASYNC = _Kind("asynchronous", "redis.asyncio", "AsyncLockWatch and LockWatchMiddleware")


def why_unusable(source: object, *, asynchronous: bool) -> str:
    """Why an object is nothing to reach Redis by, for a message that says what was expected."""
    wanted, other = (_ASYNC, _SYNC) if asynchronous else (_SYNC, _ASYNC)
    name = source.__name__ if isinstance(source, type) else type(source).__name__
    if isinstance(source, type):
        return f"{name} is a class and not an object"
    clients = (redis.Redis, RedisCluster, redis.asyncio.Redis, AsyncRedisCluster)
    if isinstance(source, clients) or hasattr(source, "link"):
        return f"this {name} is {other.name}: it works with {other.users}"
    if isinstance(source, (Sentinel, AsyncSentinel)):
        return "a Sentinel serves several primaries: write sentinel.master_for('name')"
    if isinstance(source, (redis.ConnectionPool, redis.asyncio.ConnectionPool)):
        return f"a pool is no client: write {wanted.module}.Redis(connection_pool=pool)"
    return f"{name} can't be used to reach Redis"


def check_url(url: str) -> None:
    """Raises ConfigurationError for a URL that redis-py does not understand."""
    _from_url(redis.connection.parse_url, url)


def _cluster(url: str, connect_timeout: float, command_timeout: float) -> RedisCluster:
    return RedisCluster.from_url(
        url,
        socket_connect_timeout=connect_timeout,
        socket_timeout=min(connect_timeout, command_timeout),
        retry=Retry(NoBackoff(), 0),
    )


def _async_cluster(url: str) -> AsyncRedisCluster:
    # redis-py annotates `from_url` with a base class.
    return AsyncRedisCluster.from_url(url)


def _from_url(make: Callable[[str], C], url: str) -> C:
    try:
        return make(url)
    except ValueError:
        # Without the URL and without redis-py's message: both may contain a part of the password.
        raise ConfigurationError(
            "the URL of Redis can't be used: write redis://user:password@host:port/database, rediss://… or unix://…, "
            "with what is special in a password percent-encoded"
        ) from None
