"""Outcomes of logins and of requests on their way to a guard."""

from __future__ import annotations

import logging

from .errors import LockWatchError, NoRuleError
from .failure_log import FailureLog
from .notices import say_once
from .redis.connection import AsyncConnection, Connection
from .send_queue import AsyncSendQueue, Losses, SendQueue

_SIZE = 10_000


class _OutcomeLosses(Losses):
    def lost(self, kind: str, error: LockWatchError | str, count: int = 1) -> None:
        del count
        if isinstance(error, NoRuleError):
            say_once(f"rule: {error}", logging.ERROR, f"a guard does not get the outcomes of logins: {error}")
        self._failures.log(f"outcomes: {kind}", f"outcomes are lost to guards: {self._failures.named(error)}")


class OutcomeQueue(SendQueue):
    """The outcomes of a `LockWatch`, sent without delay."""

    _name = "lockwatch-outcomes"

    def __init__(self, connection: Connection, failures: FailureLog) -> None:
        super().__init__(connection, _SIZE, _OutcomeLosses(failures, _SIZE), 0)


class AsyncOutcomeQueue(AsyncSendQueue):
    """The outcomes of an `AsyncLockWatch`, sent without delay."""

    def __init__(self, connection: AsyncConnection, failures: FailureLog) -> None:
        super().__init__(connection, _SIZE, _OutcomeLosses(failures, _SIZE), 0)
