"""How a request of Flask is refused, and how its response gets the headers of a limit."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from flask import Response, after_this_request, request
from werkzeug.exceptions import HTTPException, default_exceptions

from .http.reply import Reply

_HEADERS = "lockwatch.headers"


def response_of(reply: Reply) -> Response:
    """A reply as a response of Flask."""
    return Response(reply.content, reply.status, reply.pairs)


class Refused(HTTPException):
    """A decorator of lockwatch ends the request.

    An `errorhandler` for its status gets this exception, and may answer in the middleware's place.
    The limit's headers and `Retry-After` are on its response, too.
    """

    reply: Reply
    retry_after: int | None
    """Seconds; None if waiting does not help."""


def refused(reply: Reply) -> Refused:
    """The exception that ends a request with a reply."""
    error = _refused_class(reply.status)(response=response_of(reply))
    error.reply, error.retry_after = reply, reply.retry_after
    add_headers({name: value for name, value in reply.headers.items() if name.lower() not in _OF_THE_BODY})
    return error


# Headers that describe the body of a reply, and not that of an error handler.
_OF_THE_BODY = frozenset({"content-type", "content-length", "content-encoding"})


@functools.lru_cache(maxsize=128)
def _refused_class(status: int) -> type[Refused]:
    # Flask finds the handlers of a status by the exception's class.
    known = default_exceptions.get(status)
    bases = (Refused,) if known is None else (Refused, known)
    return type(Refused.__name__, bases, {"code": status, "__doc__": Refused.__doc__, "__module__": __name__})


def add_headers(headers: Mapping[str, str]) -> None:
    """Adds headers to the response: those of the last limit, and none that the application sets."""
    pending: dict[str, str] | None = request.environ.get(_HEADERS)
    if pending is not None:
        pending.update(headers)
        return
    pending = request.environ[_HEADERS] = dict(headers)

    @after_this_request
    def add(response: Response) -> Response:
        for name, value in pending.items():
            response.headers.setdefault(name, value)
        return response
