"""Exceptions of redis-py as those of this package."""

from __future__ import annotations

import asyncio

from redis import exceptions as redis_errors
from redis.sentinel import MasterNotFoundError

from ..errors import LockWatchError, UnavailableError, answered_error
from .connection import Reply

# What redis-py and the system raise without an answer. RedisClusterException is not a RedisError.
NO_ANSWER = (redis_errors.RedisError, redis_errors.RedisClusterException, OSError, asyncio.TimeoutError)

# redis-py cuts the code off messages for which it has a class. Later versions keep it as
# status_code. Subclasses stand above their bases.
_CODES: tuple[tuple[type[redis_errors.RedisError], str], ...] = (
    (redis_errors.BusyLoadingError, "LOADING"),
    (redis_errors.OutOfMemoryError, "OOM"),
    (redis_errors.ReadOnlyError, "READONLY"),
    (redis_errors.NoPermissionError, "NOPERM"),
    (redis_errors.TryAgainError, "TRYAGAIN"),
    (redis_errors.MasterDownError, "MASTERDOWN"),
    (redis_errors.ClusterDownError, "CLUSTERDOWN"),
    (redis_errors.MovedError, "MOVED"),
    (redis_errors.AskError, "ASK"),
    (redis_errors.AuthenticationError, "NOAUTH"),
)


def reply_or_error(reply: object) -> Reply:
    """A reply, with an error of this package in place of one of redis-py."""
    return _answered(reply) if isinstance(reply, redis_errors.ResponseError) else reply


def _answered(error: redis_errors.RedisError) -> LockWatchError:
    message = str(error)
    code = getattr(error, "status_code", None)
    if isinstance(code, str) and code:
        return answered_error(code, message.removeprefix(f"{code} "))
    for known, name in _CODES:
        if isinstance(error, known):
            return answered_error(name, message)
    first, _, rest = message.partition(" ")
    # redis-py cuts off "ERR" as well.
    return answered_error(first, rest) if first.isupper() and len(first) > 1 else answered_error("ERR", message)


def no_answer(error: BaseException) -> UnavailableError:
    """Why a round trip had no answer."""
    timeouts = (redis_errors.TimeoutError, asyncio.TimeoutError, TimeoutError)
    # A cluster client reports only in the cause why it found no node, and sentinels only in the
    # message.
    sentinels_timed_out = isinstance(error, MasterNotFoundError) and "TimeoutError" in str(error)
    if isinstance(error, timeouts) or isinstance(error.__cause__, timeouts) or sentinels_timed_out:
        return UnavailableError("TIMEOUT", "Redis did not answer in time")
    if isinstance(error, MasterNotFoundError):
        # Its own message contains the settings of the sentinels' clients.
        return UnavailableError("CONNECTION", "no connection to Redis: no Sentinel named a primary")
    if isinstance(error, redis_errors.RedisError) and not _is_connection_lost(error):
        answered = _answered(error)
        return answered if isinstance(answered, UnavailableError) else UnavailableError(answered.code, str(answered))
    return UnavailableError("CONNECTION", f"no connection to Redis: {error}")


def _is_connection_lost(error: redis_errors.RedisError) -> bool:
    # redis-py treats LOADING and NOAUTH as connection errors and disconnects, but they are answers.
    answers = (redis_errors.BusyLoadingError, redis_errors.AuthenticationError, redis_errors.ReadOnlyError)
    return isinstance(error, redis_errors.ConnectionError) and not isinstance(error, answers)
