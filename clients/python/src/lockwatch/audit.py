"""LW.AUDIT and LW.AUDITLOG QUERY: who did what."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .redis.connection import Arg, Command
from .redis.records import (
    integer,
    json_argument,
    name_argument,
    option,
    optional_integer,
    optional_text,
    records,
    text,
    time_argument,
    timestamp,
)


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """A recorded event. Fields that were not recorded are None."""

    id: str
    timestamp: datetime
    kind: str
    user: str | None
    ip: str | None
    endpoint: str | None
    method: str | None
    status: int | None
    limited: bool
    anomaly: bool
    latency_ms: float | None
    data: Any


def audit(
    *,
    kind: str | None = None,
    user: Arg | int | None = None,
    ip: str | None = None,
    method: str | None = None,
    endpoint: Arg | None = None,
    status: int | None = None,
    limited: bool = False,
    anomaly: bool = False,
    latency_ms: float | None = None,
    time: datetime | None = None,
    data: Any = None,  # noqa: ANN401  # anything that JSON can express
) -> Command[str]:
    """Records an event, and returns its id. The event is in the journal then."""
    args = (
        "LW.AUDIT",
        *option("KIND", kind),
        *option("USER", name_argument(user)),
        *option("IP", ip),
        *option("METHOD", method),
        *option("ENDPOINT", endpoint),
        *option("STATUS", None if status is None else str(status)),
        *(("LIMITED",) if limited else ()),
        *(("ANOMALY",) if anomaly else ()),
        *option("LATENCY", None if latency_ms is None else f"{latency_ms:.3f}ms"),
        *option("TIME", time_argument(time)),
        *option("DATA", json_argument(data)),
    )
    return Command(args, text)


def audit_log(
    *,
    kind: str | None = None,
    user: Arg | int | None = None,
    ip: str | None = None,
    endpoint: Arg | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limited: bool = False,
    anomaly: bool = False,
    count: int | None = None,
    before: str | None = None,
) -> Command[list[AuditEvent]]:
    """The events that match every filter, newest first.

    Pass the last id of a page as `before` to get the next page. A page of large events ends before
    `count`. An empty page is the end.

    In a cluster one node answers, from Postgres and from its own journal.
    """
    args = (
        *("LW.AUDITLOG", "QUERY"),
        *option("KIND", kind),
        *option("USER", name_argument(user)),
        *option("IP", ip),
        *option("ENDPOINT", endpoint),
        *option("FROM", time_argument(since)),
        *option("TO", time_argument(until)),
        *(("LIMITED",) if limited else ()),
        *(("ANOMALY",) if anomaly else ()),
        *option("COUNT", None if count is None else str(count)),
        *option("BEFORE", before),
    )
    return Command(args, _read_audit_log, slow=True)


def _read_audit_log(reply: Any) -> list[AuditEvent]:  # noqa: ANN401  # a reply is anything
    return [_read_event(record) for record in records(reply)]


def _read_event(record: dict[str, Any]) -> AuditEvent:
    latency, data = optional_text(record["latency_ms"]), record["data"]
    return AuditEvent(
        id=text(record["id"]),
        timestamp=timestamp(record["timestamp_ms"]),
        kind=text(record["kind"]),
        user=optional_text(record["user_id"]),
        ip=optional_text(record["ip"]),
        endpoint=optional_text(record["endpoint"]),
        method=optional_text(record["method"]),
        status=optional_integer(record["status_code"]),
        limited=integer(record["rate_limit_hit"]) == 1,
        anomaly=integer(record["anomaly_detected"]) == 1,
        latency_ms=None if latency is None else float(latency),
        data=None if data is None else json.loads(data),
    )
