"""Reserves tokens of a language model before a call, and settles with what it really used."""

from __future__ import annotations

from types import TracebackType
from typing import Any, TypeAlias

from .aio import AsyncLockWatch
from .client import LockWatch
from .errors import ConfigurationError, LockWatchError, TokenBudgetExceededError
from .failure_log import FailureLog
from .limits import Limits, ParsedLimits, parse_limits
from .multi import MultiRateLimitResult, mratelimit
from .ratelimit import RateLimitResult, rate_limit_command, refund, settle
from .redis.connection import Command
from .rules import COST

Result: TypeAlias = RateLimitResult | MultiRateLimitResult


class TokenBudget:
    """Tokens that each key may use, and with `requests` calls that it may make.

    `budget = TokenBudget(lw, "10000/minute", requests="60/minute")`. Tokens and requests are
    admitted in one step. `lw` is a `LockWatch` for `with`, or an `AsyncLockWatch` for `async with`.
    """

    def __init__(
        self, lockwatch: LockWatch | AsyncLockWatch, limits: Limits, *, requests: Limits | None = None
    ) -> None:
        if not isinstance(lockwatch, (LockWatch, AsyncLockWatch)):
            raise ConfigurationError(
                f"TokenBudget(lw, '10000/minute') needs a LockWatch or an AsyncLockWatch: it is a "
                f"{type(lockwatch).__name__}"
            )
        self.lockwatch = lockwatch
        self.limits = parse_limits(limits)
        self.requests = None if requests is None else parse_limits(requests)
        self.failures = FailureLog.of(lockwatch)

    def reserve(self, key: str, estimate: int) -> Reservation:
        """Reserves `estimate` tokens of a key for a block, from its beginning.

        `with budget.reserve("user:42", 700) as reservation:`, or `async with`. Raises
        TokenBudgetExceededError if fewer are left. The Redis keys are `{key}:tokens` and
        `{key}:requests`.
        """
        if not isinstance(key, str) or not key or key.startswith("}"):
            raise ConfigurationError(f"{key!r} is no key of a budget: a text like 'user:42'")
        return Reservation(self, key, COST.read("the estimate", estimate))


class Reservation:
    """Tokens that are reserved while a block runs.

    At the end of the block they become what was used: what `settle` was told, or the sum of `add`.
    Without either the reservation stays, and also after an exception, unless `settle` or `cancel`
    was called: then it is not known what the call used. No exception gives tokens back by itself.
    """

    def __init__(self, budget: TokenBudget, key: str, reserved: int) -> None:
        self._budget = budget
        self._tokens_key = f"{{{key}}}:tokens"
        self._requests_key = f"{{{key}}}:requests"
        self._key = key
        self._result: Result | None = None
        self.reserved = reserved
        self.used = 0
        """The sum of `add`."""
        self._added = False
        self._settled: int | None = None
        self._is_cancelled = False

    @property
    def result(self) -> Result:
        """What the limits answered. Raises RuntimeError before the block."""
        if self._result is None:
            raise RuntimeError("nothing is reserved: write 'with budget.reserve(…) as reservation:'")
        return self._result

    def headers(self, policy: str = "tokens") -> dict[str, str]:
        """The headers of the limit that binds, for the response."""
        return self.result.headers(policy)

    def add(self, tokens: int) -> None:
        """Counts tokens that were used, as they come."""
        self.used += _number(tokens)
        self._added = True

    def settle(self, actual: int) -> None:
        """Says what was used in all. The reservation is corrected at the end of the block."""
        self._settled, self._is_cancelled = _number(actual), False

    def cancel(self) -> None:
        """Says that nothing was used, and that the call does not count.

        Everything is given back at the end of the block.
        """
        self._settled, self._is_cancelled = 0, True

    def __enter__(self) -> Reservation:
        """Reserves the tokens. Raises TokenBudgetExceededError."""
        lockwatch = self._budget.lockwatch
        if not isinstance(lockwatch, LockWatch):
            raise ConfigurationError("the client is an AsyncLockWatch: write 'async with budget.reserve(…)'")
        self._begin(lockwatch.execute(self._command()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Settles the reservation. A failure is logged."""
        lockwatch = self._budget.lockwatch
        commands = self._end(failed=kind is not None)
        if commands and isinstance(lockwatch, LockWatch):
            try:
                self._check(commands, lockwatch.link.send(commands))
            except LockWatchError as failure:
                self._failed(failure)

    async def __aenter__(self) -> Reservation:
        """Reserves the tokens. Raises TokenBudgetExceededError."""
        lockwatch = self._budget.lockwatch
        if not isinstance(lockwatch, AsyncLockWatch):
            raise ConfigurationError("the client is a LockWatch: write 'with budget.reserve(…)'")
        self._begin(await lockwatch.execute(self._command()))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Settles the reservation, also if the task is cancelled meanwhile. A failure is logged."""
        lockwatch = self._budget.lockwatch
        commands = self._end(failed=kind is not None)
        if commands and isinstance(lockwatch, AsyncLockWatch):
            await lockwatch.background.finish(self._correct(lockwatch, commands))

    async def _correct(self, lockwatch: AsyncLockWatch, commands: list[Command[Any]]) -> None:
        try:
            self._check(commands, await lockwatch.link.send(commands))
        except LockWatchError as failure:
            self._failed(failure)

    def _command(self) -> Command[Any]:
        if self._result is not None:
            raise RuntimeError("the reservation is in use already: call budget.reserve(…) for each block")
        limits, requests = self._budget.limits, self._budget.requests
        if requests is None:
            return rate_limit_command("LW.RATELIMIT", self._tokens_key, limits, self.reserved, with_time=True)
        return mratelimit([_entry(self._requests_key, requests, 1), _entry(self._tokens_key, limits, self.reserved)])

    def _begin(self, result: Result) -> None:
        if not result:
            raise TokenBudgetExceededError(self._key, result.retry_after_ms)
        self._result = result

    def _end(self, *, failed: bool) -> list[Command[Any]]:
        """What corrects the reservation."""
        at = self.result.time_ms
        actual = self._settled
        if actual is None and self._added:
            # An interrupted call may have used more than was counted, but not less.
            actual = max(self.used, self.reserved) if failed else self.used
        if at is None or actual is None or actual == self.reserved:
            return []
        commands: list[Command[Any]] = [settle(self._tokens_key, self.reserved, actual, at)]
        if self._is_cancelled and self._budget.requests is not None:
            commands.append(refund(self._requests_key, 1, at))
        return commands

    def _check(self, commands: list[Command[Any]], replies: list[Any]) -> None:
        for command, reply in zip(commands, replies, strict=True):
            command.parse(reply)

    def _failed(self, error: LockWatchError) -> None:
        failures = self._budget.failures
        failures.log(f"budget: {error.code}", f"a reservation stays as it was estimated: {failures.named(error)}")


def _entry(key: str, limits: ParsedLimits, cost: int) -> tuple[str, Limits, int]:
    return (key, limits, cost)


def _number(tokens: int) -> int:
    if isinstance(tokens, bool) or not isinstance(tokens, int) or tokens < 0:
        raise ConfigurationError(f"{tokens!r} is no number of tokens: an integer from 0")
    return tokens
