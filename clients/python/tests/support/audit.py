"""Reads the audit log of a server."""

from __future__ import annotations

import redis

from lockwatch import AuditEvent, LockWatch

from .waiting import wait_for


def events(url: str, count: int, **filters: object) -> list[AuditEvent]:
    """The events of a server, oldest first, once there are `count`. More are a failure."""
    with LockWatch(url) as lockwatch:

        def look() -> list[AuditEvent]:
            found: list[AuditEvent] = []
            while page := lockwatch.audit_log(
                count=10_000,
                before=found[-1].id if found else None,
                **filters,  # type: ignore[arg-type]
            ):
                found += page
            return found if len(found) >= count else []

        found = wait_for(f"{count} audit events", look)
    assert len(found) == count, found
    return found[::-1]


def recorded(url: str) -> int:
    """The number of events that a server has recorded."""
    with redis.Redis.from_url(url, decode_responses=True) as client:
        return int(client.info("lockwatch")["lockwatch_audit_appended_total"])
