"""Durations as people write them, and as the module reads them."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import TypeAlias

from .errors import ConfigurationError

# Seconds, a timedelta, or a text with a unit: 500ms 90s 5m 1h 1d.
Duration: TypeAlias = int | float | str | timedelta

_UNITS_MS = {"": 1000, "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_TEXT = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(ms|s|m|h|d|)\s*", re.ASCII | re.IGNORECASE)
_MAX_MS = 3650 * 86_400_000


def milliseconds(duration: Duration) -> int:
    """Whole milliseconds, rounded up. Raises ConfigurationError below 1 ms and above ten years."""
    if isinstance(duration, timedelta):
        exact: float = duration / timedelta(milliseconds=1)
    elif isinstance(duration, str):
        if (text := _TEXT.fullmatch(duration)) is None:
            raise ConfigurationError(f"{duration!r} is not a duration: write seconds, or 500ms 90s 5m 1h 1d")
        exact = float(text[1]) * _UNITS_MS[text[2].lower()]
    else:
        exact = _seconds(duration) * 1000
    # Rounding to six digits first: 1.1 s is 1100.0000000000002 ms in binary, and must not become
    # 1101.
    whole = -int(-round(exact, 6) // 1) if exact <= _MAX_MS else math.inf
    if not 1 <= whole <= _MAX_MS:
        raise ConfigurationError(f"{duration!r} is not between a millisecond and ten years")
    return int(whole)


def _seconds(duration: object) -> float:
    # A bool is an int in Python, and no duration.
    if isinstance(duration, bool) or not isinstance(duration, (int, float)) or math.isnan(duration):
        raise ConfigurationError(f"{duration!r} is not a duration: write seconds, or 500ms 90s 5m 1h 1d")
    return duration


def duration_argument(ms: int) -> str:
    """An argument of a command: whole seconds as a bare number, anything else as `500ms`."""
    return str(ms // 1000) if ms % 1000 == 0 else f"{ms}ms"


def argument(duration: Duration) -> str:
    """A duration as an argument of a command."""
    return duration_argument(milliseconds(duration))


def seconds_rounded_up(ms: float) -> int:
    """Whole seconds, as HTTP headers have them."""
    return int(-(-ms // 1000))
