"""Responses that the middleware sends instead of the application."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import ConfigurationError
from ..guard import GuardResult
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
    cookies: tuple[str, ...] = ()
    """Values of `Set-Cookie` headers, in addition to one among the headers."""

    @property
    def retry_after(self) -> int | None:
        """The seconds in `Retry-After`; None without them."""
        seconds = next((value for name, value in self.headers.items() if name.lower() == "retry-after"), "")
        return int(seconds) if seconds.isascii() and seconds.isdigit() else None

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The headers and cookies as pairs."""
        return [*self.headers.items(), *(("Set-Cookie", cookie) for cookie in self.cookies)]

    @property
    def content(self) -> bytes:
        """The body as bytes."""
        return self.body.encode() if isinstance(self.body, str) else self.body


def json_reply(status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Reply:
    """A response with a JSON body."""
    text = json.dumps(body, separators=(",", ":"))
    return Reply(status, text, {"Content-Type": "application/json", **(headers or {})})


def denied_reply(given: Any, option: str = "on_denied") -> Reply | None:  # noqa: ANN401  # what the application returned
    """The response that the application's `on_denied` returned; None if it leaves it to lockwatch.

    A `Reply`; what FastAPI and Flask take for a response (an object of theirs, a dict, a text,
    bytes, or a tuple of one of these, a status and headers). The status is 429 unless given. Raises
    ConfigurationError for anything else, which names `option`.
    """
    if given is None:
        return None
    status: Any = 429
    headers: Any = {}
    body: Any = given
    cookies: tuple[str, ...] = ()
    if isinstance(given, Reply):
        status, body, headers, cookies = given.status, given.body, given.headers, given.cookies
    elif isinstance(given, tuple) and 2 <= len(given) <= 3:
        body, status, headers = (*given, {})[:3]
    elif hasattr(given, "status_code") and hasattr(given, "headers"):
        # A response of Starlette or of werkzeug.
        body = given.get_data() if hasattr(given, "get_data") else getattr(given, "body", None)
        status, headers = given.status_code, dict(given.headers)
        headers = {name: value for name, value in headers.items() if name.lower() != "content-length"}
    if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
        raise _no_reply(option, given, f"its status is {status!r}")
    if not isinstance(headers, Mapping) or not all(isinstance(each, str) for pair in headers.items() for each in pair):
        raise _no_reply(option, given, "its headers are no texts")
    typed = any(name.lower() == "content-type" for name in headers)
    if isinstance(body, (dict, list)):
        body, kind = json.dumps(body, separators=(",", ":")), "application/json"
    elif isinstance(body, (str, bytes)):
        # A `Reply` has the headers that it is given.
        typed, kind = typed or isinstance(given, Reply), "text/plain; charset=utf-8"
    else:
        raise _no_reply(option, given, f"its body is a {type(body).__name__}")
    return Reply(status, body, headers if typed else {"Content-Type": kind, **headers}, cookies)


def _no_reply(option: str, given: object, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"{option} returned a {type(given).__name__}, which is no response ({why}): "
        "return Reply(429, 'text', {'X-A': 'b'}), or a dict, which is sent as JSON"
    )


def rate_limit_exceeded(limit: RateLimitResult) -> Reply:
    """429. `retry_after` is null if waiting does not help."""
    return json_reply(429, {"error": "rate_limit_exceeded", "retry_after": limit.retry_after_seconds})


def blocked(result: GuardResult) -> Reply:
    """429. `retry_after` is null if the denial comes from a challenge that nobody can pass."""
    seconds = result.retry_after_seconds
    headers = {} if seconds is None else {"Retry-After": str(seconds)}
    return json_reply(429, {"error": "temporarily_blocked", "retry_after": seconds}, headers)


# A challenge was not passed. Waiting may not help.
CHALLENGE_REQUIRED = json_reply(429, {"error": "challenge_required", "retry_after": None})

# Redis did not answer. The breaker asks it again after about a second.
SERVICE_UNAVAILABLE = json_reply(503, {"error": "service_unavailable", "retry_after": 1}, {"Retry-After": "1"})
