"""Limits the messages of one connection in the process, without a round trip to Redis."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from .errors import ConfigurationError
from .limits import Limits, parse_numbers

# Each unit within a window is remembered.
_MAX_LIMIT = 10_000
_NS_PER_MS = 1_000_000


class MessageLimit:
    """Exact sliding windows for one connection. Not for several threads at once."""

    def __init__(self, limits: Limits, clock: Callable[[], int] = time.monotonic_ns) -> None:
        """`clock` returns nanoseconds. Raises ConfigurationError."""
        parsed = parse_numbers(limits)
        if any(not 1 <= each.limit <= _MAX_LIMIT for each in parsed):
            raise ConfigurationError(f"{limits!r} has a limit that is not 1 to {_MAX_LIMIT}, as a message limit is")
        self._windows = [(each.limit, each.window_ms * _NS_PER_MS) for each in parsed]
        self._longest = max(length for _, length in self._windows)
        self._clock = clock
        # When each unit of the longest window was used, the oldest first.
        self._used: deque[int] = deque()

    def allow(self, cost: int = 1) -> bool:
        """Whether a message may pass now. If so, it is counted with all of its cost."""
        if cost < 1:
            raise ConfigurationError(f"the cost {cost!r} of a message is not a number from 1")
        now = self._clock()
        if self._wait(now, cost) != 0:
            return False
        self._used.extend([now] * cost)
        return True

    @property
    def retry_after(self) -> float:
        """Seconds until one more unit is allowed; 0 if it is now."""
        return (self._wait(self._clock(), 1) or 0) / 1e9

    def _wait(self, now: int, cost: int) -> int | None:
        """Nanoseconds until the cost fits into every window; None if it never does."""
        used = self._used
        while used and used[0] + self._longest <= now:
            used.popleft()
        longest = 0
        for limit, length in self._windows:
            if cost > limit:
                return None
            # The unit that has to leave the window first.
            at = len(used) - (limit - cost + 1)
            if at >= 0:
                longest = max(longest, used[at] + length - now)
        return longest


def message_limit(limits: Limits) -> MessageLimit:
    """A limit on the messages of one connection, such as a WebSocket.

    `limit = message_limit("20/second; 500/minute")`, then `limit.allow()` for each message. A limit
    is 1 to 10,000. Raises ConfigurationError.
    """
    return MessageLimit(limits)
