"""Deadlines of many things at a time, for one timer of the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Deadlines(Generic[T]):
    """Calls `late` with each member that is not stopped `seconds` after it was started.

    All members have the same time, so the first one in the dictionary is the next to be late. One
    timer waits for it. A timer for each member would cost more than the rest of its bookkeeping.
    """

    def __init__(self, seconds: float, late: Callable[[T], None]) -> None:
        self._seconds = seconds
        self._late = late
        self._until: dict[T, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def start(self, member: T) -> None:
        """Starts the time of a member, within the event loop."""
        loop = asyncio.get_running_loop()
        until = self._until[member] = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_at(until, self._look)

    def stop(self, member: T) -> None:
        """Forgets a member, which has ended in time."""
        self._until.pop(member, None)

    def close(self) -> None:
        """Forgets the members, and stops the timer."""
        self._until.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        late = []
        for member, until in self._until.items():
            if until > now:
                self._timer = loop.call_at(until, self._look)
                break
            late.append(member)
        for member in late:
            del self._until[member]
            self._late(member)
