"""Recording events from a task of its own, so that no request waits for it."""

from __future__ import annotations

import asyncio
from collections import deque

from ..errors import RedisAway
from ..link import AsyncLink, Call
from .audit import BATCH, LAST_SECONDS, LINGER, AuditComplaints
from .complaints import Complaints


class AuditTask:
    """A bounded queue and the task that empties it. What finds it full, or Redis away, is lost, and it says so."""

    def __init__(self, link: AsyncLink, size: int, complaints: Complaints) -> None:
        self._link = link
        self._size = size
        self._complaints = AuditComplaints(complaints)
        self._events: deque[Call] = deque()
        self._task: asyncio.Task[None] | None = None
        self._last_call = False

    def put(self, event: Call) -> None:
        """Takes an event; never waits."""
        if len(self._events) >= self._size:
            self._complaints.full(self._size)
            return
        self._events.append(event)
        loop = asyncio.get_running_loop()
        if self._task is None or self._task.done() or self._task.get_loop() is not loop:
            # It ends when there is nothing left: nothing of ours keeps a loop alive that nobody closes.
            self._task = loop.create_task(self._drain())

    async def _drain(self) -> None:
        if not self._last_call:
            await asyncio.sleep(LINGER)
        while self._events:
            await self._record([self._events.popleft() for _ in range(min(BATCH, len(self._events)))])

    async def _record(self, batch: list[Call]) -> None:
        try:
            self._complaints.refused(await self._link.send(batch))
        except RedisAway as error:
            self._complaints.away(error)

    async def flush(self, seconds: float = LAST_SECONDS) -> None:
        """Waits until what was put is recorded, but no longer than that."""
        self._last_call = True
        if self._task is not None and not self._task.done():
            await asyncio.wait([self._task], timeout=seconds)
