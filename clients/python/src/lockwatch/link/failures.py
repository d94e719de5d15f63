"""Exceptions of redis-py as ours."""

from __future__ import annotations

import asyncio

from redis import exceptions as redis_errors
from redis.sentinel import MasterNotFoundError

from ..errors import LockWatchError, RedisAway, from_reply

# What redis-py and the system raise when there is no answer. RedisClusterException is no RedisError.
NO_ANSWER = (redis_errors.RedisError, redis_errors.RedisClusterException, OSError, asyncio.TimeoutError)

# redis-py cuts the code off messages that it has a class for; later versions keep it as status_code.
_CODES: tuple[tuple[type[redis_errors.RedisError], str], ...] = (
    (redis_errors.BusyLoadingError, "LOADING"),
    (redis_errors.OutOfMemoryError, "OOM"),
    (redis_errors.ReadOnlyError, "READONLY"),
    (redis_errors.NoPermissionError, "NOPERM"),
    (redis_errors.TryAgainError, "TRYAGAIN"),
    # Of a class and its base the class stands first.
    (redis_errors.MasterDownError, "MASTERDOWN"),
    (redis_errors.ClusterDownError, "CLUSTERDOWN"),
    (redis_errors.MovedError, "MOVED"),
    (redis_errors.AskError, "ASK"),
    (redis_errors.AuthenticationError, "NOAUTH"),
)


def of_reply(error: redis_errors.RedisError) -> LockWatchError:
    """The error that stands in place of a reply."""
    message = str(error)
    code = getattr(error, "status_code", None)
    if isinstance(code, str) and code:
        return from_reply(code, message.removeprefix(f"{code} "))
    for known, name in _CODES:
        if isinstance(error, known):
            return from_reply(name, message)
    first, _, rest = message.partition(" ")
    # "ERR" itself is among what is cut off.
    return from_reply(first, rest) if first.isupper() and len(first) > 1 else from_reply("ERR", message)


def of_silence(error: BaseException) -> RedisAway:
    """Why there was no answer to a round trip."""
    timeouts = (redis_errors.TimeoutError, asyncio.TimeoutError, TimeoutError)
    # A cluster client says why it found no node in the cause alone.
    if isinstance(error, timeouts) or isinstance(error.__cause__, timeouts) or _is_of_silent_sentinels(error):
        return RedisAway("Redis did not answer in time", "timeout")
    if isinstance(error, MasterNotFoundError):
        # Not what it says: it spells out the settings of the sentinels' clients.
        return RedisAway("no connection to Redis: no Sentinel named a primary", "connection")
    if isinstance(error, redis_errors.RedisError) and not _is_bare_connection_error(error):
        said = of_reply(error)
        return said if isinstance(said, RedisAway) else RedisAway(str(said), said.code.lower())
    return RedisAway(f"no connection to Redis: {error}", "connection")


def _is_of_silent_sentinels(error: BaseException) -> bool:
    # Why none of them named a primary stands in the message alone.
    return isinstance(error, MasterNotFoundError) and "TimeoutError" in str(error)


def _is_bare_connection_error(error: redis_errors.RedisError) -> bool:
    # LOADING and NOAUTH are connection errors to redis-py, which ends the connection over them; they are answers.
    answers = (redis_errors.BusyLoadingError, redis_errors.AuthenticationError, redis_errors.ReadOnlyError)
    return isinstance(error, redis_errors.ConnectionError) and not isinstance(error, answers)
