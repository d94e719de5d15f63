"""A connection behind the circuit breaker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import UnavailableError
from .breaker import Breaker
from .connection import AsyncConnection, Command, Connection, Reply


class Link:
    """Sends nothing while the breaker is open.

    A `slow` link respects the breaker, but its timeouts do not count: slow commands must not stop
    the rate limiter.
    """

    def __init__(self, connection: Connection, breaker: Breaker, *, slow: bool = False) -> None:
        self.connection = connection
        self.breaker = breaker
        self._slow = slow

    def send(self, commands: Sequence[Command[Any]]) -> list[Reply]:
        """Sends the commands in one write, and returns a reply for each.

        Raises UnavailableError without an answer.
        """
        if self._slow:
            self.breaker.check()
            return self.connection.send(commands)
        self.breaker.admit()
        try:
            replies = self.connection.send(commands)
        except UnavailableError as error:
            self.breaker.failed(error)
            raise
        self.breaker.answered()
        return replies

    def close(self) -> None:
        """Closes the connection."""
        self.connection.close()


class AsyncLink:
    """`Link` for asyncio."""

    def __init__(self, connection: AsyncConnection, breaker: Breaker, *, slow: bool = False) -> None:
        self.connection = connection
        self.breaker = breaker
        self._slow = slow

    async def send(self, commands: Sequence[Command[Any]]) -> list[Reply]:
        """Sends the commands in one write, and returns a reply for each.

        Raises UnavailableError without an answer.
        """
        if self._slow:
            self.breaker.check()
            return await self.connection.send(commands)
        self.breaker.admit()
        try:
            replies = await self.connection.send(commands)
        except UnavailableError as error:
            self.breaker.failed(error)
            raise
        self.breaker.answered()
        return replies

    async def aclose(self) -> None:
        """Closes the connection."""
        await self.connection.aclose()
