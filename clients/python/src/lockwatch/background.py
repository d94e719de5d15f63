"""Work that goes on although the task that began it is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Background:
    """The tasks of a client that nobody may wait for any more."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Starts a task, and keeps it alive. The loop itself refers to tasks weakly."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def finish(self, work: Coroutine[Any, Any, T]) -> T:
        """Waits for work, which goes on if the waiting task is cancelled."""
        return await asyncio.shield(self.start(work))

    async def wait(self) -> None:
        """Waits for the tasks of the running event loop."""
        loop = asyncio.get_running_loop()
        while own := [task for task in self._tasks if task.get_loop() is loop]:
            await asyncio.wait(own)
