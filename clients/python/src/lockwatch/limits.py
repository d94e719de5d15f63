"""Limits as pairs or as texts, in the spelling of slowapi, Flask-Limiter and express-rate-limit.

Or the name of a policy of the server, which has no numbers here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from typing import TypeAlias

from .duration import Duration, duration_argument, milliseconds
from .errors import ConfigurationError

MAX_LIMIT = (1 << 53) - 1
# The number that one command accepts.
MAX_LIMITS = 8
# An address may spend this many times what one unverified credential may spend.
_ADDRESS_FACTOR = 10


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `limit` units in any trailing window of `window_ms`."""

    limit: int
    window_ms: int

    def __post_init__(self) -> None:
        """Rejects what the module would reject on every call."""
        if type(self.limit) is not int or not 0 <= self.limit <= MAX_LIMIT:
            raise ConfigurationError(f"the limit {self.limit!r} is not an integer from 0 to {MAX_LIMIT}")

    @property
    def window(self) -> timedelta:
        """`window_ms` as a timedelta."""
        return timedelta(milliseconds=self.window_ms)


@dataclass(frozen=True, slots=True)
class ServerPolicy:
    """Limits that the server holds under a name (`LW.POLICY SET`), written `"@login"`."""

    name: str

    def __post_init__(self) -> None:
        """Rejects what the module would reject on every call."""
        if not isinstance(self.name, str) or _POLICY_NAME.fullmatch(self.name) is None:
            raise ConfigurationError(
                f"{self.name!r} is no name of a policy of the server: 1 to 64 of A-Z a-z 0-9 . _ -, as in '@login'"
            )


_POLICY_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")

# "100/minute; 5000/hour", a pair, a Limit object, or several of these in a list; or "@login".
Limits: TypeAlias = str | Limit | ServerPolicy | tuple[int, Duration] | Iterable[str | Limit | tuple[int, Duration]]
ParsedLimits: TypeAlias = tuple[Limit, ...] | ServerPolicy

_UNITS_MS = {
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
    # The same lengths as in the packages whose limit strings these are.
    "month": 30 * 86_400_000,
    "year": 360 * 86_400_000,
}
_TEXT = re.compile(r"\s*(\d+)\s*(?:/|\s+per\s+)\s*(\d+(?:\.\d+)?)?\s*([a-z]*)\s*", re.ASCII | re.IGNORECASE)


def parse_limits(limits: Limits) -> ParsedLimits:
    """Reads limits in any of their spellings, or the name of a policy of the server."""
    parsed: tuple[Limit | ServerPolicy, ...]
    if isinstance(limits, str):
        parsed = tuple(_parse_text(part) for part in re.split("[;,|]", limits) if part.strip())
    elif isinstance(limits, (Limit, ServerPolicy)):
        parsed = (limits,)
    elif isinstance(limits, (bytes, bytearray, Mapping)) or not isinstance(limits, Iterable):
        raise ConfigurationError(f"{limits!r} has no limits")
    else:
        pairs = tuple(limits)
        if len(pairs) == 2 and isinstance(pairs[0], int) and not isinstance(pairs[1], (tuple, list, Limit)):
            parsed = (_parse_pair((pairs[0], pairs[1])),)
        else:
            parsed = tuple(each for pair in pairs for each in _parse_member(pair))
    if len(parsed) == 1 and isinstance(parsed[0], ServerPolicy):
        return parsed[0]
    numbers = tuple(each for each in parsed if isinstance(each, Limit))
    if len(numbers) < len(parsed):
        raise ConfigurationError(f"{limits!r} mixes a policy of the server with other limits: give '@name' alone")
    if not 1 <= len(numbers) <= MAX_LIMITS:
        raise ConfigurationError(f"{limits!r} has {len(numbers)} limits: one to {MAX_LIMITS} go on a key")
    return numbers


def parse_numbers(limits: Limits) -> tuple[Limit, ...]:
    """Limits that are no policy of the server."""
    parsed = parse_limits(limits)
    if isinstance(parsed, ServerPolicy):
        raise ConfigurationError(f"only the server knows the numbers of '@{parsed.name}'")
    return parsed


def _parse_member(member: object) -> tuple[Limit | ServerPolicy, ...]:
    if isinstance(member, ServerPolicy):
        return (member,)
    if not isinstance(member, str):
        return (_parse_pair(member),)
    parsed = parse_limits(member)
    return (parsed,) if isinstance(parsed, ServerPolicy) else parsed


def _parse_pair(pair: object) -> Limit:
    if isinstance(pair, Limit):
        return pair
    if isinstance(pair, (tuple, list)) and len(pair) == 2 and isinstance(pair[0], int):
        return Limit(pair[0], milliseconds(pair[1]))
    raise ConfigurationError(f"{pair!r} is not a pair of a limit and a window: (100, 60)")


def _parse_text(text: str) -> Limit | ServerPolicy:
    if (name := text.strip()).startswith("@"):
        return ServerPolicy(name[1:])
    parts = _TEXT.fullmatch(text)
    unit = parts[3].lower() if parts else ""
    # The plural is looked up as the singular; "s" and "ms" stay as they are.
    unit_ms = _UNITS_MS.get(unit) or _UNITS_MS.get(unit.removesuffix("s") or unit)
    if parts is None or (not unit and not parts[2]) or (unit and unit_ms is None):
        raise ConfigurationError(
            f"{text.strip()!r} is not a limit: write 100/minute, 10 per 5 minutes, 100/60s; several with ';' between"
        )
    span = float(parts[2] or 1) * (unit_ms or 1000)
    return Limit(int(parts[1]), milliseconds(span / 1000))


@lru_cache(maxsize=1024)
def limit_arguments(limits: ParsedLimits) -> tuple[str, ...]:
    """Limits as arguments of a command.

    Cached, because the same limits are used for every request.
    """
    if isinstance(limits, ServerPolicy):
        return (f"@{limits.name}",)
    return tuple(word for each in limits for word in (str(each.limit), duration_argument(each.window_ms)))


@lru_cache(maxsize=1024)
def address_limits(limits: ParsedLimits) -> tuple[Limit, ...]:
    """What an address may spend if each of its unverified credentials may spend `limits`.

    Raises ConfigurationError for a policy of the server, whose numbers are not known.
    """
    if isinstance(limits, ServerPolicy):
        raise ConfigurationError(
            f"the limits '@{limits.name}' count by credential, and an address gets ten times their numbers, which only "
            "the server knows: give the middleware address_limits, or the route limits as numbers"
        )
    return tuple(replace(each, limit=min(each.limit * _ADDRESS_FACTOR, MAX_LIMIT)) for each in limits)


def binding_limit(limits: tuple[Limit, ...], limit: int) -> Limit:
    """The pair that a reply refers to.

    Redis names the limit only; of equal limits the longest window is meant.
    """
    if len(limits) == 1:
        return limits[0]
    named = [each for each in limits if each.limit == limit] or limits
    return max(named, key=lambda each: each.window_ms)
