"""Commands of the limiter besides LW.RATELIMIT: what is sent, and what a reply means."""

from __future__ import annotations

import asyncio
import math
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from lockwatch import (
    AsyncLockWatch,
    ConfigurationError,
    Limit,
    LockWatch,
    ModuleMissingError,
    NoPolicyError,
    ServerPolicy,
    Settlement,
    WindowUsage,
    parse_limits,
)
from lockwatch.errors import answered_error
from lockwatch.testing import AsyncStub, Stub

AT = 1_795_796_270_967


def sent(method: str, *args: Any, reply: Any, **named: Any) -> tuple[tuple[str, ...], Any]:
    """What both clients send for a call, and what it returns."""
    stub, asynchronous = Stub(), AsyncStub()
    outcomes = []
    for each in (stub, asynchronous):
        # The command's name is known once the call is sent.
        name = {"client_keys": ""}.get(method, f"LW.{method.upper()}")
        each.answer(name, reply)
    outcomes.append(getattr(LockWatch(stub), method)(*args, **named))
    outcomes.append(asyncio.run(getattr(AsyncLockWatch(asynchronous), method)(*args, **named)))
    assert stub.calls == asynchronous.calls
    assert outcomes[0] == outcomes[1]
    [call] = stub.calls
    return call, outcomes[0]


def test_ratelimit_with_a_policy_of_the_server() -> None:
    call, result = sent("ratelimit", "a", "@login", reply=[0, 5, 4, 0, 60_000])
    assert call == ("LW.RATELIMIT", "a", "@login")
    assert (result.allowed, result.limit, result.limits, result.time_ms) == (True, 5, (), None)
    assert result.headers("login") == {
        "X-RateLimit-Limit": "5",
        "X-RateLimit-Remaining": "4",
        "X-RateLimit-Reset": "60",
        "RateLimit-Policy": '"login";q=5',
        "RateLimit": '"login";r=4;t=60',
    }
    call, _ = sent("peek", "a", ServerPolicy("login"), cost=0, reply=[0, 5, 4, 0, 60_000])
    assert call == ("LW.PEEK", "a", "@login", "COST", "0")


def test_ratelimit_with_force_and_the_time() -> None:
    call, result = sent(
        "ratelimit", "a", "5/minute", cost=3, force=True, with_time=True, reply=[1, 5, 0, 9, 60_000, AT]
    )
    assert call == ("LW.RATELIMIT", "a", "5", "60", "COST", "3", "FORCE", "WITHTIME")
    assert (result.allowed, result.time_ms) == (False, AT)
    _, denied = sent("ratelimit", "a", "5/minute", with_time=True, reply=[1, 5, 0, 9, 60_000, 0])
    assert denied.time_ms is None


def test_a_reply_without_the_time_is_that_of_an_older_module() -> None:
    with pytest.raises(ModuleMissingError):
        sent("ratelimit", "a", "5/minute", with_time=True, reply=[0, 5, 4, 0, 60_000])


def test_refund_and_settle() -> None:
    assert sent("refund", "a", 2, AT, reply=1) == (("LW.REFUND", "a", "2", "AT", str(AT)), 1)
    call, settlement = sent("settle", "a", 700, 312, AT, reply=[388, 0, 0])
    assert call == ("LW.SETTLE", "a", "700", "312", "AT", str(AT))
    assert settlement == Settlement(388, 0, None)
    assert sent("settle", "a", 1, 3, AT, reply=[0, 2, AT])[1] == Settlement(0, 2, AT)


def test_a_missing_policy_has_an_error_of_its_own() -> None:
    error = answered_error("LWNOPOLICY", "there is no policy 'x'")
    assert isinstance(error, NoPolicyError)
    assert error.code == "LWNOPOLICY"


def test_several_keys() -> None:
    entries = [
        ("{42}:requests", "60/minute; 1000/hour"),
        ("{42}:tokens", "10000/minute", 700),
        (b"{42}:x", "@gold", 0),
    ]
    reply = [0, 2, 0, AT, 60, 50, 60_000, 1000, 400, 3_600_000, 10_000, 900, 59_000, 7, 7, 0]
    call, result = sent("mratelimit", entries, reply=reply)
    assert call == (
        "LW.MRATELIMIT",
        *("{42}:requests", "60", "60", "1"),
        *("{42}:requests", "1000", "3600", "1"),
        *("{42}:tokens", "10000", "60", "700"),
        *("{42}:x", "@gold", "-", "0"),
    )
    assert result
    assert (result.binding, result.time_ms, result.entry.key) == (1, AT, "{42}:tokens")
    assert [(each.limit, each.remaining, each.reset_after_ms) for each in result.results] == [
        (1000, 400, 3_600_000),
        (10_000, 900, 59_000),
        (7, 7, 0),
    ]
    assert result.results[1].limits == (Limit(10_000, 60_000),)
    assert result.results[2].limits == ()
    assert result.headers("llm")["RateLimit"] == '"llm";r=900;t=59'
    assert "Retry-After" not in result.headers()


