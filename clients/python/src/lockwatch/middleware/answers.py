"""The responses that the middleware gives itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field

from ..results import RateLimit
from .request import HttpRequest
from .state import State

_JSON = {"Content-Type": "application/json"}
AWAY_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response. To a denied request the rate limit's headers are added, unless they are there."""

    status: int
    body: bytes | str = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """The body as it is sent."""
        return self.body.encode() if isinstance(self.body, str) else self.body


def denied_body(verdict: RateLimit) -> str:
    """What a denied request is told: when to come back, or null for never."""
    retry = verdict.retry_after_seconds
    return f'{{"error":"rate_limit_exceeded","retry_after":{"null" if retry is None else retry}}}'


def denied(verdict: RateLimit) -> Answer:
    """429, unless the application has an answer of its own."""
    return Answer(429, denied_body(verdict), _JSON)


def away() -> Answer:
    """503, where Redis has to be there and is not."""
    body = json.dumps({"error": "service_unavailable", "retry_after": AWAY_SECONDS}, separators=(",", ":"))
    return Answer(503, body, {**_JSON, "Retry-After": str(AWAY_SECONDS)})


def in_place(
    request: HttpRequest, state: State, on_denied: Callable[[HttpRequest, RateLimit], Answer] | None
) -> Answer:
    """The response to a request that does not reach the application."""
    if state.rate_limit is None:
        return away()
    return denied(state.rate_limit) if on_denied is None else on_denied(request, state.rate_limit)


def added_headers(state: State, there: Container[str]) -> Iterator[tuple[str, str]]:
    """The headers that tell of the limit, but for those that the response has, by their names in lower case."""
    if state.rate_limit is None:
        return
    for name, value in state.rate_limit.headers().items():
        # What shadow mode let through is not told to come back.
        if name.lower() not in there and not (state.shadow and name == "Retry-After"):
            yield name, value
