"""Responses of a FastAPI application whose routes have limits and guards.

FastAPI adds the headers that a dependency sets only to responses that it makes itself.
`RouteHeaders` adds those of a limit to every other response too. `prepare` does what is possible
without it.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.exception_handlers import http_exception_handler
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import HTTPConnection

from .asgi_response import App, Message, Receive, Scope, Send, with_headers
from .errors import ConfigurationError
from .http.charging import Pending, finish
from .http.reply import CLIENT_CLOSED_REQUEST, Reply
from .http.response import HttpResponse

_HEADERS = "lockwatch.headers"
_PENDING = "lockwatch.pending"


class Refused(HTTPException):  # an HTTP response rather than an error
    """A dependency of lockwatch ends the request."""

    def __init__(self, reply: Reply) -> None:
        headers = {name: value for name, value in reply.headers.items() if name.lower() != "content-type"}
        super().__init__(reply.status, _detail(reply), headers)
        self.reply = reply

    @property
    def retry_after(self) -> int | None:
        """Seconds; None if waiting does not help."""
        return self.reply.retry_after


def _detail(reply: Reply) -> Any:  # noqa: ANN401  # any JSON
    try:
        return json.loads(reply.content or b"null")
    except ValueError:
        return reply.content.decode("utf-8", "replace")


async def respond(_request: Request, refused: Exception) -> Response:
    """The response of a refused request, exactly as the middleware would send it."""
    if not isinstance(refused, Refused):
        raise refused
    return response_of(refused.reply)


def response_of(reply: Reply) -> Response:
    """A reply as a response of Starlette."""
    response = Response(reply.content, reply.status, dict(reply.headers))
    for cookie in reply.cookies:
        response.headers.append("Set-Cookie", cookie)
    return response


class RouteHeaders:
    """ASGI middleware that adds the headers of route limits to the response.

    Afterwards it does what they have left to do.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a connection."""
        if scope["type"] != "http" or _HEADERS in scope:
            await self._app(scope, receive, send)
            return
        added: dict[str, str] = {}
        scope[_HEADERS] = added
        pending: list[Pending] = []
        scope[_PENDING] = pending
        # What a server answers if the application fails before its response starts.
        answered = HttpResponse(500, ())

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered.status, answered.raw_headers = message["status"], message.get("headers", ())
                if added:
                    message = {**message, "headers": with_headers(message.get("headers", ()), added)}
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except asyncio.CancelledError:
            answered.status = CLIENT_CLOSED_REQUEST
            raise
        finally:
            if pending:
                finish(pending, answered)


def add_headers(request: HTTPConnection, response: Response, headers: Mapping[str, str]) -> None:
    """Adds the headers of a limit to the response of a request that goes on."""
    if _HEADERS in request.scope:
        request.scope[_HEADERS].update(headers)
    else:
        response.headers.update(headers)
        request.state.lockwatch_headers = headers


def after_response(request: HTTPConnection, pending: Pending) -> None:
    """Does what a limit has left to do once the response has been sent."""
    if _PENDING not in request.scope:
        raise ConfigurationError(
            "skip_successful, skip_failed and count_when of limit need to see the response: call "
            "lockwatch.fastapi.install(app), or add LockWatchMiddleware"
        )
    request.scope[_PENDING].append(pending)


class _PreparedError(Exception):
    """Marks a table of exception handlers. Nobody raises it."""


def prepare(request: HTTPConnection) -> None:
    """Makes the application's exception handlers respond to `Refused` and add a limit's headers.

    Once per application, also without `install`. `Refused` is left to an own handler of the
    application for every HTTPException.
    """
    handlers, by_status = request.scope.get("starlette.exception_handlers", ({}, {}))
    if _PreparedError in handlers:
        return
    for table in (handlers, by_status):
        table.update({kind: _adding_headers(handler) for kind, handler in table.items() if kind is not Refused})
    general = handlers.get(StarletteHTTPException)
    if getattr(general, "__wrapped__", general) is http_exception_handler:
        handlers.setdefault(Refused, respond)
    handlers[_PreparedError] = respond


def _adding_headers(handler: Callable[..., Any]) -> Callable[[Request, Exception], Awaitable[Any]]:
    async def handle(request: Request, error: Exception) -> Any:  # noqa: ANN401  # the handler's
        if inspect.iscoroutinefunction(handler):
            response = await handler(request, error)
        else:
            response = await run_in_threadpool(handler, request, error)
            if inspect.isawaitable(response):
                response = await response
        if isinstance(response, Response):
            for name, value in getattr(request.state, "lockwatch_headers", {}).items():
                response.headers.setdefault(name, value)
        return response

    handle.__wrapped__ = handler  # type: ignore[attr-defined]
    return handle
