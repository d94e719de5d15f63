"""Limits: how many in which window, written as pairs or as the texts that other limiters have."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from .duration import Duration, milliseconds, written
from .errors import ConfigurationError

_MOST = (1 << 53) - 1
_MOST_PAIRS = 8


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `limit` units in any trailing window of `window_ms`."""

    limit: int
    window_ms: int

    def __post_init__(self) -> None:
        """Refuses what the module would refuse on every call."""
        if not 0 <= self.limit <= _MOST:
            raise ConfigurationError(f"the limit {self.limit} is not an integer from 0 to {_MOST}")

    @property
    def window(self) -> timedelta:
        """The window, as a duration."""
        return timedelta(milliseconds=self.window_ms)

    @property
    def window_text(self) -> str:
        """The window as LW.RATELIMIT takes it: `60`, `500ms`."""
        return written(self.window_ms)

    @property
    def window_name(self) -> str:
        """The window as a part of a name: `60s`, `500ms`."""
        return self.window_text if self.window_ms % 1000 else f"{self.window_text}s"


Limits: TypeAlias = tuple[Limit, ...]
# "100/minute; 5000/hour", a pair, pairs, or Limits.
LimitsLike: TypeAlias = str | Limit | tuple[int, Duration] | Iterable[Limit | tuple[int, Duration]]

_UNITS = {
    "ms": 1,
    "s": 1000,
    "sec": 1000,
    "second": 1000,
    "m": 60_000,
    "min": 60_000,
    "minute": 60_000,
    "h": 3_600_000,
    "hour": 3_600_000,
    "d": 86_400_000,
    "day": 86_400_000,
    # As the packages have it whose users bring such texts.
    "month": 30 * 86_400_000,
    "year": 360 * 86_400_000,
}
_WRITTEN = re.compile(r"\s*(\d+)\s*(?:/|\s+per\s+)\s*(\d+(?:\.\d+)?)?\s*([a-z]*)\s*", re.ASCII | re.IGNORECASE)


def limits_of(like: LimitsLike) -> Limits:
    """Reads limits however they are written."""
    if isinstance(like, str):
        limits = tuple(_parsed(part) for part in re.split("[;,|]", like) if part.strip())
    elif isinstance(like, Limit):
        limits = (like,)
    else:
        pairs = tuple(like)
        if len(pairs) == 2 and isinstance(pairs[0], int) and not isinstance(pairs[1], (tuple, Limit)):
            limits = (_paired((pairs[0], pairs[1])),)
        else:
            limits = tuple(_paired(pair) for pair in pairs)
    if not 1 <= len(limits) <= _MOST_PAIRS:
        raise ConfigurationError(f"{like!r} has {len(limits)} limits: one to {_MOST_PAIRS} go on a key")
    return limits


def _paired(pair: object) -> Limit:
    if isinstance(pair, Limit):
        return pair
    if isinstance(pair, (tuple, list)) and len(pair) == 2 and isinstance(pair[0], int):
        return Limit(pair[0], milliseconds(pair[1]))
    raise ConfigurationError(f"{pair!r} is not a pair of a limit and a window: (100, 60)")


def _parsed(text: str) -> Limit:
    parts = _WRITTEN.fullmatch(text)
    unit = parts[3].lower() if parts else ""
    # "minutes" is "minute"; "s" and "ms" are themselves.
    unit_ms = _UNITS.get(unit) or _UNITS.get(unit.removesuffix("s") or unit)
    if parts is None or (not unit and not parts[2]) or (unit and unit_ms is None):
        raise ConfigurationError(
            f"{text.strip()!r} is not a limit: write 100/minute, 10 per 5 minutes, 100/60s; several with ';' between"
        )
    span = float(parts[2] or 1) * (unit_ms or 1000)
    return Limit(int(parts[1]), milliseconds(span / 1000))
