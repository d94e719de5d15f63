"""A link from what the caller has: a URL, a client of redis-py, or a link already."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, TypeVar

import redis
import redis.asyncio
from redis.asyncio.cluster import RedisCluster as AsyncRedisCluster
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.retry import Retry

from ..errors import ConfigurationError
from . import AsyncLink, Link
from .aio import AsyncPoolLink
from .aio_cluster import AsyncClusterLink
from .cluster import ClusterLink
from .sync import PoolLink

Source: TypeAlias = str | redis.Redis | RedisCluster | Link
AsyncSource: TypeAlias = str | redis.asyncio.Redis | AsyncRedisCluster | AsyncLink

# A request that can't be limited in time is a failure; a wait of a quarter of a second is one as well.
CONNECT_TIMEOUT = 0.2
COMMAND_TIMEOUT = 0.1

C = TypeVar("C")


def link_to(source: Source, connect_timeout: float, command_timeout: float, *, cluster: bool = False) -> Link:
    """Opens nothing yet: connections are made when they are needed, so that Redis may be away at the start."""
    if isinstance(source, str):
        url = source
        # Also for a cluster, whose client is made later: a URL that can't be read is an error now.
        source = _valid(redis.Redis.from_url, url)
        if cluster:
            return ClusterLink(
                lambda: _cluster(url, connect_timeout, command_timeout), connect_timeout, command_timeout
            )
    if isinstance(source, RedisCluster):
        return ClusterLink(source, connect_timeout, command_timeout)
    if isinstance(source, redis.Redis):
        return PoolLink(source, connect_timeout, command_timeout)
    if isinstance(source, Link):
        return source
    raise ConfigurationError(f"{type(source).__name__} is neither a URL nor a synchronous client of redis-py")


def async_link_to(
    source: AsyncSource, connect_timeout: float, command_timeout: float, *, cluster: bool = False
) -> AsyncLink:
    """The same for asyncio."""
    if isinstance(source, str):
        url = source
        source = _valid(_cluster_of, url) if cluster else _valid(redis.asyncio.Redis.from_url, url)
    if isinstance(source, AsyncRedisCluster):
        return AsyncClusterLink(source, connect_timeout, command_timeout)
    if isinstance(source, redis.asyncio.Redis):
        return AsyncPoolLink(source, connect_timeout, command_timeout)
    if isinstance(source, AsyncLink):
        return source
    raise ConfigurationError(f"{type(source).__name__} is neither a URL nor an asynchronous client of redis-py")


def _cluster(url: str, connect_timeout: float, command_timeout: float) -> RedisCluster:
    return RedisCluster.from_url(
        url,
        socket_connect_timeout=connect_timeout,
        socket_timeout=min(connect_timeout, command_timeout),
        retry=Retry(NoBackoff(), 0),
    )


def _cluster_of(url: str) -> AsyncRedisCluster:
    # Through a function: redis-py says of the method that it returns one of the class's bases.
    return AsyncRedisCluster.from_url(url)


def _valid(from_url: Callable[[str], C], url: str) -> C:
    try:
        return from_url(url)
    except ValueError:
        # Neither the URL nor what is said of it: a part of the password may be in both.
        raise ConfigurationError(
            "the URL of Redis can't be used: write redis://user:password@host:port/database, rediss://… or unix://…, "
            "with what is special in a password percent-encoded"
        ) from None
