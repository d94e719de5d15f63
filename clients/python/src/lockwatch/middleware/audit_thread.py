"""Recording events from a thread of its own, so that no request waits for it."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections import deque

from ..errors import RedisAway
from ..link import Call, Link
from .audit import BATCH, LAST_SECONDS, LINGER, AuditComplaints
from .complaints import Complaints


class AuditThread:
    """A bounded queue and the thread that empties it. What finds it full, or Redis away, is lost, and it says so."""

    def __init__(self, link: Link, size: int, complaints: Complaints) -> None:
        self._link = link
        self._size = size
        self._complaints = AuditComplaints(complaints)
        self._lock = threading.Lock()
        self._pid: int | None = None
        self._begin_anew()
        atexit.register(self.flush)
        if hasattr(os, "register_at_fork"):
            this = weakref.ref(self)
            os.register_at_fork(after_in_child=lambda: _unlock(this()))

    def unlock(self) -> None:
        """In a child of fork: whoever held the lock is not there."""
        self._lock = threading.Lock()

    def _begin_anew(self) -> None:
        self._events: deque[Call] = deque()
        self._some = threading.Event()
        self._hurry = threading.Event()
        self._none = threading.Event()
        self._none.set()

    def put(self, event: Call) -> None:
        """Takes an event; never waits."""
        if self._pid != os.getpid():
            self._start()
        if len(self._events) >= self._size:
            self._complaints.full(self._size)
            return
        with self._lock:
            # Every time: what has woken the thread may have been taken along before, and `_none` be set again since.
            self._events.append(event)
            self._none.clear()
            self._some.set()

    def _start(self) -> None:
        # Here and not when the middleware is made: a server may fork after that, and threads stay behind.
        with self._lock:
            if self._pid == os.getpid():
                return
            self._begin_anew()
            threading.Thread(target=self._run, name="lockwatch-audit", daemon=True).start()
            self._pid = os.getpid()

    def _run(self) -> None:
        events = self._events
        while True:
            self._some.wait()
            if len(events) < BATCH:
                self._hurry.wait(LINGER)
            # What comes from here on sets it again, whether or not it is still taken along.
            self._some.clear()
            while events:
                self._record([events.popleft() for _ in range(min(BATCH, len(events)))])
            with self._lock:
                if not events:
                    self._none.set()

    def _record(self, batch: list[Call]) -> None:
        try:
            self._complaints.refused(self._link.send(batch))
        except RedisAway as error:
            self._complaints.away(error)
        except Exception as error:  # noqa: BLE001  # nobody would begin the thread again
            self._complaints.failed(error)

    def flush(self, seconds: float = LAST_SECONDS) -> None:
        """Waits until what was put is recorded, but no longer than that."""
        if self._pid == os.getpid():
            self._hurry.set()
            self._none.wait(seconds)
            self._hurry.clear()


def _unlock(audit: AuditThread | None) -> None:
    if audit is not None:
        audit.unlock()
