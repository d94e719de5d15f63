"""What the storages for limits count: the commands, without a kind of client."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from limits.limits import TIME_TYPES

from .errors import ConfigurationError, LockWatchError
from .explain import KeyReport, inspect
from .failure_log import FailureLog
from .flow import Client, Flow, execute
from .limits import Limit
from .limits_uri import StorageOptions
from .multi import mratelimit
from .ratelimit import RateLimitResult, rate_limit_command
from .redis.connection import Command

# What `stats()` of the client counts the calls under.
_POLICY = "limits"


@dataclass(frozen=True, slots=True)
class Usage:
    """What is used of a key's window."""

    used: int
    free_after: float
    """Seconds until the oldest unit leaves the window; 0 if there is none."""


class Counters:
    """The commands of both storages."""

    def __init__(self, lockwatch: Client, options: StorageOptions) -> None:
        self._lockwatch = lockwatch
        self._prefix = options.key_prefix
        self._raises = options.on_redis_failure == "raise"
        self._failures = FailureLog.of(lockwatch)

    @property
    def pattern(self) -> str:
        """What SCAN finds all keys by."""
        return re.sub(r"([\\*?\[\]])", r"\\\1", self._prefix) + ":*"

    def hit(self, key: str, limit: int, expiry: int, amount: int) -> Flow[RateLimitResult | None]:
        """None if Redis did not answer, and the units are admitted nevertheless."""
        command = rate_limit_command("LW.RATELIMIT", self._key(key), (Limit(limit, expiry * 1000),), amount)
        try:
            result = yield from execute(self._lockwatch, command)
        except LockWatchError as error:
            reason = error.code.lower()
            self._lockwatch.counters.failed(
                "bypassed" if reason == "bypassed" else "failed_open", _POLICY, None, reason
            )
            if self._raises:
                raise
            self._failures.limit_failed(reason, error, "allow")
            return None
        self._failures.limit_answered()
        self._lockwatch.counters.answered("allowed" if result else "denied", _POLICY)
        return result

    def acquire(self, key: str, limit: int, expiry: int, amount: int) -> Flow[bool]:
        """Whether the units are admitted."""
        if amount < 1:
            return True
        result = yield from self.hit(key, limit, expiry, amount)
        return result is None or result.allowed

    def increment(self, key: str, expiry: int, amount: int) -> Flow[int]:
        """Units used, these included. More than the limit if they were denied."""
        if amount < 1:
            return (yield from self.usage(key)).used
        result = yield from self.hit(key, _limit_of(key, expiry), expiry, amount)
        if result is None:
            return 0
        used = result.limit - result.remaining
        return used if result.allowed else used + amount

    def usage(self, key: str) -> Flow[Usage]:
        """What is used of a key."""
        try:
            report: KeyReport | None = yield from execute(self._lockwatch, inspect(self._key(key)))
        except LockWatchError:
            if self._raises:
                raise
            report = None
        if report is None or not report.windows:
            return Usage(0, 0.0)
        # A key of limits contains the length of its only window.
        window = report.windows[-1]
        return Usage(window.used, window.first_free_ms / 1000)

    def window(self, key: str, expiry: int) -> Flow[tuple[float, int]]:
        """The time of the oldest unit, and the number of units."""
        usage = yield from self.usage(key)
        now = time.time()
        return (now + usage.free_after - expiry if usage.used else now), usage.used

    def counter(self, key: str, expiry: int) -> Flow[tuple[int, float, int, float]]:
        """The window as the present one of two, of which the previous one is empty."""
        usage = yield from self.usage(key)
        # limits takes the time modulo the window, so that a whole window would be no time.
        return 0, 0.0, usage.used, min(usage.free_after, expiry - 0.001)

    def clear(self, key: str) -> Flow[None]:
        """Forgets the units of a key."""
        name = self._key(key)
        yield from execute(self._lockwatch, Command(("UNLINK", name), int, name))

    def check(self) -> Flow[bool]:
        """Whether units can be recorded. Records none: a replica and a full server refuse it."""
        try:
            yield from execute(self._lockwatch, mratelimit([(f"{self._prefix}:check", (1, 1), 0)]))
        except LockWatchError:
            return False
        return True

    def _key(self, key: str) -> str:
        return f"{self._prefix}:{key}"


def _limit_of(key: str, expiry: int) -> int:
    """The limit that a key of limits ends with: `…/5/1/minute`.

    The strategy `fixed-window` tells the storage no limit but this one.
    """
    *_, amount, multiples, unit = ("", "", *key.split("/"))
    granularity = TIME_TYPES.get(unit)
    if granularity is None or not (amount.isdecimal() and multiples.isdecimal()):
        raise _no_limit(key)
    if int(multiples) * granularity.seconds != expiry:
        raise _no_limit(key)
    return int(amount)


def _no_limit(key: str) -> ConfigurationError:
    return ConfigurationError(
        f"the key of a limit does not end with its numbers, as in '…/5/1/minute', but with {key[-20:]!r}: use the "
        "strategy 'moving-window', which tells the storage the limit"
    )
