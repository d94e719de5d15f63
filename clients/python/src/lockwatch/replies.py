"""Reading replies: bytes into values, whichever protocol version and decoding the connection has."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from .errors import ModuleMissing
from .limits import Limits
from .results import AuditEvent, Burst, RateLimit, moment
from .tokens import Claims, Introspection, Session, TokenPair


def text(value: Any) -> str:  # noqa: ANN401  # a reply is anything
    """A bulk string as text. The module escapes what is no UTF-8; what is left is shown, not lost."""
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def optional_text(value: Any) -> str | None:  # noqa: ANN401
    """A bulk string, or nil."""
    return None if value is None else text(value)


def records(reply: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    """An array of records: maps over RESP3, flat arrays over RESP2."""
    return [_record(item) for item in reply]


def _record(item: Any) -> dict[str, Any]:  # noqa: ANN401
    pairs = item.items() if isinstance(item, Mapping) else zip(item[::2], item[1::2], strict=True)
    return {text(name): value for name, value in pairs}


def misshapen() -> ModuleMissing:
    """What a reply is that none of the module's is like: of a proxy, of another module, of a version to come."""
    return ModuleMissing("it answered in a way that this client does not know")


def _integers(reply: Any, count: int) -> Sequence[int]:  # noqa: ANN401
    if not isinstance(reply, (list, tuple)) or len(reply) != count or not all(isinstance(n, int) for n in reply):
        raise misshapen()
    return reply


def rate_limit(reply: Any, limits: Limits, name: str = "default") -> RateLimit:  # noqa: ANN401
    """The five integers of LW.RATELIMIT."""
    limited, limit, remaining, retry, reset = _integers(reply, 5)
    return RateLimit(limited == 0, limit, remaining, retry, reset, limits, name)


def burst(reply: Any) -> Burst:  # noqa: ANN401
    """The three integers of LW.BURST."""
    found, count, alerted = _integers(reply, 3)
    return Burst(found == 1, count, alerted == 1)


def audit_events(reply: Any) -> list[AuditEvent]:  # noqa: ANN401
    """The records of LW.AUDITLOG QUERY."""
    return [_audit_event(record) for record in records(reply)]


def _audit_event(record: dict[str, Any]) -> AuditEvent:
    latency, data = optional_text(record["latency_ms"]), record["data"]
    return AuditEvent(
        id=text(record["id"]),
        time=moment(record["timestamp_ms"]),
        kind=text(record["kind"]),
        user=optional_text(record["user_id"]),
        ip=optional_text(record["ip"]),
        endpoint=optional_text(record["endpoint"]),
        method=optional_text(record["method"]),
        status=record["status_code"],
        limited=record["rate_limit_hit"] == 1,
        anomaly=record["anomaly_detected"] == 1,
        latency=None if latency is None else timedelta(milliseconds=float(latency)),
        data=None if data is None else json.loads(data),
    )


def token_pair(reply: Any) -> TokenPair:  # noqa: ANN401
    """The five values of LW.ISSUE and LW.ROTATE."""
    access, refresh, access_expires, refresh_expires, session = reply
    return TokenPair(
        text(access),
        optional_text(refresh),
        moment(int(access_expires)),
        None if refresh_expires is None else moment(int(refresh_expires)),
        text(session),
    )


def claims(reply: Any) -> Claims:  # noqa: ANN401
    """The JSON of LW.VERIFY."""
    return Claims.of(json.loads(reply))


def introspection(reply: Any) -> Introspection:  # noqa: ANN401
    """The JSON of LW.INTROSPECT."""
    answer = json.loads(reply)
    return Introspection(answer["active"] is True, answer)


def sessions(reply: Any) -> list[Session]:  # noqa: ANN401
    """The records of LW.SESSIONS."""
    return [
        Session(
            id=text(record["session_id"]),
            created_at=moment(int(record["created_at_ms"])),
            rotated_at=moment(int(record["rotated_at_ms"])),
            expires_at=moment(int(record["expires_at_ms"])),
            generation=int(record["generation"]),
            meta=json.loads(record["meta"]) if record["meta"] else None,
        )
        for record in records(reply)
    ]
