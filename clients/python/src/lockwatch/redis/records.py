"""Helpers for arguments and replies, whichever protocol version and decoding the connection has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from ..errors import ConfigurationError
from .connection import Arg


def subject_argument(name: Arg | int) -> Arg:
    """A user or a subject as an argument of a command. An id of the application may be a number."""
    if isinstance(name, (str, bytes)):
        return name
    if isinstance(name, bool) or not isinstance(name, int):
        raise ConfigurationError(f"a name is a {type(name).__name__}: expected a text or a number")
    return str(name)


def name_argument(name: Arg | int | None) -> Arg | None:
    """`subject_argument`; None if nothing is given."""
    return None if name is None else subject_argument(name)


def option(name: str, value: Arg | None) -> tuple[Arg, ...]:
    """An option of a command; empty if it is not given."""
    return () if value is None else (name, value)


def json_argument(value: Any) -> str | None:  # noqa: ANN401  # anything that JSON can express
    """JSON as an argument of a command; None if nothing is given."""
    return None if value is None else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def time_argument(time: datetime | None) -> str | None:
    """Unix milliseconds as an argument of a command; None if nothing is given."""
    return None if time is None else str(round(time.timestamp() * 1000))


def text(value: Any) -> str:  # noqa: ANN401  # a reply is anything
    """A bulk string as text. Bytes that are not UTF-8 are shown as escapes."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if not isinstance(value, str):
        raise ValueError("the reply is no text")  # noqa: TRY004  # read by Command.parse
    return value


def optional_text(value: Any) -> str | None:  # noqa: ANN401
    """A bulk string or nil."""
    return None if value is None else text(value)


def integer(reply: Any) -> int:  # noqa: ANN401
    """An integer."""
    if not isinstance(reply, int):
        raise ValueError("the reply is no integer")  # noqa: TRY004  # read by Command.parse
    return reply


def integers(reply: Any, count: int) -> list[int]:  # noqa: ANN401
    """An array of that many integers."""
    if not isinstance(reply, (list, tuple)) or len(reply) != count or set(map(type, reply)) != {int}:
        raise ValueError("the reply is not an array of integers")
    return list(reply)


def optional_integer(reply: Any) -> int | None:  # noqa: ANN401
    """An integer or nil."""
    return None if reply is None else integer(reply)


def json_object(reply: Any) -> dict[str, Any]:  # noqa: ANN401
    """A text of JSON that is an object."""
    value = json.loads(text(reply))
    if not isinstance(value, dict):
        raise ValueError("the reply is no object of JSON")  # noqa: TRY004  # read by Command.parse
    return value


def timestamp(ms: Any) -> datetime:  # noqa: ANN401
    """Unix milliseconds as a datetime in UTC."""
    seconds, rest = divmod(integer(ms), 1000)
    return datetime.fromtimestamp(seconds, timezone.utc) + timedelta(milliseconds=rest)


def records(reply: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    """An array of records: maps over RESP3, flat arrays over RESP2."""
    if not isinstance(reply, (list, tuple)):
        raise ValueError("the reply is no array of records")  # noqa: TRY004  # read by Command.parse
    return [record(item) for item in reply]


def record(item: Any) -> dict[str, Any]:  # noqa: ANN401
    """A record: a map over RESP3, a flat array over RESP2."""
    pairs = item.items() if isinstance(item, Mapping) else zip(item[::2], item[1::2], strict=True)
    return {text(name): value for name, value in pairs}
