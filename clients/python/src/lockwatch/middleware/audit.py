"""What the thread and the task that record events have in common."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import LockWatchError, RedisAway
from ..link import Reply
from .complaints import Complaints

# Events gather for that long, or until there are that many: a write for each would cost more than all the rest.
LINGER = 0.05
BATCH = 100
# What is still waiting when the server shuts down may take that long.
LAST_SECONDS = 2.0


class AuditComplaints:
    """Says what was lost, and why."""

    def __init__(self, complaints: Complaints) -> None:
        self._complaints = complaints

    def full(self, size: int) -> None:
        """More events wait than may."""
        self._complaints.about("audit: full", f"audit events are lost: {size} wait already")

    def away(self, error: RedisAway) -> None:
        """Redis took none of a batch, or did not say. It is not sent again: an event must not be there twice."""
        self._complaints.about(f"audit: {error.reason}", f"audit events are lost: {error}")

    def failed(self, error: Exception) -> None:
        """Something else went wrong with a batch. The next may do better."""
        self._complaints.about(f"audit: {type(error).__name__}", f"audit events are lost: {error!r}")

    def refused(self, replies: Sequence[Reply]) -> None:
        """Redis refused some of a batch."""
        for reply in replies:
            if isinstance(reply, LockWatchError):
                self._complaints.about(f"audit: {reply.code}", f"audit events are lost: {reply}")
