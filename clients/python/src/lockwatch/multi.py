"""LW.MRATELIMIT and LW.MPEEK: several keys in one step, which admits the call by all or by none."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeAlias

from .errors import ConfigurationError
from .limits import Limit, Limits, ParsedLimits, ServerPolicy, limit_arguments, parse_limits
from .ratelimit import RateLimitResult
from .redis.connection import Arg, Command, Key
from .redis.records import integers

# A key, its limits, and what the call costs it (1 unless given).
Entry: TypeAlias = tuple[Key, Limits] | tuple[Key, Limits, int]

# The number that one command accepts.
_MAX_TUPLES = 16
_HEAD = 4
_PER_TUPLE = 3


@dataclass(frozen=True, slots=True)
class MultiRateLimitEntry:
    """What was found for one of the entries of a call: the window of it that binds."""

    key: Key
    limit: int
    remaining: int
    reset_after_ms: int
    limits: tuple[Limit, ...] = field(default=(), repr=False)
    """The limits of the entry. Empty if a policy of the server decided."""

    @property
    def reset_after(self) -> timedelta:
        """Time until the window is empty."""
        return timedelta(milliseconds=self.reset_after_ms)


@dataclass(frozen=True, slots=True)
class MultiRateLimitResult:
    """True if the call was admitted, and so by every entry."""

    allowed: bool
    binding: int
    """The index of the entry that binds: the longest wait of a denied call, else the fullest."""
    retry_after_ms: float
    """0 if admitted; infinity if the call costs more than a limit and can never be admitted."""
    time_ms: int | None
    """When the units were recorded, for `refund` and `settle`. None if none were."""
    results: tuple[MultiRateLimitEntry, ...]
    """One for each entry, in their order."""

    def __bool__(self) -> bool:
        """Whether the call was admitted."""
        return self.allowed

    @property
    def entry(self) -> MultiRateLimitEntry:
        """The entry that binds."""
        return self.results[self.binding]

    @property
    def limit(self) -> RateLimitResult:
        """The entry that binds, as the result of a single limit."""
        at = self.entry
        return RateLimitResult(
            self.allowed, at.limit, at.remaining, self.retry_after_ms, at.reset_after_ms, at.limits, self.time_ms
        )

    @property
    def never(self) -> bool:
        """Whether waiting does not help, because the cost is above a limit."""
        return self.limit.never

    @property
    def retry_after(self) -> timedelta | None:
        """Time until the same call is admitted if nothing else is counted; None if it never is."""
        return self.limit.retry_after

    @property
    def retry_after_seconds(self) -> int | None:
        """Whole seconds, at least one; None if admitted or if waiting does not help."""
        return self.limit.retry_after_seconds

    def headers(self, policy: str = "default") -> dict[str, str]:
        """The headers of `RateLimitResult`, of the entry that binds."""
        return self.limit.headers(policy)


def mratelimit(entries: Iterable[Entry]) -> Command[MultiRateLimitResult]:
    """Admits a call if every key does, and counts it at all keys or at none.

    `mratelimit([("{42}:requests", "60/minute", 1), ("{42}:tokens", "10000/minute", 700)])`. An
    entry is `(key, limits)` or `(key, limits, cost)`. In a cluster all keys need the same hash tag.
    A cost of 0 asks whether something is left, and counts nothing.
    """
    return _command("LW.MRATELIMIT", entries)


def mpeek(entries: Iterable[Entry]) -> Command[MultiRateLimitResult]:
    """What `mratelimit` would answer, without counting the call."""
    return _command("LW.MPEEK", entries)


def _command(name: str, entries: Iterable[Entry]) -> Command[MultiRateLimitResult]:
    parsed = [_parse(entry) for entry in entries]
    tuples: list[Arg] = []
    # The entry of each tuple.
    owners: list[int] = []
    for at, (key, limits, cost) in enumerate(parsed):
        words = limit_arguments(limits)
        pairs = (
            [(words[0], "-")] if isinstance(limits, ServerPolicy) else list(zip(words[::2], words[1::2], strict=True))
        )
        for limit, window in pairs:
            tuples += [key, limit, window, str(cost)]
            owners.append(at)
    if not 1 <= len(owners) <= _MAX_TUPLES:
        raise ConfigurationError(f"{name} has {len(owners)} limits of all entries together: one to {_MAX_TUPLES} go")
    return Command((name, *tuples), lambda reply: _read(reply, parsed, owners), parsed[0][0])


def _parse(entry: Any) -> tuple[Key, ParsedLimits, int]:  # noqa: ANN401  # checked here
    if not isinstance(entry, Sequence) or isinstance(entry, (str, bytes)) or not 2 <= len(entry) <= 3:
        raise ConfigurationError(f"{entry!r} is no entry: (key, limits) or (key, limits, cost)")
    key, limits, cost = (*entry, 1)[:3]
    if not isinstance(key, (str, bytes)) or type(cost) is not int:
        raise ConfigurationError(f"{entry!r} is no entry: (key, limits) or (key, limits, cost)")
    return key, parse_limits(limits), cost


def _read(reply: Any, entries: Sequence[tuple[Key, ParsedLimits, int]], owners: Sequence[int]) -> MultiRateLimitResult:  # noqa: ANN401
    numbers = integers(reply, _HEAD + _PER_TUPLE * len(owners))
    limited, binding, retry_after, time = numbers[:_HEAD]
    if not 0 <= binding < len(owners):
        raise ValueError("the binding tuple is none of the call's")
    found = list(zip(*(iter(numbers[_HEAD:]),) * _PER_TUPLE, strict=True))
    results = []
    for at, (key, limits, _) in enumerate(entries):
        own = [each for each in range(len(owners)) if owners[each] == at]
        # The window that binds the call, else the fullest one of the entry.
        best = binding if binding in own else min(own, key=lambda each: _share_left(*found[each]))
        limit, remaining, reset_after = found[best]
        windows = () if isinstance(limits, ServerPolicy) else limits
        results.append(MultiRateLimitEntry(key, limit, remaining, reset_after, windows))
    wait = math.inf if retry_after < 0 else retry_after
    return MultiRateLimitResult(limited == 0, owners[binding], wait, time or None, tuple(results))


def _share_left(limit: int, remaining: int, reset_after: int) -> tuple[float, int]:
    return (remaining / limit if limit else 0.0, -reset_after)
