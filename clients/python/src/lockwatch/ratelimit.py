"""LW.RATELIMIT, LW.PEEK, LW.REFUND and LW.SETTLE, and the reply of a limit as HTTP headers."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import Literal, TypeAlias

from .duration import Duration, duration_argument, seconds_rounded_up
from .errors import ConfigurationError
from .limits import Limit, Limits, ParsedLimits, ServerPolicy, binding_limit, limit_arguments, parse_limits
from .redis.connection import Arg, Command, Key
from .redis.records import integer, integers

# `X-RateLimit-*`; `RateLimit` and `RateLimit-Policy` as two versions of the IETF's draft have them.
HeaderKind: TypeAlias = Literal["legacy", "draft-7", "draft-11", "none"]
DEFAULT_HEADERS: tuple[HeaderKind, ...] = ("legacy", "draft-11")


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
    """The limits that the call asked for. Empty if a policy of the server decided."""
    time_ms: int | None = None
    """When the units were recorded, for `refund` and `settle`: Unix milliseconds.

    None if none were, or without `with_time`.
    """

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

    def name(self, policy: str = "default") -> str:
        """The name of the binding window in the header `RateLimit`: `default`, `default-60s`."""
        # The windows of a policy of the server are not known.
        return _window_name(policy, self.limits, binding_limit(self.limits, self.limit)) if self.limits else policy

    def headers(self, policy: str = "default", kinds: Collection[HeaderKind] = DEFAULT_HEADERS) -> dict[str, str]:
        """The headers of these kinds, and `Retry-After` if the call was denied."""
        reset = seconds_rounded_up(self.reset_after_ms)
        headers: dict[str, str] = {}
        if "legacy" in kinds:
            headers["X-RateLimit-Limit"] = str(self.limit)
            headers["X-RateLimit-Remaining"] = str(self.remaining)
            headers["X-RateLimit-Reset"] = str(reset)
        if "draft-11" in kinds:
            own = _policy_field(policy, self.limits) if self.limits else f'"{policy}";q={self.limit}'
            headers["RateLimit-Policy"] = own
            headers["RateLimit"] = f'"{self.name(policy)}";r={self.remaining};t={reset}'
        elif "draft-7" in kinds:
            headers["RateLimit-Policy"] = _draft_7_policy_field(self.limits) if self.limits else str(self.limit)
            headers["RateLimit"] = f"limit={self.limit}, remaining={self.remaining}, reset={reset}"
        if (retry := self.retry_after_seconds) is not None:
            headers["Retry-After"] = str(retry)
        return headers


@dataclass(frozen=True, slots=True)
class Settlement:
    """What `settle` changed."""

    refunded: int
    """Units that were given back."""
    recorded: int
    """Units that were recorded in addition."""
    time_ms: int | None
    """When they were recorded: Unix milliseconds. None if none were."""


@lru_cache(maxsize=1024)
def _policy_field(policy: str, limits: tuple[Limit, ...]) -> str:
    """The value of RateLimit-Policy. Its windows are whole seconds: any other is left out."""
    return ", ".join(
        f'"{_window_name(policy, limits, each)}";q={each.limit}'
        + ("" if each.window_ms % 1000 else f";w={each.window_ms // 1000}")
        for each in limits
    )


@lru_cache(maxsize=1024)
def _draft_7_policy_field(limits: tuple[Limit, ...]) -> str:
    return ", ".join(
        f"{each.limit}" + ("" if each.window_ms % 1000 else f";w={each.window_ms // 1000}") for each in limits
    )


def _window_name(policy: str, limits: tuple[Limit, ...], one: Limit) -> str:
    if len(limits) == 1:
        return policy
    window = duration_argument(one.window_ms)
    return f"{policy}-{window}" if window.endswith("ms") else f"{policy}-{window}s"


def ratelimit(
    key: Key,
    limits: Limits | int,
    window: Duration | None = None,
    *,
    cost: int = 1,
    force: bool = False,
    with_time: bool = False,
) -> Command[RateLimitResult]:
    """Admits and counts a call.

    `ratelimit("user:42", 100, 60)`, `ratelimit("user:42", "100/minute; 5000/hour")`,
    `ratelimit("user:42", "@login")` for a policy of the server.

    With `force` the call is counted even if it is denied. With `with_time` the result has
    `time_ms`, which `refund` and `settle` need.
    """
    parsed = _limits(limits, window)
    return rate_limit_command("LW.RATELIMIT", key, parsed, cost, force=force, with_time=with_time)


def peek(key: Key, limits: Limits | int, window: Duration | None = None, *, cost: int = 1) -> Command[RateLimitResult]:
    """What `ratelimit` would answer, without counting the call. With `cost=0` the present state."""
    return rate_limit_command("LW.PEEK", key, _limits(limits, window), cost)


def refund(key: Key, units: int, at: int) -> Command[int]:
    """Gives units back that were recorded at the time `at` (`time_ms` of the result).

    Returns how many. Never sent twice, since a second refund would give back more.
    """
    return Command(("LW.REFUND", key, str(units), "AT", str(at)), integer, key)


def settle(key: Key, reserved: int, actual: int, at: int) -> Command[Settlement]:
    """Corrects a reservation, which was recorded at the time `at`, to what was really used.

    What was reserved too much is given back; what was used beyond is recorded, whatever the limit
    says. Never sent twice.
    """
    return Command(("LW.SETTLE", key, str(reserved), str(actual), "AT", str(at)), _read_settlement, key)


def _read_settlement(reply: object) -> Settlement:
    refunded, recorded, time = integers(reply, 3)
    return Settlement(refunded, recorded, time or None)


def _limits(limits: Limits | int, window: Duration | None) -> ParsedLimits:
    if not isinstance(limits, int):
        return parse_limits(limits)
    if window is None:
        raise ConfigurationError(f"the limit {limits} has no window: (key, 100, 60) or (key, '100/minute')")
    return parse_limits((limits, window))


def rate_limit_command(
    name: str, key: Key, limits: ParsedLimits, cost: int, *, force: bool = False, with_time: bool = False
) -> Command[RateLimitResult]:
    """LW.RATELIMIT or LW.PEEK."""
    words, read = _prepared(limits, with_time)
    args: tuple[Arg, ...] = (name, key, *words)
    if cost != 1:
        args = (*args, "COST", str(cost))
    if force:
        args = (*args, "FORCE")
    if with_time:
        args = (*args, "WITHTIME")
    return Command(args, read, key)


@lru_cache(maxsize=1024)
def _prepared(limits: ParsedLimits, with_time: bool) -> tuple[tuple[str, ...], Callable[[object], RateLimitResult]]:
    """Limits as arguments, and what reads the reply.

    Cached, because the same limits are used for every request.
    """
    numbers = () if isinstance(limits, ServerPolicy) else limits

    def read(reply: object) -> RateLimitResult:
        found = integers(reply, 6 if with_time else 5)
        limited, limit, remaining, retry_after, reset_after = found[:5]
        wait = math.inf if retry_after < 0 else retry_after
        recorded = (found[5] or None) if with_time else None
        return RateLimitResult(limited == 0, limit, remaining, wait, reset_after, numbers, recorded)

    return limit_arguments(limits), read
