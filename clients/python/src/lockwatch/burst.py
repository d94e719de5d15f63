"""LW.BURST: detects clients that call too often."""

from __future__ import annotations

from dataclasses import dataclass

from .duration import Duration, argument
from .redis.connection import Arg, Command, Key
from .redis.records import integers, option


@dataclass(frozen=True, slots=True)
class BurstResult:
    """True if there is a burst."""

    burst: bool
    count: int
    """Calls in the window, including this one."""
    alerted: bool
    """Whether this call raised an alert."""

    def __bool__(self) -> bool:
        """Whether there is a burst."""
        return self.burst


def burst(
    key: Key,
    threshold: int,
    window: Duration,
    *,
    cooldown: Duration | None = None,
    ip: str | None = None,
    endpoint: Arg | None = None,
    method: str | None = None,
    agent: Arg | None = None,
) -> Command[BurstResult]:
    """Counts a call, and reports whether the window has `threshold` calls or more.

    The first call of a burst raises an alert.
    """
    args = (
        *("LW.BURST", key, str(threshold), argument(window)),
        *option("COOLDOWN", None if cooldown is None else argument(cooldown)),
        *option("IP", ip),
        *option("ENDPOINT", endpoint),
        *option("METHOD", method),
        *option("AGENT", agent),
    )
    return Command(args, read_burst, key)


def read_burst(reply: object) -> BurstResult:
    """Reads the three integers that LW.BURST answers."""
    burst, count, alerted = integers(reply, 3)
    return BurstResult(burst == 1, count, alerted == 1)
