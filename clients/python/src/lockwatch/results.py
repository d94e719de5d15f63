"""What the limiter, the burst detector and the audit log answer, with the types a person expects."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

from .duration import seconds_up
from .limits import Limit, Limits


def moment(ms: int) -> datetime:
    """Unix milliseconds as a datetime in UTC."""
    return datetime.fromtimestamp(ms // 1000, timezone.utc) + timedelta(milliseconds=ms % 1000)


@dataclass(frozen=True, slots=True)
class RateLimit:
    """The answer of LW.RATELIMIT and LW.PEEK. True if the call was admitted."""

    allowed: bool
    limit: int
    """Of the pair that binds."""
    remaining: int
    """Units left in that pair's window."""
    retry_after_ms: int
    """0 if admitted; -1 if this call can never be admitted."""
    reset_after_ms: int
    limits: Limits = field(default=(), repr=False)
    """What the call asked for."""
    name: str = field(default="default", repr=False)
    """What the limits are called in the headers."""

    def __bool__(self) -> bool:
        """Whether the call was admitted."""
        return self.allowed

    @property
    def never(self) -> bool:
        """Whether waiting is no use: the cost is above a limit."""
        return self.retry_after_ms < 0

    @property
    def retry_after(self) -> timedelta | None:
        """When the same call would be admitted if nothing else happens; zero if it was; None for never."""
        return None if self.never else timedelta(milliseconds=self.retry_after_ms)

    @property
    def reset_after(self) -> timedelta:
        """When the whole quota of the pair that binds is free again."""
        return timedelta(milliseconds=self.reset_after_ms)

    @property
    def retry_after_seconds(self) -> int | None:
        """Whole seconds for `Retry-After`: rounded up, at least one; None if admitted, and for never."""
        return None if self.allowed or self.never else max(1, seconds_up(self.retry_after_ms))

    def headers(self) -> dict[str, str]:
        """The response headers that tell a client of its limit: X-RateLimit-*, RateLimit, Retry-After."""
        reset = seconds_up(self.reset_after_ms)
        headers = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(reset),
        }
        if self.limits:
            headers["RateLimit-Policy"] = policy_field(self.name, self.limits)
            headers["RateLimit"] = f'"{self._binding_name()}";r={self.remaining};t={reset}'
        if (retry := self.retry_after_seconds) is not None:
            headers["Retry-After"] = str(retry)
        return headers

    def _binding_name(self) -> str:
        if len(self.limits) == 1:
            return self.name
        # The reply names the pair by its limit alone: of equal ones the longer window binds.
        same = [pair for pair in self.limits if pair.limit == self.limit] or list(self.limits)
        return _pair_name(self.name, max(same, key=lambda pair: pair.window_ms))


@lru_cache(maxsize=1024)
def policy_field(name: str, limits: Limits) -> str:
    """The value of RateLimit-Policy. A window that is not whole seconds can't be told there."""
    alone = len(limits) == 1
    return ", ".join(
        f'"{name if alone else _pair_name(name, pair)}";q={pair.limit}'
        + ("" if pair.window_ms % 1000 else f";w={pair.window_text}")
        for pair in limits
    )


def _pair_name(name: str, pair: Limit) -> str:
    return f"{name}-{pair.window_name}"


@dataclass(frozen=True, slots=True)
class Burst:
    """The answer of LW.BURST. True if there is a burst."""

    burst: bool
    count: int
    """Calls in the window, this one included."""
    alerted: bool
    """Whether this call raised an alert."""

    def __bool__(self) -> bool:
        """Whether there is a burst."""
        return self.burst


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """A record of LW.AUDITLOG QUERY. What an event does not tell is None."""

    id: str
    time: datetime
    kind: str
    user: str | None
    ip: str | None
    endpoint: str | None
    method: str | None
    status: int | None
    limited: bool
    anomaly: bool
    latency: timedelta | None
    data: Any
