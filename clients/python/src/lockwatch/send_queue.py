"""Commands that are sent after responses.

No request waits for them, and their number is bounded.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import weakref
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from typing import Any, TypeAlias

from .errors import LockWatchError
from .failure_log import FailureLog
from .redis.connection import AsyncConnection, Command, Connection, Reply

Event: TypeAlias = Command[Any]

_MAX_BATCH = 100
# Seconds that a shutdown waits for what is left.
_FLUSH_SECONDS = 2.0
# Seconds without a command after which the thread of a queue ends. Many a middleware is never
# closed: each client of Django's tests has one of its own.
_IDLE_SECONDS = 10.0


class Losses(ABC):
    """Logs commands that are lost.

    A batch is never sent again, because Redis may have executed it.
    """

    def __init__(self, failures: FailureLog, size: int) -> None:
        self._failures = failures
        self._size = size

    @abstractmethod
    def lost(self, kind: str, error: LockWatchError | str, count: int = 1) -> None:
        """Logs that a number of commands are lost."""

    def recorded(self) -> None:  # noqa: B027  # most have nothing to say
        """A whole batch has been executed."""

    def full(self) -> None:
        """The queue has no room for a command."""
        self.lost("full", f"{self._size} wait already")

    def bypassed(self) -> None:
        """The breaker is open, so the command is not sent."""
        self.lost("bypassed", "Redis has timed out several times in a row and is bypassed")

    def failed(self, error: Exception, count: int) -> None:
        """Commands were not executed."""
        if isinstance(error, LockWatchError):
            self.lost(error.code, error, count)
        else:
            self.lost(type(error).__name__, repr(error), count)

    def check(self, replies: Sequence[Reply]) -> None:
        """Logs the error replies of a batch."""
        errors = [reply for reply in replies if isinstance(reply, LockWatchError)]
        for error in errors:
            self.failed(error, 1)
        if not errors:
            self.recorded()


class SendQueue:
    """A queue that a thread empties.

    Commands are sent after `linger` seconds, or when there are enough for a batch.
    """

    _name = "lockwatch-queue"

    def __init__(self, connection: Connection, size: int, losses: Losses, linger: float) -> None:
        self._connection = connection
        self._size = size
        self._losses = losses
        self._linger = linger
        self._lock = threading.Lock()
        self._pid: int | None = None
        self._reset()
        if hasattr(os, "register_at_fork"):
            this = weakref.ref(self)
            os.register_at_fork(after_in_child=lambda: _unlock(this()))

    def bypass(self) -> None:
        """Drops a command while the breaker is open."""
        self._losses.bypassed()

    def unlock(self) -> None:
        """Replaces the lock in a forked child, where the thread that held it does not exist."""
        self._lock = threading.Lock()

    def _reset(self) -> None:
        self._events: deque[Event] = deque()
        self._has_events = threading.Event()
        self._flushing = threading.Event()
        self._is_empty = threading.Event()
        self._is_empty.set()

    def record(self, event: Event) -> None:
        """Adds a command. Never waits."""
        try:
            added = self._add(event)
        except RuntimeError as error:
            # No thread can be started: there are too many, or the process ends.
            self._losses.failed(error, 1)
            return
        if not added:
            self._losses.full()

    def _add(self, event: Event) -> bool:
        with self._lock:
            if self._pid != os.getpid():
                self._start()
            if len(self._events) >= self._size:
                return False
            # Set each time, because the thread may have sent the event that woke it with an earlier
            # batch, and have set `_is_empty` since.
            self._events.append(event)
            self._is_empty.clear()
            self._has_events.set()
            return True

    def _start(self) -> None:
        # Started by an event. A server may fork after the middleware is made, and threads are not
        # forked.
        self._reset()
        threading.Thread(target=self._run, name=self._name, daemon=True).start()
        atexit.register(self.flush)
        self._pid = os.getpid()

    def _has_ended(self) -> bool:
        """Ends the queue's thread, unless there is an event. The next one starts another."""
        with self._lock:
            if self._events:
                return False
            self._pid = None
            atexit.unregister(self.flush)
            return True

    def _run(self) -> None:
        events = self._events
        while True:
            if not self._has_events.wait(_IDLE_SECONDS) and self._has_ended():
                return
            if len(events) < _MAX_BATCH and self._linger:
                self._flushing.wait(self._linger)
            # An event that comes from here on sets it again, even if this loop still sends that
            # event.
            self._has_events.clear()
            while events:
                self._send([events.popleft() for _ in range(min(_MAX_BATCH, len(events)))])
            with self._lock:
                if not events:
                    self._is_empty.set()

    def _send(self, batch: list[Event]) -> None:
        try:
            self._losses.check(self._connection.send(batch))
        except Exception as error:  # noqa: BLE001  # nothing would start the thread again
            self._losses.failed(error, len(batch))

    def flush(self, seconds: float = _FLUSH_SECONDS) -> None:
        """Waits until the queue is empty, at most `seconds`."""
        if self._pid == os.getpid():
            self._flushing.set()
            self._is_empty.wait(seconds)
            self._flushing.clear()


def _unlock(queue: SendQueue | None) -> None:
    if queue is not None:
        queue.unlock()


class AsyncSendQueue:
    """A queue that a task empties."""

    def __init__(self, connection: AsyncConnection, size: int, losses: Losses, linger: float) -> None:
        self._connection = connection
        self._size = size
        self._losses = losses
        self._linger = linger
        self._events: deque[Event] = deque()
        self._task: asyncio.Task[None] | None = None
        self._flushing = False

    def bypass(self) -> None:
        """Drops a command while the breaker is open."""
        self._losses.bypassed()

    def record(self, event: Event) -> None:
        """Adds a command. Never waits."""
        if len(self._events) >= self._size:
            self._losses.full()
            return
        self._events.append(event)
        loop = asyncio.get_running_loop()
        if self._task is None or self._task.done() or self._task.get_loop() is not loop:
            # The task ends when the queue is empty, so that it does not keep alive a loop that
            # nobody closes.
            self._task = loop.create_task(self._run())

    async def _run(self) -> None:
        if not self._flushing and self._linger:
            await asyncio.sleep(self._linger)
        while self._events:
            batch = [self._events.popleft() for _ in range(min(_MAX_BATCH, len(self._events)))]
            try:
                self._losses.check(await self._connection.send(batch))
            except LockWatchError as error:
                self._losses.failed(error, len(batch))

    async def flush(self, seconds: float = _FLUSH_SECONDS) -> None:
        """Waits until the queue is empty, at most `seconds`.

        Later commands are sent without delay.
        """
        self._flushing = True
        if self._task is not None and not self._task.done():
            await asyncio.wait([self._task], timeout=seconds)
