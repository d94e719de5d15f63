"""The name of a server in messages: its host and port, and nothing that could hold a password."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from redis.asyncio.sentinel import SentinelConnectionPool as AsyncSentinelPool
from redis.sentinel import SentinelConnectionPool


def server_of_pool(pool: Any) -> str:  # noqa: ANN401  # a pool of either kind
    """The server that a pool connects to."""
    if isinstance(pool, (SentinelConnectionPool, AsyncSentinelPool)):
        return f"{pool.service_name} (Sentinel)"
    settings = pool.connection_kwargs
    if "path" in settings:
        return str(settings["path"])
    return address(settings.get("host", "localhost"), settings.get("port", 6379))


def cluster_of(addresses: Iterable[str]) -> str:
    """A cluster, by the first of its known nodes in alphabetical order."""
    return f"{min(addresses, default='an unknown node')} (cluster)"


def address(host: object, port: object) -> str:
    """A host and a port as in a URL."""
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"
