"""Looking at what was recorded."""

from __future__ import annotations

import redis

from lockwatch import AuditEvent, LockWatch

from .waiting import wait_for


def events(url: str, count: int, **filters: object) -> list[AuditEvent]:
    """The events of a server, oldest first, once there are as many as that; more are a failure."""
    with LockWatch(url) as lockwatch:

        def look() -> list[AuditEvent]:
            found = lockwatch.audit_log(count=10_000, **filters)  # type: ignore[arg-type]
            return found if len(found) >= count else []

        found = wait_for(f"{count} audit events", look)
    assert len(found) == count, found
    return found[::-1]


def recorded(url: str) -> int:
    """How many events a server has taken in all."""
    with redis.Redis.from_url(url, decode_responses=True) as client:
        return int(client.info("lockwatch")["lockwatch_audit_appended_total"])
