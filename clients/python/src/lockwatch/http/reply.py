"""Responses that the middleware sends instead of the application."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..ratelimit import RateLimitResult

# The status in the audit event if the client left before the response was complete.
CLIENT_CLOSED_REQUEST = 499


@dataclass(frozen=True, slots=True)
class Reply:
    """A response.

    If a limit denied the request, the limit's headers are added unless they are set.
    """

    status: int
    body: bytes | str = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def retry_after(self) -> int | None:
        """The seconds in `Retry-After`; None without them."""
        seconds = next((value for name, value in self.headers.items() if name.lower() == "retry-after"), "")
        return int(seconds) if seconds.isascii() and seconds.isdigit() else None

    @property
    def content(self) -> bytes:
        """The body as bytes."""
        return self.body.encode() if isinstance(self.body, str) else self.body


def json_reply(status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Reply:
    """A response with a JSON body."""
    text = json.dumps(body, separators=(",", ":"))
    return Reply(status, text, {"Content-Type": "application/json", **(headers or {})})


def rate_limit_exceeded(limit: RateLimitResult) -> Reply:
    """429. `retry_after` is null if waiting does not help."""
    return json_reply(429, {"error": "rate_limit_exceeded", "retry_after": limit.retry_after_seconds})


# Redis did not answer. The breaker asks it again after about a second.
SERVICE_UNAVAILABLE = json_reply(503, {"error": "service_unavailable", "retry_after": 1}, {"Retry-After": "1"})
