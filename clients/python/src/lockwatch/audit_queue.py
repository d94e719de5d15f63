"""Audit events on their way to Redis."""

from __future__ import annotations

from .errors import LockWatchError
from .failure_log import FailureLog
from .redis.connection import AsyncConnection, Connection
from .send_queue import AsyncSendQueue, Losses, SendQueue
from .stats import Counters

# Seconds. A write for each event would cost more than the rest of the middleware.
_LINGER = 0.05


class _EventLosses(Losses):
    def __init__(self, failures: FailureLog, size: int, counters: Counters | None) -> None:
        super().__init__(failures, size)
        self._counters = counters

    def lost(self, kind: str, error: LockWatchError | str, count: int = 1) -> None:
        self._failures.events_lost(kind, error, count)
        if self._counters is not None:
            self._counters.audit_dropped(kind.lower(), count)

    def recorded(self) -> None:
        self._failures.events_recorded()


class AuditQueue(SendQueue):
    """The events of a WSGI middleware."""

    _name = "lockwatch-audit"

    def __init__(
        self, connection: Connection, size: int, failures: FailureLog, counters: Counters | None = None
    ) -> None:
        super().__init__(connection, size, _EventLosses(failures, size, counters), _LINGER)


class AsyncAuditQueue(AsyncSendQueue):
    """The events of an ASGI middleware."""

    def __init__(
        self, connection: AsyncConnection, size: int, failures: FailureLog, counters: Counters | None = None
    ) -> None:
        super().__init__(connection, size, _EventLosses(failures, size, counters), _LINGER)
