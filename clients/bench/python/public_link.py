"""The commands of the middleware through redis-py's `pipeline(transaction=False)`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

TIMEOUTS: dict[str, Any] = {"socket_connect_timeout": 0.2, "socket_timeout": 0.1, "protocol": 2}


class PublicLink:
    """Synchronous: a pipeline for each request."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), **TIMEOUTS)

    def send(self, calls: Sequence[Any]) -> list[Any]:
        """Sends calls in one round trip."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for call in calls:
                pipeline.execute_command(*call.args)
            return pipeline.execute(raise_on_error=False)

    def close(self) -> None:
        """Closes the connections."""
        self._redis.close()


class AsyncPublicLink:
    """Asynchronous: a pipeline for each request, or with `batch` for each event loop iteration."""

    def __init__(self, url: str, *, batch: bool) -> None:
        self._redis = redis.asyncio.Redis.from_url(url, retry=AsyncRetry(NoBackoff(), 0), **TIMEOUTS)
        self._batch = batch
        self._waiting: list[tuple[Sequence[Any], asyncio.Future[list[Any]]]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def send(self, calls: Sequence[Any]) -> list[Any]:
        """Sends calls in one round trip."""
        if not self._batch:
            return await self._execute(calls)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Any]] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._start)
        self._waiting.append((calls, future))
        return await future

    def _start(self) -> None:
        waiting, self._waiting = self._waiting, []
        task = asyncio.get_running_loop().create_task(self._run(waiting))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, waiting: list[tuple[Sequence[Any], asyncio.Future[list[Any]]]]) -> None:
        replies = await self._execute([call for calls, _ in waiting for call in calls])
        at = 0
        for calls, future in waiting:
            future.set_result(replies[at : at + len(calls)])
            at += len(calls)

    async def _execute(self, calls: Sequence[Any]) -> list[Any]:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for call in calls:
                pipeline.execute_command(*call.args)
            return await pipeline.execute(raise_on_error=False)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._redis.aclose()
