"""The bodies of the middleware's own responses, in the media type that the client prefers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, TypeAlias

from ..errors import ConfigurationError
from ..flow import Flow
from .reply import Reply
from .request import HttpRequest

JSON = "application/json"
PROBLEM = "application/problem+json"
# RFC 6838 allows no other characters in the names of media types.
_MEDIA_TYPE = re.compile(r" *([A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*) *(?:;[^\r\n]*)?")
_Q = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")
# A longer Accept is not read.
_MAX_ACCEPT = 1024
# From the registry of problem types that the draft of RateLimit asks for.
_TYPES = "https://iana.org/assignments/http-problem-types#"
_TITLES = {
    "rate_limit_exceeded": ("quota-exceeded", "Request cannot be satisfied as assigned quota has been exceeded"),
    "temporarily_blocked": (
        "abnormal-usage-detected",
        "Request not satisfied due to detection of abnormal request pattern",
    ),
}
_REASONS = {429: "Too Many Requests", 503: "Service Unavailable"}


@dataclass(frozen=True, slots=True)
class Denial:
    """What a function in `error_bodies` is given: a response of the middleware itself."""

    status: int
    """429 or 503."""
    error: str
    """`rate_limit_exceeded`, `temporarily_blocked`, `challenge_required`, `service_unavailable`."""
    retry_after: int | None
    """Seconds; None if waiting does not help."""
    policy: str | None
    """The name as in the header `RateLimit`; None if a guard denied the request."""


# A text, or a function of the request and the denial that returns a text, bytes, or a dict, which
# is sent as JSON. May be asynchronous under ASGI.
ErrorBody: TypeAlias = str | Callable[[HttpRequest, Denial], Any]


def media_type(text: str) -> str:
    """The name of a media type in lower case, without parameters. Raises ConfigurationError."""
    if (parts := _MEDIA_TYPE.fullmatch(text)) is None:
        raise ConfigurationError(f"{text!r} is no media type: write 'text/html; charset=utf-8'")
    return parts[1].lower()


class ErrorBodies:
    """The bodies that the application has given, and the built-in ones."""

    def __init__(self, given: Mapping[str, ErrorBody]) -> None:
        self._given = {media_type(text): (text.strip(), body) for text, body in given.items()}
        self._offered = tuple(dict.fromkeys((*self._given, PROBLEM, JSON)))

    def reply(self, request: HttpRequest, denial: Denial) -> Flow[Reply]:
        """The response to a request that ends here."""
        accept = ",".join(request.headers("accept"))
        # A long one is not kept in the cache either.
        chosen = JSON if len(accept) > _MAX_ACCEPT else preferred(accept, self._offered)
        content_type, body = chosen, _problem(denial) if chosen == PROBLEM else _plain(denial)
        if chosen in self._given:
            content_type, given = self._given[chosen]
            body = given if isinstance(given, str) else (yield partial(given, request, denial))
        headers = {"Content-Type": content_type}
        if denial.retry_after is not None:
            headers["Retry-After"] = str(denial.retry_after)
        return Reply(denial.status, _content(content_type, body), headers)


def _content(content_type: str, body: Any) -> str | bytes:  # noqa: ANN401  # what the application returned
    if isinstance(body, (str, bytes)):
        return body
    if isinstance(body, dict):
        return _json(body)
    raise ConfigurationError(
        f"the function for {content_type!r} in error_bodies returned a {type(body).__name__}: "
        "return a text, bytes, or a dict, which is sent as JSON"
    )


def _json(members: Mapping[str, Any]) -> str:
    return json.dumps(members, separators=(",", ":"))


def _plain(denial: Denial) -> str:
    return _json({"error": denial.error, "retry_after": denial.retry_after})


def _problem(denial: Denial) -> str:
    """The denial as RFC 9457 describes, without a guard's rule, which would help an attacker."""
    kind, title = _TITLES.get(denial.error, (None, _REASONS[denial.status]))
    members: dict[str, Any] = {"type": "about:blank" if kind is None else f"{_TYPES}{kind}", "title": title}
    members["status"] = denial.status
    if denial.error == "rate_limit_exceeded":
        members["violated-policies"] = [denial.policy]
    return _json({**members, "error": denial.error, "retry_after": denial.retry_after})


@lru_cache(maxsize=256)
def preferred(accept: str, offered: tuple[str, ...]) -> str:
    """Which of the offered types a client prefers by its Accept header, and else JSON."""
    if not accept:
        return JSON
    wanted: dict[str, float] = {}
    for element in accept.split(","):
        name, _, parameters = element.partition(";")
        if (q := _quality(parameters)) is not None:
            name = name.strip().lower()
            wanted[name] = max(q, wanted.get(name, 0))
    # A range such as `*/*` counts as JSON, unless the client names JSON itself.
    for name in ("application/*", "*/*"):
        if name in wanted:
            wanted.setdefault(JSON, wanted[name])
    best = max(offered, key=lambda each: wanted.get(each, 0))
    return best if wanted.get(best, 0) > 0 else JSON


def _quality(parameters: str) -> float | None:
    """The `q` among the parameters of an element, 1 without one; None if it is invalid."""
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            return float(value.strip()) if _Q.fullmatch(value.strip()) else None
    return 1
