"""Durations, as people write them in Python and as the module takes them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TypeAlias

from .errors import ConfigurationError

# Seconds, a timedelta, or a text with a unit as the module has them: 500ms 90s 5m 1h 1d.
Duration: TypeAlias = int | float | str | timedelta

_MS = {"": 1000, "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_WRITTEN = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(ms|s|m|h|d|)\s*", re.ASCII | re.IGNORECASE)
_TEN_YEARS_MS = 3650 * 86_400_000


def milliseconds(duration: Duration) -> int:
    """A duration in milliseconds; what is not whole is rounded up, as the module does."""
    if isinstance(duration, timedelta):
        exact: float = duration / timedelta(milliseconds=1)
    elif isinstance(duration, str):
        if (written := _WRITTEN.fullmatch(duration)) is None:
            raise ConfigurationError(f"{duration!r} is not a duration: write seconds, or 500ms 90s 5m 1h 1d")
        exact = float(written[1]) * _MS[written[2].lower()]
    else:
        exact = duration * 1000
    # The tenth digit is where 0.1 s stops being a hundred milliseconds exactly.
    whole = -int(-round(exact, 6) // 1)
    if not 1 <= whole <= _TEN_YEARS_MS:
        raise ConfigurationError(f"{duration!r} is not between a millisecond and ten years")
    return whole


def written(ms: int) -> str:
    """Milliseconds as an argument of a command: whole seconds as a bare number, else with the unit."""
    return str(ms // 1000) if ms % 1000 == 0 else f"{ms}ms"


def argument(duration: Duration) -> str:
    """A duration as an argument. A text goes to the module as it is: it says best what is wrong with it."""
    return duration if isinstance(duration, str) else written(milliseconds(duration))


def seconds_up(ms: int) -> int:
    """Milliseconds as the whole seconds that HTTP headers have, rounded up."""
    return -(-ms // 1000)