def test_several_keys_that_deny() -> None:
    entries = [("a", "2/minute;5/hour"), ("b", "1/hour")]
    # The minute of `a` has the longest wait, although its hour is fuller.
    _, result = sent("mratelimit", entries, reply=[1, 0, 12_000, 0, 2, 1, 60_000, 5, 0, 3_600_000, 1, 1, 0])
    assert not result
    assert (result.binding, result.entry.limit, result.time_ms) == (0, 2, None)
    assert result.retry_after == timedelta(seconds=12)
    assert result.retry_after_seconds == 12
    assert result.headers()["Retry-After"] == "12"
    assert result.headers()["RateLimit"] == '"default-60s";r=1;t=60'
    _, never = sent("mpeek", entries, reply=[1, 2, -1, 0, 2, 1, 60_000, 5, 0, 3_600_000, 1, 1, 0])
    assert never.never
    assert (never.retry_after_ms, never.retry_after, never.retry_after_seconds) == (math.inf, None, None)


@pytest.mark.parametrize(
    "entries",
    [
        [],
        ["ab"],
        [("a",)],
        [("a", "5/minute", 1, 2)],
        [("a", "5/minute", "1")],
        [("a", "5/minute", True)],
        [(1, "5/minute")],
        [("a", "@b;@c")],
        [(f"a{at}", "1/s") for at in range(17)],
    ],
)
def test_entries_that_can_not_work(entries: Any) -> None:
    with pytest.raises(ConfigurationError):
        LockWatch(Stub()).mratelimit(entries)


def test_a_reply_for_another_number_of_limits() -> None:
    for reply in ([0, 0, 0, AT, 5, 4], [0, 1, 0, AT, 5, 4, 60_000], [0, -1, 0, AT, 5, 4, 60_000], "OK", None):
        with pytest.raises(ModuleMissingError):
            sent("mratelimit", [("a", "5/minute")], reply=reply)


@pytest.mark.parametrize("shape", [dict, lambda fields: [each for pair in fields.items() for each in pair]])
def test_the_keys_that_are_denied_most(shape: Any) -> None:
    record = shape({b"db": 0, b"key": b"a\xff", b"denied": 12, b"error": 1, b"last_ms": AT, b"policy": b"login"})
    other = shape({b"db": 1, b"key": b"b", b"denied": 2, b"error": 0, b"last_ms": AT, b"policy": None})
    call, [first, second] = sent("top", reply=[record, other])
    assert call == ("LW.TOP", "COUNT", "10")
    assert (first.key, first.db, first.denied, first.error, first.policy) == ("a\\xff", 0, 12, 1, "login")
    assert first.last == datetime(2026, 11, 27, 16, 17, 50, 967_000, timezone.utc)
    assert (second.db, second.policy) == (1, None)
    assert sent("top", 3, reply=[]) == (("LW.TOP", "COUNT", "3"), [])


@pytest.mark.parametrize("shape", [dict, lambda fields: [each for pair in fields.items() for each in pair]])
def test_what_a_key_holds(shape: Any) -> None:
    window = shape({b"window_ms": 60_000, b"used": 3, b"first_free_ms": 1200, b"reset_ms": 59_000})
    reply = shape({b"type": b"limiter", b"bytes": 64, b"entries": 2, b"expires_ms": AT, b"windows": [window]})
    call, report = sent("inspect", "a", reply=reply)
    assert call == ("LW.INSPECT", "a")
    assert (report.type, report.bytes, report.entries, report.details) == ("limiter", 64, 2, {})
    assert report.expires_at == datetime(2026, 11, 27, 16, 17, 50, 967_000, timezone.utc)
    assert report.windows == (WindowUsage(60_000, 3, 1200, 59_000),)
    assert report.windows[0].window == timedelta(minutes=1)
    _, store = sent(
        "inspect", "a", reply=shape({b"type": b"tokens", b"bytes": 1, b"entries": 2, b"expires_ms": -1, b"sessions": 2})
    )
    assert (store.expires_at, store.windows, store.details) == (None, (), {"sessions": 2})
    assert sent("inspect", "a", reply=None)[1] is None


def test_a_policy_of_the_server_does_not_mix() -> None:
    assert parse_limits("@a") == parse_limits(["@a"]) == parse_limits(ServerPolicy("a")) == ServerPolicy("a")
    mixtures: list[Any] = ["@a;@b", "@a;5/minute", ["@a", (5, 60)], [ServerPolicy("a"), Limit(5, 1000)]]
    for mixed in mixtures:
        with pytest.raises(ConfigurationError, match="mixes"):
            parse_limits(mixed)
    for name in ("", "a b", "a" * 65, "é", "a\n"):
        with pytest.raises(ConfigurationError):
            ServerPolicy(name)
