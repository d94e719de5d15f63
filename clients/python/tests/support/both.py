"""Both clients behind one interface, so that each test is written once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import redis
import redis.asyncio

from lockwatch import AsyncLockWatch, LockWatch

LONG_TIMEOUTS: dict[str, Any] = {"connect_timeout": 5, "command_timeout": 5}


class Blocking:
    """An AsyncLockWatch whose methods block, in an event loop of its own."""

    def __init__(self, source: Any, options: dict[str, Any] = LONG_TIMEOUTS) -> None:
        self._runner = asyncio.new_event_loop()
        self._client = AsyncLockWatch(source, **options)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)
        return lambda *args, **kwargs: self._runner.run_until_complete(method(*args, **kwargs))

    def close(self) -> None:
        self._runner.run_until_complete(self._client.aclose())
        self._runner.close()


def _sync_client(url: str, **settings: Any) -> Any:
    return LockWatch(redis.Redis.from_url(url, **settings), **LONG_TIMEOUTS)


def _async_client(url: str, **settings: Any) -> Any:
    return Blocking(redis.asyncio.Redis.from_url(url, **settings))


MAKERS: dict[str, Callable[[str], Any]] = {
    "sync, URL": lambda url: LockWatch(url, **LONG_TIMEOUTS),
    "sync, decoding client": lambda url: _sync_client(url, decode_responses=True),
    "sync, RESP3 client": lambda url: _sync_client(url, protocol=3),
    "async, URL": Blocking,
    "async, decoding client": lambda url: _async_client(url, decode_responses=True),
    "async, RESP3 client": lambda url: _async_client(url, protocol=3),
}
