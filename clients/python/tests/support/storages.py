"""Strategies of the package limits behind one interface, so that each test is written once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import limits.aio.strategies
import limits.strategies
from limits.storage import storage_from_string

import lockwatch.limits_storage  # noqa: F401  # registers the schemes
from support.both import LONG_TIMEOUTS

STRATEGIES = ["fixed-window", "moving-window", "sliding-window-counter"]
KINDS = ["sync", "async"]


class Blocked:
    """An asynchronous object whose methods block."""

    def __init__(self, inner: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._inner, self._loop = inner, loop

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._inner, name)
        return lambda *args, **kwargs: self._loop.run_until_complete(method(*args, **kwargs))


def storage(kind: str, uri: str, **options: Any) -> Any:
    """A storage of the URI without `async+`."""
    options = {**LONG_TIMEOUTS, **options}
    if kind == "sync":
        return storage_from_string(uri, **options)
    return Blocked(storage_from_string(f"async+{uri}", **options), asyncio.new_event_loop())


def limiter(kind: str, strategy: str, uri: str, **options: Any) -> Any:
    """A strategy with a storage of the URI."""
    made = storage(kind, uri, **options)
    if kind == "sync":
        return limits.strategies.STRATEGIES[strategy](made)
    of_async: dict[str, Any] = dict(limits.aio.strategies.STRATEGIES)
    return Blocked(of_async[strategy](made._inner), made._loop)


def uri_of(url: str) -> str:
    """The URI of a storage at a URL of Redis."""
    return url.replace("redis", "lockwatch", 1)
