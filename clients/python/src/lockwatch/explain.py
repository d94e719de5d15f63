"""LW.TOP and LW.INSPECT: which keys are denied most, and what one key holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from .redis.connection import Command, Key
from .redis.records import integer, option, optional_text, record, records, text, timestamp

_COMMON = frozenset({"type", "bytes", "entries", "expires_ms", "windows"})


@dataclass(frozen=True, slots=True)
class TopKey:
    """A key that was denied often lately."""

    key: str
    """Its first 256 bytes."""
    db: int
    denied: int
    """Denials, of which each counts half after five minutes. At most `error` too many."""
    error: int
    last: datetime
    """When it was denied last."""
    policy: str | None
    """The policy of the server that denied it, if one did."""


@dataclass(frozen=True, slots=True)
class WindowUsage:
    """What is used in a window of a key."""

    window_ms: int
    used: int
    first_free_ms: int
    """Until the first unit leaves the window. 0 if it has none."""
    reset_ms: int
    """Until the window is empty."""

    @property
    def window(self) -> timedelta:
        """`window_ms` as a timedelta."""
        return timedelta(milliseconds=self.window_ms)


@dataclass(frozen=True, slots=True)
class KeyReport:
    """What a key of lockwatch holds."""

    type: str
    """`limiter`, `burst`, `tokens` and so on."""
    bytes: int
    entries: int
    expires_at: datetime | None
    """None if it does not expire."""
    windows: tuple[WindowUsage, ...] = ()
    """Of a limiter and a burst: the windows that it remembers, shortest first."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What only this type has, by the names that the server gives."""


def top(count: int = 10) -> Command[list[TopKey]]:
    """The keys whose calls were denied most often lately, most first.

    Of one server: in a cluster, of any of its primaries.
    """
    return Command(("LW.TOP", *option("COUNT", str(count))), _read_top)


def inspect(key: Key) -> Command[KeyReport | None]:
    """What a key of lockwatch holds, without touching it. None if there is no such key."""
    return Command(("LW.INSPECT", key), _read_report, key)


def _read_top(reply: Any) -> list[TopKey]:  # noqa: ANN401  # a reply is anything
    return [
        TopKey(
            key=text(each["key"]),
            db=integer(each["db"]),
            denied=integer(each["denied"]),
            error=integer(each["error"]),
            last=timestamp(each["last_ms"]),
            policy=optional_text(each["policy"]),
        )
        for each in records(reply)
    ]


def _read_report(reply: Any) -> KeyReport | None:  # noqa: ANN401
    if reply is None:
        return None
    found = record(reply)
    expires = integer(found["expires_ms"])
    return KeyReport(
        type=text(found["type"]),
        bytes=integer(found["bytes"]),
        entries=integer(found["entries"]),
        expires_at=None if expires < 0 else timestamp(expires),
        windows=tuple(
            WindowUsage(*(integer(each[name]) for name in ("window_ms", "used", "first_free_ms", "reset_ms")))
            for each in records(found.get("windows", ()))
        ),
        details={
            name: text(value) if isinstance(value, bytes) else value
            for name, value in found.items()
            if name not in _COMMON
        },
    )
