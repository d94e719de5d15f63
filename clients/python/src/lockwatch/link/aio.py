"""Round trips of asyncio to one server."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import redis.asyncio

from . import Call, Reply
from .failures import NO_ANSWER, of_silence
from .lane import Lane
from .pools import async_pool_of
from .sync import settled


class AsyncPoolLink:
    """The link to one server, or to the primary that a sentinel names."""

    def __init__(self, client: redis.asyncio.Redis, connect_timeout: float, command_timeout: float) -> None:
        self._lane = Lane(partial(async_pool_of, client, connect_timeout), connect_timeout, command_timeout)

    async def send(self, calls: Sequence[Call]) -> list[Reply]:
        """Sends calls in one round trip. Raises RedisAway if there is no answer to all of them."""
        try:
            return [settled(reply) for reply in await self._lane.send(calls)]
        except NO_ANSWER as error:
            raise of_silence(error) from error

    async def aclose(self) -> None:
        """Ends the connections."""
        await self._lane.aclose()
