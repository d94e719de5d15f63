"""Logs failures without flooding the log when every request meets the same one.

The objects of a process that use one server share what is known of it. So ten middlewares and
limits together log a failure once per interval, and its end once.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from .errors import LockWatchError, UnavailableError

logger = logging.getLogger("lockwatch")
# Seconds between two messages of one kind.
INTERVAL = 10.0
# What happens to a request whose limit could not be evaluated.
Decision: TypeAlias = Literal["allow", "deny", "local"]
DONE: Mapping[Decision, str] = {
    "allow": "requests are let through without a limit",
    "deny": "requests are answered 503",
    "local": "requests are limited by this process alone",
}


@dataclass(slots=True)
class _Outage:
    """A time in which limits, or audit events, failed."""

    since: float
    is_logged: bool = False
    let_through: int = 0
    refused: int = 0
    local: int = 0
    lost: int = 0


class ServerLog:
    """What is known and was logged of one server."""

    def __init__(self, server: str | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.server = server
        self.clock = clock
        self.lock = threading.Lock()
        self.last: dict[str, tuple[float, int]] = {}
        self.limits: _Outage | None = None
        self.events: _Outage | None = None


_servers: dict[str, ServerLog] = {}


def _of_server(server: str | None) -> ServerLog:
    # A connection of the application itself has no address, and shares nothing.
    return ServerLog() if server is None else _servers.setdefault(server, ServerLog(server))


def _replace_locks() -> None:
    """In a forked child, where the thread that held a lock does not exist."""
    for each in list(_servers.values()):
        each.lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_replace_locks)


class FailureLog:
    """Logs each kind of failure at most once per interval, in seconds."""

    def __init__(
        self,
        interval: float = INTERVAL,
        clock: Callable[[], float] = time.monotonic,
        server: ServerLog | None = None,
    ) -> None:
        self._interval = interval
        self._server = server or ServerLog(clock=clock)

    @classmethod
    def of(cls, lockwatch: object, interval: float = INTERVAL) -> FailureLog:
        """The log for the server of a client, shared with all objects that use the server."""
        return cls(interval, server=_of_server(getattr(lockwatch, "server", None)))

    def log(self, kind: str, message: str) -> bool:
        """Logs a warning, unless one of this kind was logged within the interval.

        Returns whether it was logged.
        """
        known = self._server
        with known.lock:
            now = known.clock()
            last, suppressed = known.last.get(kind, (None, 0))
            if last is not None and now - last < self._interval:
                known.last[kind] = (last, suppressed + 1)
                return False
            known.last[kind] = (now, 0)
        again = f" ({suppressed} more since it was last said)" if suppressed else ""
        logger.warning("%s%s", message, again)
        return True

    def limit_failed(self, kind: str, error: LockWatchError, decision: Decision) -> None:
        """Logs that the limit of a request could not be evaluated."""
        is_logged = self.log(kind, f"{DONE[decision]}: {self.named(error)}")
        if not _ends_by_itself(error):
            return
        with self._server.lock:
            outage = self._server.limits = self._server.limits or _Outage(self._server.clock())
            outage.is_logged |= is_logged
            outage.let_through += decision == "allow"
            outage.refused += decision == "deny"
            outage.local += decision == "local"

    def limit_answered(self) -> None:
        """Logs the end of failures. The usual path is one look."""
        if self._server.limits is None:
            return
        with self._server.lock:
            outage, self._server.limits = self._server.limits, None
        if outage is not None and outage.is_logged:
            counts = (
                f"{_count(outage.let_through, 'request')} let through without a limit" if outage.let_through else "",
                f"{_count(outage.local, 'request')} limited by this process alone" if outage.local else "",
                f"{_count(outage.refused, 'request')} answered 503" if outage.refused else "",
            )
            self._ended("limits are enforced again", outage, " and ".join(filter(None, counts)))

    def events_lost(self, kind: str, error: LockWatchError | str, count: int = 1) -> None:
        """Logs that audit events are lost."""
        is_logged = self.log(f"audit: {kind}", f"audit events are lost: {self.named(error)}")
        with self._server.lock:
            outage = self._server.events = self._server.events or _Outage(self._server.clock())
            outage.is_logged |= is_logged
            outage.lost += count

    def events_recorded(self) -> None:
        """Logs the end of losses. The usual path is one look."""
        if self._server.events is None:
            return
        with self._server.lock:
            outage, self._server.events = self._server.events, None
        if outage is not None and outage.is_logged:
            self._ended("audit events are recorded again", outage, f"{_count(outage.lost, 'event')} lost")

    def _ended(self, what: str, outage: _Outage, counts: str) -> None:
        seconds = self._server.clock() - outage.since
        at = f" at {self._server.server}" if self._server.server else ""
        logger.warning("%s%s after %s s; %s", what, at, f"{seconds:.{0 if seconds >= 10 else 1}f}", counts)

    def named(self, error: LockWatchError | str) -> str:
        """A reason, with the server."""
        server = self._server.server
        if server is None or (isinstance(error, UnavailableError) and error.server):
            return str(error)
        return f"{error} (Redis at {server})"


def _ends_by_itself(error: LockWatchError) -> bool:
    # Other errors concern one key or one command, and the next command may succeed meanwhile.
    return isinstance(error, UnavailableError) and error.code != "NOPERM"


def _count(number: int, noun: str) -> str:
    return f"1 {noun} was" if number == 1 else f"{number} {noun}s were"
