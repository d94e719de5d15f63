"""The URIs of `limits_storage`: `lockwatch://` and its variants, as clients of redis-py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import redis
import redis.asyncio
from limits.errors import ConfigurationError
from redis.asyncio.cluster import ClusterNode as AsyncClusterNode
from redis.asyncio.cluster import RedisCluster as AsyncRedisCluster
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.retry import Retry
from redis.sentinel import Sentinel

from .client_rules import CONNECTION
from .redis.cluster import ClusterConnection
from .redis.open import COMMAND_TIMEOUT, CONNECT_TIMEOUT
from .redis.server import cluster_of

T = TypeVar("T")

SCHEMES = ["lockwatch", "lockwatchs", "lockwatch+unix", "lockwatch+sentinel", "lockwatch+cluster"]
ASYNC_SCHEMES = [f"async+{scheme}" for scheme in SCHEMES]
_SCHEMES_OF_REDIS = {"lockwatch": "redis", "lockwatchs": "rediss", "lockwatch+unix": "unix"}
_PORTS = {"lockwatch+sentinel": 26379, "lockwatch+cluster": 6379}
# Seconds. Only `reset` uses the client of redis-py itself.
_TIMEOUTS = {"socket_connect_timeout": 1.0, "socket_timeout": 10.0}


@dataclass(frozen=True)
class Place(Generic[T]):
    """Where the counters are."""

    source: Any
    """For LockWatch or AsyncLockWatch."""
    options: dict[str, Any]
    """The options of that client."""
    client: Callable[[], T]
    """Returns a client of redis-py, which does not connect before its first command."""


def place(uri: str, options: dict[str, Any]) -> Place[Any]:
    """Reads a URI without `async+`. Raises ConfigurationError of limits.

    `options` are those of LockWatch, and else those of redis-py.
    """
    uri, own, others = _split(uri, options)
    scheme, nodes, path, login = _parse(uri)
    others = {**_TIMEOUTS, **login, **others}
    if scheme == "lockwatch+sentinel":
        client = _of_sentinel(Sentinel, nodes, path, login, others)
        return Place(client, own, lambda: client)
    if scheme == "lockwatch+cluster":
        startup = [ClusterNode(host, port) for host, port in nodes] or others.pop("startup_nodes", [])
        _need_nodes(startup)
        # redis-py connects when the client is made. So the first command makes it.
        make = partial(RedisCluster, startup_nodes=startup, retry=Retry(NoBackoff(), 0), **others)
        timeouts = (own.get("connect_timeout", CONNECT_TIMEOUT), own.get("command_timeout", COMMAND_TIMEOUT))
        bounded = partial(make, socket_connect_timeout=timeouts[0], socket_timeout=min(timeouts))
        server = cluster_of(node.name for node in startup)
        return Place(ClusterConnection(bounded, server, *timeouts), own, make)
    single = _of_url(redis.Redis, uri, scheme, others)
    return Place(single, own, lambda: single)


def async_place(uri: str, options: dict[str, Any]) -> Place[Any]:
    """`place` for asyncio."""
    uri, own, others = _split(uri, options)
    # How limits chooses between clients of Redis. This storage uses redis-py.
    others.pop("implementation", None)
    scheme, nodes, path, login = _parse(uri)
    others = {**_TIMEOUTS, **login, **others}
    if scheme == "lockwatch+sentinel":
        client = _of_sentinel(AsyncSentinel, nodes, path, login, others)
    elif scheme == "lockwatch+cluster":
        startup = [AsyncClusterNode(host, port) for host, port in nodes] or others.pop("startup_nodes", [])
        _need_nodes(startup)
        client = AsyncRedisCluster(startup_nodes=startup, **others)
    else:
        client = _of_url(redis.asyncio.Redis, uri, scheme, others)
    return Place(client, own, lambda: client)


def _split(uri: str, options: dict[str, Any]) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """The URI without options of LockWatch, these, and those of redis-py."""
    address, _, query = uri.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    own = {name: _number(value) for name, value in pairs if name in CONNECTION}
    own |= {name: value for name, value in options.items() if name in CONNECTION}
    rest = urlencode([(name, value) for name, value in pairs if name not in CONNECTION])
    others = {name: value for name, value in options.items() if name not in CONNECTION}
    return f"{address}?{rest}" if rest else address, own, others


def _number(text: str) -> float | str:
    """`3` and `0.5` as numbers. `500ms` stays a text."""
    try:
        return int(text) if text.isdecimal() else float(text)
    except ValueError:
        return text


def _parse(uri: str) -> tuple[str, list[tuple[str, int]], str, dict[str, str]]:
    """The scheme, the nodes of a URI with several, the path, and user and password."""
    try:
        parts = urlsplit(uri)
        login = {"username": parts.username, "password": parts.password}
    except ValueError:
        raise _unusable() from None
    if parts.scheme not in _PORTS:
        return parts.scheme, [], "", {}
    nodes = [_node(each, _PORTS[parts.scheme]) for each in parts.netloc.rpartition("@")[2].split(",") if each]
    given = {name: unquote(value) for name, value in login.items() if value}
    return parts.scheme, nodes, parts.path.strip("/"), given


def _node(text: str, port: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text.strip()}")
        host, port = parts.hostname, parts.port or port
    except ValueError:
        host = None
    if not host:
        raise _unusable()
    return host, port


def _of_url(kind: Any, uri: str, scheme: str, options: dict[str, Any]) -> Any:  # noqa: ANN401  # a client's class
    url = f"{_SCHEMES_OF_REDIS[scheme]}{uri[len(scheme) :]}"
    pool = options.pop("connection_pool", None)
    if pool is not None:
        return kind(connection_pool=pool)
    try:
        return kind.from_url(url, **options)
    except ValueError:
        raise _unusable() from None


def _of_sentinel(
    kind: Any,  # noqa: ANN401  # a class of redis-py
    nodes: list[tuple[str, int]],
    path: str,
    login: dict[str, str],
    options: dict[str, Any],
) -> Any:  # noqa: ANN401  # its client
    service = path or options.get("service_name")
    if not service or not nodes:
        raise ConfigurationError(
            "the sentinels or the name of their service are missing: write lockwatch+sentinel://host:26379/mymaster"
        )
    # Limits and their state are read from the primary, whatever limits is told about replicas.
    own = {name: value for name, value in options.items() if name not in ("service_name", "use_replicas")}
    sentinel_options = {**_TIMEOUTS, **login, **own.pop("sentinel_kwargs", {})}
    return kind(nodes, sentinel_kwargs=sentinel_options, **own).master_for(service)


def _need_nodes(nodes: object) -> None:
    if not nodes:
        raise ConfigurationError("the URI names no node of the cluster: write lockwatch+cluster://host:6379,host:6380")


def _unusable() -> ConfigurationError:
    # Without the URI, which may contain a password.
    return ConfigurationError(
        "the URI of the storage can't be used: write lockwatch://user:password@host:port/database, lockwatchs://…, "
        "lockwatch+unix:///path, lockwatch+sentinel://host:port/service or lockwatch+cluster://host:port,host:port, "
        "with what is special in a password percent-encoded"
    )
