"""Commands that are written together, and the calls that wait for their replies.

Under load many requests ask for their limit in the same iteration of the event loop. With a
connection for each, every request would cost a lock and two system calls. Together they cost that
once. A command that is alone is sent in the iteration in which it came.
"""

from __future__ import annotations

import asyncio

from .failures import NO_ANSWER, no_answer

# Calls that share a write wait for its last reply, and fail together.
_MAX_CALLS = 128


class Batch:
    """One write."""

    __slots__ = ("_calls", "_data", "count", "is_delayed")

    def __init__(self) -> None:
        self._data: list[bytes] = []
        # Each call with the number of replies that it waits for.
        self._calls: list[tuple[asyncio.Future[list[object]], int]] = []
        self.count = 0
        """The number of commands."""
        self.is_delayed = False
        """Whether it has waited for an iteration of the event loop."""

    @property
    def data(self) -> bytes:
        """The commands in RESP."""
        return b"".join(self._data)

    @property
    def is_full(self) -> bool:
        """Whether no other call may join."""
        return len(self._calls) >= _MAX_CALLS

    def add(self, future: asyncio.Future[list[object]], data: bytes, count: int) -> None:
        """Adds the commands of a call."""
        self._data.append(data)
        self._calls.append((future, count))
        self.count += count

    def answer(self, replies: list[object]) -> None:
        """Gives each call its replies."""
        at = 0
        for future, count in self._calls:
            if not future.done():
                future.set_result(replies[at : at + count])
            at += count

    def fail(self, error: BaseException, server: str) -> None:
        """Raises an exception in each call."""
        for future, _ in self._calls:
            if future.done():
                continue
            if isinstance(error, NO_ANSWER):
                # Each task adds its frames to the exception, so each needs its own.
                unavailable = no_answer(error, server)
                unavailable.__cause__ = error
                future.set_exception(unavailable)
            elif isinstance(error, Exception):
                future.set_exception(error)
            else:
                future.cancel()
