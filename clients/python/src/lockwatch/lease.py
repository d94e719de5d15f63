"""LW.ACQUIRE, LW.RENEW and LW.RELEASE: a limit on the units in use at the same time."""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from .duration import Duration, argument
from .redis.connection import Arg, Command, Key
from .redis.records import integer


@dataclass(frozen=True, slots=True)
class LeaseResult:
    """True if the lease was acquired."""

    acquired: bool
    repeated: bool
    """Whether a lease with this id was held already, and lasts at least `ttl` from now on."""
    id: Arg | None
    """What `renew` and `release` need. None if denied."""
    in_use: int
    """The units of all leases, this one included."""
    retry_after_ms: float
    """0 if acquired; otherwise an upper bound, or infinity if the cost is above the limit."""
    fence: int
    """A number that grows with each new lease of the key. 0 if denied."""

    def __bool__(self) -> bool:
        """Whether the lease was acquired."""
        return self.acquired

    @property
    def retry_after(self) -> timedelta | None:
        """`retry_after_ms` as a timedelta; None if waiting does not help."""
        return None if self.retry_after_ms == math.inf else timedelta(milliseconds=self.retry_after_ms)


@dataclass(frozen=True, slots=True)
class LeaseOptions:
    """The arguments of `lease`."""

    key: Key
    limit: int
    ttl: Duration
    cost: int
    on_close: bool

    def acquire(self) -> Command[LeaseResult]:
        """LW.ACQUIRE with an id of its own."""
        return acquire(self.key, self.limit, self.ttl, cost=self.cost, on_close=self.on_close)


def acquire(
    key: Key,
    limit: int,
    ttl: Duration,
    id: Arg | None = None,  # noqa: A002
    cost: int = 1,
    *,
    on_close: bool = False,
) -> Command[LeaseResult]:
    """Takes a lease for `ttl` if the units of all leases stay within `limit`.

    `id` is 1 to 64 bytes, and 128 random bits unless given. The same `id` again is the same lease,
    so a call that had no answer may be repeated with it. `on_close` ends the lease with the
    connection, which `lease` has of its own.
    """
    own = secrets.token_hex(16) if id is None else id
    args: tuple[Arg, ...] = ("LW.ACQUIRE", key, str(limit), argument(ttl), "ID", own)
    if cost != 1:
        args = (*args, "COST", str(cost))
    if on_close:
        args = (*args, "ONCLOSE")

    def read(reply: Any) -> LeaseResult:  # noqa: ANN401  # a reply is anything
        acquired, _, in_use, retry_after, fence = reply
        code = integer(acquired)
        wait = math.inf if integer(retry_after) < 0 else retry_after
        return LeaseResult(code > 0, code == 2, own if code > 0 else None, integer(in_use), wait, integer(fence))

    return Command(args, read, key)


def renew(key: Key, id: Arg, ttl: Duration) -> Command[bool]:  # noqa: A002
    """Has a lease last at least `ttl` from now on. False if it has ended."""
    return Command(("LW.RENEW", key, id, argument(ttl)), _read_bool, key)


def release(key: Key, id: Arg) -> Command[bool]:  # noqa: A002
    """Ends a lease. False if it has ended already."""
    return Command(("LW.RELEASE", key, id), _read_bool, key)


def _read_bool(reply: Any) -> bool:  # noqa: ANN401
    return integer(reply) == 1
