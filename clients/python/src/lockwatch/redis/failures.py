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
# status_code. Subclasses come before their bases.
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

# The server is a replica, copies a primary, or was a primary and has lost its replicas. UNBLOCKED
# ends commands that were running when a primary became a replica.
_NOT_PRIMARY = frozenset({"READONLY", "MASTERDOWN", "LOADING", "UNBLOCKED", "NOREPLICAS"})


def reply_or_error(reply: object, server: str) -> Reply:
    """A reply, with an error of this package in place of one of redis-py."""
    return _answered(reply, server) if isinstance(reply, redis_errors.ResponseError) else reply


def is_not_primary(answer: object) -> bool:
    """Whether a reply or an exception of redis-py says that the server is not the primary."""
    if isinstance(answer, LockWatchError):
        return answer.code in _NOT_PRIMARY
    if not isinstance(answer, redis_errors.RedisError):
        return False
    return _was_demoted(answer) or code_and_message(answer)[0] in _NOT_PRIMARY


def _was_demoted(error: BaseException) -> bool:
    # Through Sentinel, redis-py raises a ConnectionError in place of READONLY.
    return isinstance(error.__context__, redis_errors.ReadOnlyError)


def _answered(error: BaseException, server: str | None) -> LockWatchError:
    return answered_error(*code_and_message(error), server)


def code_and_message(error: BaseException) -> tuple[str, str]:
    """The code of an error reply, and the rest of it."""
    message = str(error)
    code = getattr(error, "status_code", None)
    if isinstance(code, str) and code:
        return code, message.removeprefix(f"{code} ")
    for known, name in _CODES:
        if isinstance(error, known):
            return name, message
    first, _, rest = message.partition(" ")
    # redis-py cuts off "ERR" as well.
    return (first, rest) if first.isupper() and len(first) > 1 else ("ERR", message)


def no_answer(error: BaseException, server: str | None) -> UnavailableError:
    """Why a round trip had no answer."""
    at = f" at {server}" if server else ""
    timeouts = (redis_errors.TimeoutError, asyncio.TimeoutError, TimeoutError)
    # A cluster client reports only in the cause why it found no node, and sentinels only in the
    # message.
    sentinels_timed_out = isinstance(error, MasterNotFoundError) and "TimeoutError" in str(error)
    if isinstance(error, timeouts) or isinstance(error.__cause__, timeouts) or sentinels_timed_out:
        return UnavailableError("TIMEOUT", f"Redis{at} did not answer in time", server)
    if isinstance(error, MasterNotFoundError):
        # Its own message contains the settings of the sentinels' clients.
        return UnavailableError("CONNECTION", f"no connection to Redis{at}: no Sentinel named a primary", server)
    if (answer := _answer_behind(error)) is not None:
        answered = _answered(answer, server)
        return (
            answered
            if isinstance(answered, UnavailableError)
            else UnavailableError(answered.code, str(answered), server)
        )
    return UnavailableError("CONNECTION", f"no connection to Redis{at}: {error}", server)


def _answer_behind(error: BaseException) -> BaseException | None:
    """The error reply that caused an exception, if there was a reply."""
    if _was_demoted(error):
        return error.__context__
    if isinstance(error, redis_errors.RedisClusterException):
        # redis-py reports a user without the right to read the slots as a node that is away.
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, redis_errors.NoPermissionError):
            cause = cause.__cause__ or cause.__context__
        return cause
    return error if isinstance(error, redis_errors.RedisError) and not _is_connection_lost(error) else None


def _is_connection_lost(error: redis_errors.RedisError) -> bool:
    # redis-py treats LOADING and NOAUTH as connection errors and disconnects, but they are answers.
    answers = (redis_errors.BusyLoadingError, redis_errors.AuthenticationError, redis_errors.ReadOnlyError)
    return isinstance(error, redis_errors.ConnectionError) and not isinstance(error, answers)


def redis_failure(error: BaseException) -> UnavailableError | None:
    """Converts an exception of the application's code into the failure of Redis that it reports.

    None if the exception is not one of redis-py, or if the call was at fault.
    """
    if not isinstance(error, (redis_errors.RedisError, redis_errors.RedisClusterException)):
        return None
    if isinstance(error, redis_errors.ResponseError):
        answered = _answered(error, None)
        return answered if isinstance(answered, UnavailableError) else None
    lost = (redis_errors.ConnectionError, redis_errors.TimeoutError, redis_errors.RedisClusterException)
    return no_answer(error, None) if isinstance(error, lost) else None
