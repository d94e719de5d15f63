"""Complaining without drowning the log: what is wrong is said once an interval, with how often it was."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

logger = logging.getLogger("lockwatch")


class Complaints:
    """What has been said, and when."""

    def __init__(self, interval: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = interval
        self._clock = clock
        self._lock = threading.Lock()
        self._said: dict[str, tuple[float | None, int]] = {}

    def about(self, topic: str, message: str) -> None:
        """Logs a warning, unless this topic had one within the interval."""
        with self._lock:
            now = self._clock()
            last, silent = self._said.get(topic, (None, 0))
            if last is not None and now - last < self._interval:
                self._said[topic] = (last, silent + 1)
                return
            self._said[topic] = (now, 0)
        again = f" ({silent} more since it was last said)" if silent else ""
        logger.warning("%s%s", message, again)
