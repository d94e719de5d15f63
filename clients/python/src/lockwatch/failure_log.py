"""Logs failures without flooding the log when every request meets the same one."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

logger = logging.getLogger("lockwatch")
# Seconds between two messages of one kind.
INTERVAL = 10.0


class FailureLog:
    """Logs each kind of failure at most once per interval, in seconds."""

    def __init__(self, interval: float = INTERVAL, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = interval
        self._clock = clock
        self._lock = threading.Lock()
        self._last: dict[str, tuple[float, int]] = {}

    def log(self, kind: str, message: str) -> None:
        """Logs a warning, unless one of this kind was logged within the interval."""
        with self._lock:
            now = self._clock()
            last, suppressed = self._last.get(kind, (None, 0))
            if last is not None and now - last < self._interval:
                self._last[kind] = (last, suppressed + 1)
                return
            self._last[kind] = (now, 0)
        again = f" ({suppressed} more since it was last said)" if suppressed else ""
        logger.warning("%s%s", message, again)
