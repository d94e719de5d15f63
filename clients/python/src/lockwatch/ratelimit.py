"""LW.RATELIMIT and LW.PEEK: the command, the reply, and the reply as HTTP headers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache

from .duration import Duration, duration_argument, seconds_rounded_up
from .errors import ConfigurationError
from .limits import Limit, Limits, binding_limit, limit_arguments, parse_limits
from .redis.connection import Command, Key
from .redis.records import integers


@dataclass(frozen=True, slots=True)
class RateLimitResult:
    """True if the call was admitted."""

    allowed: bool
    limit: int
    """`limit`, `remaining` and `reset_after_ms` are those of the window that binds."""
    remaining: int
    retry_after_ms: float
    """0 if admitted; infinity if the call costs more than a limit and can never be admitted."""
    reset_after_ms: int
    limits: tuple[Limit, ...] = field(default=(), repr=False)
    """The limits that the call asked for."""

    def __bool__(self) -> bool:
        """Whether the call was admitted."""
        return self.allowed

    @property
    def never(self) -> bool:
        """Whether waiting does not help, because the cost is above a limit."""
        return self.retry_after_ms == math.inf

    @property
    def retry_after(self) -> timedelta | None:
        """Time until the same call is admitted if nothing else is counted; None if it never is."""
        return None if self.never else timedelta(milliseconds=self.retry_after_ms)

    @property
    def reset_after(self) -> timedelta:
        """Time until the binding window is empty."""
        return timedelta(milliseconds=self.reset_after_ms)

    @property
    def retry_after_seconds(self) -> int | None:
        """Whole seconds, at least one; None if admitted or if waiting does not help."""
        return None if self.allowed or self.never else max(1, seconds_rounded_up(self.retry_after_ms))

    def headers(self, policy: str = "default") -> dict[str, str]:
        """`X-RateLimit-*`, `Retry-After`, and the IETF's `RateLimit` and `RateLimit-Policy`."""
        reset = seconds_rounded_up(self.reset_after_ms)
        headers = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(reset),
        }
        if self.limits:
            name = _window_name(policy, self.limits, binding_limit(self.limits, self.limit))
            headers["RateLimit-Policy"] = _policy_field(policy, self.limits)
            headers["RateLimit"] = f'"{name}";r={self.remaining};t={reset}'
        if (retry := self.retry_after_seconds) is not None:
            headers["Retry-After"] = str(retry)
        return headers


@lru_cache(maxsize=1024)
def _policy_field(policy: str, limits: tuple[Limit, ...]) -> str:
    """The value of RateLimit-Policy. Its windows are whole seconds: any other is left out."""
    return ", ".join(
        f'"{_window_name(policy, limits, each)}";q={each.limit}'
        + ("" if each.window_ms % 1000 else f";w={each.window_ms // 1000}")
        for each in limits
    )


def _window_name(policy: str, limits: tuple[Limit, ...], one: Limit) -> str:
    if len(limits) == 1:
        return policy
    window = duration_argument(one.window_ms)
    return f"{policy}-{window}" if window.endswith("ms") else f"{policy}-{window}s"


def ratelimit(
    key: Key, limits: Limits | int, window: Duration | None = None, *, cost: int = 1
) -> Command[RateLimitResult]:
    """Admits and counts a call.

    `ratelimit("user:42", 100, 60)`, `ratelimit("user:42", "100/minute; 5000/hour")`.
    """
    return rate_limit_command("LW.RATELIMIT", key, _limits(limits, window), cost)


def peek(key: Key, limits: Limits | int, window: Duration | None = None, *, cost: int = 1) -> Command[RateLimitResult]:
    """What `ratelimit` would answer, without counting the call. With `cost=0` the present state."""
    return rate_limit_command("LW.PEEK", key, _limits(limits, window), cost)


def _limits(limits: Limits | int, window: Duration | None) -> tuple[Limit, ...]:
    if not isinstance(limits, int):
        return parse_limits(limits)
    if window is None:
        raise ConfigurationError(f"the limit {limits} has no window: (key, 100, 60) or (key, '100/minute')")
    return parse_limits((limits, window))


def rate_limit_command(name: str, key: Key, limits: tuple[Limit, ...], cost: int) -> Command[RateLimitResult]:
    """LW.RATELIMIT or LW.PEEK."""

    def read(reply: object) -> RateLimitResult:
        limited, limit, remaining, retry_after, reset_after = integers(reply, 5)
        wait = math.inf if retry_after < 0 else retry_after
        return RateLimitResult(limited == 0, limit, remaining, wait, reset_after, limits)

    args = (name, key, *limit_arguments(limits))
    return Command(args if cost == 1 else (*args, "COST", str(cost)), read, key)
