"""A circuit breaker, so that a Redis that hangs does not cost every request a timeout."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from ..errors import UnavailableError

TIMEOUTS = 3
SECONDS = 1.0


class Breaker:
    """Opens after `timeouts` timeouts in a row, for `seconds`.

    Then one call is admitted as a probe.
    """

    def __init__(
        self,
        timeouts: int = TIMEOUTS,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
        server: str | None = None,
    ) -> None:
        self._server = server
        self._max_timeouts = timeouts
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._timeouts = 0
        self._open_until: float | None = None

    def admit(self) -> None:
        """Raises UnavailableError while the breaker is open."""
        if self._open_until is None:
            return
        with self._lock:
            now = self._clock()
            # Another thread may have closed the breaker in the meantime.
            if now < (self._open_until or 0):
                raise self._bypassed()
            # This call is the probe. The others wait for its result, but no longer than another
            # `seconds`.
            self._open_until = now + self._seconds

    def check(self) -> None:
        """Raises UnavailableError while the breaker is open. The call is never the probe."""
        if (until := self._open_until) is not None and self._clock() < until:
            raise self._bypassed()

    def answered(self) -> None:
        """Redis answered, or refused the connection at once."""
        if self._timeouts or self._open_until is not None:
            with self._lock:
                self._timeouts, self._open_until = 0, None

    def failed(self, error: UnavailableError) -> None:
        """Redis did not answer. Only timeouts count."""
        if error.code != "TIMEOUT":
            self.answered()
            return
        with self._lock:
            self._timeouts += 1
            if self._timeouts >= self._max_timeouts:
                self._open_until = self._clock() + self._seconds

    def _bypassed(self) -> UnavailableError:
        at = f" at {self._server}" if self._server else ""
        message = f"Redis{at} has timed out several times in a row and is bypassed"
        return UnavailableError("BYPASSED", message, self._server)
