"""Batches to one server, from any number of event loops."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ..errors import answered_error
from .connection import Command
from .loop_batches import LoopBatches
from .resp import ErrorOf

if TYPE_CHECKING:
    from redis.asyncio import ConnectionPool


class AsyncBatches:
    """Has connections of its own for each event loop."""

    def __init__(
        self,
        make_pool: Callable[[], ConnectionPool],
        server: str,
        connect_timeout: float,
        command_timeout: float,
        error_of: ErrorOf = answered_error,
    ) -> None:
        self._make_pool = make_pool
        self._timeouts = (connect_timeout, command_timeout)
        self._error_of = error_of
        self.server = server
        self._lock = threading.Lock()
        self._by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, LoopBatches] = WeakKeyDictionary()

    def send(self, commands: Sequence[Command[Any]]) -> Coroutine[Any, Any, list[object]]:
        """Sends commands, and returns their replies.

        An error reply is what `error_of` made of it.
        """
        return self.of_loop().send(commands)

    def of_loop(self) -> LoopBatches:
        """The batches of the running loop."""
        loop = asyncio.get_running_loop()
        batches = self._by_loop.get(loop)
        return self._add(loop) if batches is None else batches

    def _add(self, loop: asyncio.AbstractEventLoop) -> LoopBatches:
        with self._lock:
            # Test clients run each request in a new loop. Connections refer to their loop, so a
            # weak key alone would keep closed loops.
            for other in [other for other in self._by_loop if other.is_closed()]:
                self._by_loop.pop(other).fail()
            return self._by_loop.setdefault(loop, self._make())

    def _make(self) -> LoopBatches:
        return LoopBatches(self._make_pool(), self.server, *self._timeouts, self._error_of)

    async def aclose(self) -> None:
        """Waits for the running batches of this loop, and closes its connections."""
        with self._lock:
            batches = self._by_loop.pop(asyncio.get_running_loop(), None)
        if batches is not None:
            await batches.aclose()
