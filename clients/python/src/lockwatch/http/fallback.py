"""What happens to a request whose limit Redis did not evaluate: `on_redis_failure`."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ..errors import ConfigurationError, LockWatchError, NoPolicyError
from ..failure_log import DONE, Decision, FailureLog
from ..flow import FunctionFailedError
from ..limits import Limit, ParsedLimits, ServerPolicy, parse_numbers
from ..local import LocalLimiter, check_library
from ..notices import say_once
from ..ratelimit import RateLimitResult
from ..stats import Counters, Outcome

FailureMode: TypeAlias = Literal["allow", "deny", "local"]
# A guard in front of a login cannot decide without Redis.
LoginFailureMode: TypeAlias = Literal["allow", "deny"]


@dataclass(frozen=True, slots=True)
class OnFailure:
    """The options of a policy or route limit for this."""

    mode: FailureMode = "allow"
    share: float = 1.0
    limits: tuple[Limit, ...] | None = None
    """`local_limits`."""

    def numbers(self, limits: ParsedLimits | None) -> tuple[Limit, ...] | None:
        """The limits that this process can count by; None for a policy that the server holds."""
        if self.limits is not None or isinstance(limits, ServerPolicy):
            return self.limits
        return limits


def on_failure_of(
    options: Mapping[str, Any],
    of: str,
    limits: ParsedLimits | None,
    inherited: OnFailure | None = None,
    *,
    inherits_limits: bool = False,
) -> OnFailure:
    """The three options. Raises ConfigurationError; `of` says in it whose options they are.

    `limits` are None if a function returns them.
    """
    inherited = inherited or OnFailure()
    own_limits: Any = inherited.limits if inherits_limits else None
    if "local_limits" in options:
        own_limits = parse_numbers(options["local_limits"])
    mode = options.get("on_redis_failure", inherited.mode)
    made = OnFailure(mode, options.get("local_share", inherited.share), own_limits)
    if mode == "local":
        check_library()
        if limits is not None and made.numbers(limits) is None:
            raise ConfigurationError(
                f"on_redis_failure{of} is 'local', and only the server knows the numbers of its limits: "
                "give local_limits='5/minute' too"
            )
    return made


@dataclass(frozen=True, slots=True)
class AskedLimit:
    """A limit that was to be evaluated."""

    name: str
    """As in headers."""
    key: str
    limits: tuple[Limit, ...] | None
    """None if only the server knows them."""


@dataclass(frozen=True, slots=True)
class LimitDenial:
    """A request that a limit denied."""

    name: str
    """As in headers."""
    key: str
    result: RateLimitResult


# Whether a request goes on. Otherwise what denied it, or False for 503.
Admitted: TypeAlias = LimitDenial | bool


class Fallback:
    """Decides without Redis, counts and logs it."""

    def __init__(self, failures: FailureLog, counters: Counters, local: LocalLimiter) -> None:
        self._failures = failures
        self._counters = counters
        self._local = local

    def decide(
        self,
        on_failure: OnFailure,
        error: LockWatchError | FunctionFailedError,
        asked: Sequence[AskedLimit],
        cost: int,
        *,
        shadow: bool,
        policy: str,
        route: str | None,
    ) -> Admitted:
        """What the options say, or the limiter in the process."""
        reason = reason_of(error)
        mode: Decision = "allow" if shadow else on_failure.mode
        denial = None
        if mode == "local" and (mode := self._mode(asked)) == "local":
            denial = self._ask_locally(asked, on_failure.share, cost)
        self._log(error, reason, mode)
        self._counters.failed(_outcome(mode, reason, denial), policy, route, reason)
        return denial or mode != "deny"

    def _mode(self, asked: Sequence[AskedLimit]) -> Decision:
        for each in asked:
            if each.limits is None:
                say_once(
                    f"local: {each.name}",
                    logging.ERROR,
                    f"while Redis is away requests are answered 503 although on_redis_failure is 'local': this process "
                    f"does not know the numbers of the limit {each.name!r}: give local_limits='5/minute' too",
                )
                return "deny"
        return "local"

    def _ask_locally(self, asked: Sequence[AskedLimit], share: float, cost: int) -> LimitDenial | None:
        """The denial with the longest wait. Each limit counts by itself, as in Redis."""
        results = [
            LimitDenial(each.name, each.key, self._local.admit(each.key, each.limits or (), share, cost))
            for each in asked
        ]
        longest = max(results, key=lambda each: each.result.retry_after_ms)
        return None if longest.result else longest

    def _log(self, error: LockWatchError | FunctionFailedError, reason: str, mode: Decision) -> None:
        if isinstance(error, FunctionFailedError):
            # The function may use another Redis.
            self._failures.log(f"{error.option}: {error.error.code}", f"{DONE[mode]}: {error.reason}")
            return
        if isinstance(error, NoPolicyError):
            say_once(
                f"policy: {error}",
                logging.ERROR,
                f"a limit is not enforced, because the server does not have its policy: {error}: set it with "
                "LW.POLICY SET",
            )
        self._failures.limit_failed(reason, error, mode)


def reason_of(error: LockWatchError | FunctionFailedError) -> str:
    """The reason of a failure: `timeout`, `loading`."""
    return (error.error if isinstance(error, FunctionFailedError) else error).code.lower()


def _outcome(mode: Decision, reason: str, denial: LimitDenial | None) -> Outcome:
    if mode == "deny":
        return "failed_closed"
    if mode == "local":
        return "local" if denial is None else "local_denied"
    return "bypassed" if reason == "bypassed" else "failed_open"
