"""The URIs of `limits_storage`: `lockwatch://` and its variants, as clients of redis-py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Literal, TypeAlias, TypeVar
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
from .duration import milliseconds
from .redis.cluster import ClusterConnection
from .redis.open import COMMAND_TIMEOUT, CONNECT_TIMEOUT
from .redis.server import cluster_of
from .rules import KEY_PREFIX, Rule, Rules, one_of, read_options

T = TypeVar("T")

PREFIX = "lw:limits"
SCHEMES = ["lockwatch", "lockwatchs", "lockwatch+unix", "lockwatch+sentinel", "lockwatch+cluster"]
ASYNC_SCHEMES = [f"async+{scheme}" for scheme in SCHEMES]
_SCHEMES_OF_REDIS = {"lockwatch": "redis", "lockwatchs": "rediss", "lockwatch+unix": "unix"}
_PORTS = {"lockwatch+sentinel": 26379, "lockwatch+cluster": 6379}
# Seconds. Only `reset` uses the client of redis-py itself.
_TIMEOUTS = {"socket_connect_timeout": 1.0, "socket_timeout": 10.0}


OnFailure: TypeAlias = Literal["raise", "allow"]
# The options of a storage that are not those of redis-py.
_OWN: Rules = {
    **{name: rule for name, rule in CONNECTION.items() if name != "service"},
    "key_prefix": KEY_PREFIX,
    "on_redis_failure": one_of("raise", "allow"),
    "lockwatch": Rule("a client of lockwatch", lambda value: value),
}


class StorageOptions:
    """What a storage is given, in its URI and as arguments."""

    def __init__(self, uri: str, given: dict[str, Any]) -> None:
        address, _, query = uri.partition("?")
        pairs = parse_qsl(query, keep_blank_values=True)
        own: dict[str, Any] = {name: _number(value) for name, value in pairs if name in _OWN}
        own |= {name: value for name, value in given.items() if name in _OWN}
        checked = read_options(own, _OWN, " of the storage")
        rest = urlencode([(name, value) for name, value in pairs if name not in _OWN])
        self.uri = f"{address}?{rest}" if rest else address
        """Without options of lockwatch."""
        self.key_prefix: str = checked.pop("key_prefix", PREFIX)
        self.on_redis_failure: OnFailure = checked.pop("on_redis_failure", "raise")
        self.lockwatch: Any = checked.pop("lockwatch", None)
        self.client: dict[str, Any] = checked
        """The options of the client of lockwatch."""
        self.redis = {**_TIMEOUTS, **{name: value for name, value in given.items() if name not in _OWN}}
        """Those of redis-py."""


def _number(text: str) -> float | str:
    """`3` and `0.5` as numbers. `500ms` stays a text."""
    try:
        return int(text) if text.isdecimal() else float(text)
    except ValueError:
        return text


@dataclass(frozen=True)
class Place(Generic[T]):
    """Where the counters are."""

    source: Any
    """For LockWatch or AsyncLockWatch."""
    client: Callable[[], T]
    """Returns a client of redis-py, which does not connect before its first command."""


def place(options: StorageOptions) -> Place[Any]:
    """Reads a URI. Raises ConfigurationError of limits."""
    scheme, nodes, path, login = _parse(options.uri)
    of_redis = {**login, **options.redis}
    if scheme == "lockwatch+sentinel":
        client = _of_sentinel(Sentinel, nodes, path, login, of_redis)
        return Place(client, lambda: client)
    if scheme == "lockwatch+cluster":
        startup = [ClusterNode(host, port) for host, port in nodes] or of_redis.pop("startup_nodes", [])
        _need_nodes(startup)
        # redis-py connects when the client is made. So the first command makes it.
        make = partial(RedisCluster, startup_nodes=startup, retry=Retry(NoBackoff(), 0), **of_redis)
        connect = milliseconds(options.client.get("connect_timeout", CONNECT_TIMEOUT)) / 1000
        command = milliseconds(options.client.get("command_timeout", COMMAND_TIMEOUT)) / 1000
        bounded = partial(make, socket_connect_timeout=connect, socket_timeout=min(connect, command))
        server = cluster_of(node.name for node in startup)
        return Place(ClusterConnection(bounded, server, connect, command), make)
    single = _of_url(redis.Redis, options.uri, scheme, of_redis)
    return Place(single, lambda: single)


def async_place(options: StorageOptions) -> Place[Any]:
    """`place` for asyncio, with a URI without `async+`."""
    scheme, nodes, path, login = _parse(options.uri)
    of_redis = {**login, **options.redis}
    # How limits chooses between clients of Redis. This storage uses redis-py.
    of_redis.pop("implementation", None)
    if scheme == "lockwatch+sentinel":
        client = _of_sentinel(AsyncSentinel, nodes, path, login, of_redis)
    elif scheme == "lockwatch+cluster":
        startup = [AsyncClusterNode(host, port) for host, port in nodes] or of_redis.pop("startup_nodes", [])
        _need_nodes(startup)
        client = AsyncRedisCluster(startup_nodes=startup, **of_redis)
    else:
        client = _of_url(redis.asyncio.Redis, options.uri, scheme, of_redis)
    return Place(client, lambda: client)


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
        client = kind.from_url(url, **options)
        # redis-py would find a misspelt option with the first command.
        pool = client.connection_pool
        pool.connection_class(**pool.connection_kwargs)
    except ValueError:
        raise _unusable() from None
    except TypeError as error:
        raise ConfigurationError(f"an option of the storage is not known: {error}") from None
    return client


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
