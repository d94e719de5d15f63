"""Counts what a client's limits decided, and tells the application's `on_event`.

The request path pays one lock and one addition for it. Metrics are read from here when they are
scraped.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from .failure_log import FailureLog

Outcome: TypeAlias = Literal[
    "allowed",
    "denied",
    "shadow",
    "failed_open",
    "failed_closed",
    "bypassed",
    "local",
    "local_denied",
]
# Names of policies come from the code. This bounds those that are made at run time.
_MAX_POLICIES = 1000
_OTHER = "other"
_GUARD = "guard"


@dataclass(frozen=True, slots=True)
class Event:
    """What `on_event` is called with. It never has a key, a user or an address."""

    outcome: Outcome | Literal["audit_dropped"]
    policy: str | None
    """The name of the policy or of the route's limit; None for `audit_dropped`."""
    route: str | None
    """The pattern of `routes`, or the template of the route; None if there is none."""
    reason: str | None
    """Why Redis did not answer (`timeout`, `connection`, `loading`); None if it did."""


@dataclass(frozen=True, slots=True)
class Stats:
    """What was counted since the client was made, in this process."""

    requests: dict[str, dict[str, int]]
    """By the name of the policy, then by outcome."""
    audit_dropped: int
    """Audit events that were lost: the queue was full, or Redis was away."""
    limits_off: bool
    """Whether the last request was let through because Redis did not answer."""


Listener: TypeAlias = Callable[[Event], object]


class Counters:
    """The counters of one client, for any number of threads."""

    def __init__(self, failures: FailureLog, on_event: Listener | None = None) -> None:
        self._failures = failures
        self._listeners: tuple[Listener, ...] = () if on_event is None else (on_event,)
        self._requests: dict[str, dict[str, int]] = {}
        self._audit_dropped = 0
        self._limits_off = False
        self.unlock()
        if hasattr(os, "register_at_fork"):
            this = weakref.ref(self)
            os.register_at_fork(after_in_child=lambda: _unlock(this()))

    def unlock(self) -> None:
        """Replaces the lock in a forked child, where the thread that held it does not exist."""
        self._lock = threading.Lock()

    @property
    def listened(self) -> bool:
        """Whether somebody wants the events, so that their parts are worth finding out."""
        return bool(self._listeners)

    def listen(self, listener: Listener) -> None:
        """Calls a function for each event from now on."""
        self._listeners = (*self._listeners, listener)

    def answered(self, outcome: Outcome, policy: str, route: str | None = None) -> None:
        """Counts what Redis decided about a request."""
        with self._lock:
            self._add(policy, outcome)
            self._limits_off = False
        if self._listeners:
            self._tell(Event(outcome, policy, route, None))

    def failed(self, outcome: Outcome, policy: str, route: str | None, reason: str) -> None:
        """Counts what was decided about a request without Redis."""
        with self._lock:
            self._add(policy, outcome)
            if outcome in ("failed_open", "bypassed"):
                self._limits_off = True
        if self._listeners:
            self._tell(Event(outcome, policy, route, reason))

    def guard_denied(self, route: str | None) -> None:
        """Counts a request that the guard of a middleware has ended."""
        with self._lock:
            self._add(_GUARD, "denied")
        if self._listeners:
            self._tell(Event("denied", _GUARD, route, None))

    def audit_dropped(self, reason: str, count: int = 1) -> None:
        """Counts audit events that are lost."""
        with self._lock:
            self._audit_dropped += count
        if self._listeners:
            for _ in range(count):
                self._tell(Event("audit_dropped", None, None, reason))

    def stats(self) -> Stats:
        """The present numbers."""
        with self._lock:
            requests = {policy: dict(outcomes) for policy, outcomes in self._requests.items()}
            return Stats(requests, self._audit_dropped, self._limits_off)

    def _add(self, policy: str, outcome: Outcome) -> None:
        outcomes = self._requests.get(policy)
        if outcomes is None:
            known = policy if len(self._requests) < _MAX_POLICIES else _OTHER
            outcomes = self._requests.setdefault(known, {})
        outcomes[outcome] = outcomes.get(outcome, 0) + 1

    def _tell(self, event: Event) -> None:
        for listener in self._listeners:
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001, PERF203  # must not fail the request
                self._failures.log("on_event", f"on_event failed: {error!r}")


def _unlock(counters: Counters | None) -> None:
    if counters is not None:
        counters.unlock()
