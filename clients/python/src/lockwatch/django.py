"""lockwatch in Django: a middleware, a decorator for views, and a client from the settings.

`LOCKWATCH` in the settings has the options of the middleware. Functions among them get Django's
request, and may be given by their path: `"shop.limits.account"`.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.asgi import get_asgi_application as get_application_of_django
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from .asgi import STATE
from .asgi import LockWatchMiddleware as ASGIMiddleware
from .asgi_response import App, Receive, Scope, Send
from .django_exchange import Exchange, environ_of, scope_of
from .django_limit import limit
from .django_settings import REQUEST, async_client, client, middleware_options, used_async_client
from .wsgi import LockWatchWSGIMiddleware as WSGIMiddleware

__all__ = ["LockWatchMiddleware", "async_client", "client", "get_asgi_application", "limit"]

# The asynchronous ones, which have to be told when the server stops.
_middlewares: weakref.WeakSet[LockWatchMiddleware] = weakref.WeakSet()


class LockWatchMiddleware:
    """Limits, counts and records the requests to a Django project.

    `MIDDLEWARE = ["lockwatch.django.LockWatchMiddleware", …]`: first, so that a denied request
    costs little, or behind the authentication, if a key function needs the user. Views find what
    it knows in `request.lockwatch`.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        self._asgi: ASGIMiddleware | None = None
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)
            _middlewares.add(self)
            self._asgi = ASGIMiddleware(self._answer_async, **middleware_options(async_client()))
        else:
            self._wsgi = WSGIMiddleware(self._answer, **middleware_options(client()))

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Serves a request."""
        return self._serve(request) if self._asgi is None else self._serve_async(request, self._asgi)

    def close(self) -> None:
        """Sends the audit events that are left, of a synchronous middleware."""
        if self._asgi is None:
            self._wsgi.close()

    async def aclose(self) -> None:
        """Sends the audit events that are left, of an asynchronous middleware."""
        if self._asgi is not None:
            await self._asgi({"type": "lifespan"}, _nothing_more, _discard)

    def _serve(self, request: HttpRequest) -> HttpResponseBase:
        exchange = Exchange(request)
        environ = {**environ_of(request), REQUEST: exchange}
        exchange.take(self._wsgi(environ, exchange.start_response))
        exchange.keep(environ.get("lockwatch"))
        return exchange.result()

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        """The application that the middleware for WSGI wraps. It passes no body on."""
        exchange: Exchange = environ[REQUEST]
        exchange.keep(environ.get("lockwatch"))
        response = exchange.response = self._get_response(exchange.request)
        start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
        return []

    async def _serve_async(self, request: HttpRequest, asgi: ASGIMiddleware) -> HttpResponseBase:
        exchange = Exchange(request)
        scope = {**scope_of(request), REQUEST: exchange}
        await asgi(scope, _nothing_more, exchange.send)
        exchange.keep(scope.get(STATE))
        return exchange.result()

    async def _answer_async(self, scope: Any, _receive: Any, send: Any) -> None:  # noqa: ANN401  # of ASGI
        if scope["type"] == "lifespan":
            await send({"type": "lifespan.shutdown.complete"})
            return
        exchange: Exchange = scope[REQUEST]
        exchange.keep(scope.get(STATE))
        response = exchange.response = await self._get_response(exchange.request)
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
        await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def get_asgi_application() -> App:
    """Django's ASGI application, which also sends what waits when the server stops.

    It takes the place of `django.core.asgi.get_asgi_application`, which knows no lifespan.
    """
    application: Any = get_application_of_django()

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await application(scope, receive, send)
            return
        for event in ("startup", "shutdown"):
            await receive()
            if event == "shutdown":
                await _flush()
            await send({"type": f"lifespan.{event}.complete"})

    return serve


async def _flush() -> None:
    for middleware in list(_middlewares):
        await middleware.aclose()
    if (used := used_async_client()) is not None:
        await used.aclose()


async def _nothing_more() -> Any:  # noqa: ANN401  # of ASGI
    """The receive of ASGI. Django has read the body, and cancels a request whose client leaves."""
    return await asyncio.get_running_loop().create_future()


async def _discard(_message: object) -> None:
    """The send of ASGI for messages that nobody needs."""
