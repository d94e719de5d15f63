"""The rules for the options of `LockWatch` and `AsyncLockWatch`."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import redis
import redis.asyncio
from redis.asyncio.cluster import RedisCluster as AsyncRedisCluster
from redis.cluster import RedisCluster

from .errors import ConfigurationError
from .redis import breaker
from .redis.connection import AsyncConnection, Connection
from .redis.open import COMMAND_TIMEOUT, CONNECT_TIMEOUT, check_url, why_unusable
from .rules import BOOLEAN, NAME, Rule, Rules, expect, function, integer, read_options, seconds

_URL = "a URL like 'redis://localhost:6379' (redis://, rediss://, unix://)"
_CLIENTS: dict[bool, tuple[type, ...]] = {
    False: (redis.Redis, RedisCluster, Connection),
    True: (redis.asyncio.Redis, AsyncRedisCluster, AsyncConnection),
}
_KINDS = {
    False: "a synchronous client of redis-py (redis.Redis, RedisCluster, sentinel.master_for('name'))",
    True: "an asynchronous client of redis-py (redis.asyncio.Redis, RedisCluster, sentinel.master_for('name'))",
}


def _url(value: Any) -> str:  # noqa: ANN401
    expect(isinstance(value, str))
    check_url(value)
    return str(value)


# The value is never shown, because it may contain a password.
REDIS_URL = Rule(_URL, _url, required=True, secret=True)


def redis_source(*also: type, asynchronous: bool) -> Rule:
    """Where Redis is: a client of redis-py, a URL, or an instance of `also`."""

    def parse(value: Any) -> Any:  # noqa: ANN401
        if isinstance(value, str):
            return _url(value)
        if isinstance(value, (*_CLIENTS[asynchronous], *also)) and not isinstance(value, type):
            return value
        raise ConfigurationError(why_unusable(value, asynchronous=asynchronous))

    names = "".join(f"a{'n' if each.__name__[0] in 'AEIOU' else ''} {each.__name__}, " for each in also)
    return Rule(f"{names}{_KINDS[asynchronous]} or {_URL}", parse, required=True, secret=True)


# The options that the middleware passes on.
CONNECTION: Rules = {
    "connect_timeout": seconds(0.2),
    "command_timeout": seconds(0.1),
    "breaker_timeouts": integer(1, 1_000_000, 3),
    "breaker_seconds": seconds(1),
    "service": replace(NAME, expected="a name of 1 to 64 of A-Z a-z 0-9 _ . -, like 'shop'"),
}
_ON_EVENT = function(1, "a function of an event: lambda event: print(event.outcome)")


def _on_event(value: Any) -> Any:  # noqa: ANN401
    if inspect.iscoroutinefunction(value):
        raise ConfigurationError("it is called within a request, without await, and can't be asynchronous")
    return _ON_EVENT.parse(value)


_CLIENT: Rules = {**CONNECTION, "cluster": BOOLEAN, "on_event": replace(_ON_EVENT, parse=_on_event)}
LOCKWATCH: Rules = {"source": redis_source(asynchronous=False), **_CLIENT}
ASYNC_LOCKWATCH: Rules = {"source": redis_source(asynchronous=True), **_CLIENT}
_DEFAULTS = {
    "connect_timeout": CONNECT_TIMEOUT,
    "command_timeout": COMMAND_TIMEOUT,
    "breaker_timeouts": breaker.TIMEOUTS,
    "breaker_seconds": breaker.SECONDS,
    "cluster": False,
    "service": None,
    "on_event": None,
}


def checked(rules: Rules, **options: Any) -> list[Any]:  # noqa: ANN401
    """The values of all of a client's options, in the order in which they are passed.

    Raises ConfigurationError for a wrong one.
    """
    of = " of LockWatch" if rules is LOCKWATCH else " of AsyncLockWatch"
    values = {**_DEFAULTS, **read_options(options, rules, of)}
    return [values[name] for name in options]
