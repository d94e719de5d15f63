"""Corrections of what requests cost, which are known only after their responses.

See `http/charging.py`.
"""

from __future__ import annotations

from .errors import LockWatchError
from .failure_log import FailureLog
from .redis.connection import AsyncConnection, Connection
from .send_queue import AsyncSendQueue, Losses, SendQueue

_SIZE = 10_000


class _CorrectionLosses(Losses):
    def lost(self, kind: str, error: LockWatchError | str, count: int = 1) -> None:
        del count
        self._failures.log(
            f"corrections: {kind}",
            "what requests cost is not corrected after their responses (skip_successful, skip_failed, count_when): "
            + self._failures.named(error),
        )


class CorrectionQueue(SendQueue):
    """The corrections of a `LockWatch`, sent without delay."""

    _name = "lockwatch-corrections"

    def __init__(self, connection: Connection, failures: FailureLog) -> None:
        super().__init__(connection, _SIZE, _CorrectionLosses(failures, _SIZE), 0)


class AsyncCorrectionQueue(AsyncSendQueue):
    """The corrections of an `AsyncLockWatch`, sent without delay."""

    def __init__(self, connection: AsyncConnection, failures: FailureLog) -> None:
        super().__init__(connection, _SIZE, _CorrectionLosses(failures, _SIZE), 0)
