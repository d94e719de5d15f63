"""Connections from what the caller has: a URL, a client of redis-py, or a connection already."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias, TypeVar

import redis
import redis.asyncio
from redis.asyncio.cluster import RedisCluster as AsyncRedisCluster
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.retry import Retry

from ..errors import ConfigurationError
from .aio_cluster import AsyncClusterConnection
from .cluster import ClusterConnection
from .connection import AsyncConnection, Connection
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
            return ClusterConnection(partial(_cluster, url, *timeouts), *timeouts)
    if isinstance(source, RedisCluster):
        return ClusterConnection(source, *timeouts)
    if isinstance(source, redis.Redis):
        return SingleConnection(source, *timeouts)
    if isinstance(source, Connection):
        return source
    raise ConfigurationError(f"{type(source).__name__} is neither a URL nor a synchronous client of redis-py")


def open_async_connection(
    source: AsyncSource, connect_timeout: float, command_timeout: float, *, cluster: bool = False
) -> AsyncConnection:
    """`open_connection` for asyncio."""
    if isinstance(source, str):
        url = source
        source = _from_url(_async_cluster, url) if cluster else _from_url(redis.asyncio.Redis.from_url, url)
    if isinstance(source, AsyncRedisCluster):
        return AsyncClusterConnection(source, connect_timeout, command_timeout)
    if isinstance(source, redis.asyncio.Redis):
        return AsyncSingleConnection(source, connect_timeout, command_timeout)
    if isinstance(source, AsyncConnection):
        return source
    raise ConfigurationError(f"{type(source).__name__} is neither a URL nor an asynchronous client of redis-py")


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
