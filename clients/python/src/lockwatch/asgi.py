"""The middleware for ASGI: FastAPI, Starlette, and any other application.

It wraps `send`, and neither buffers a body nor starts a task for one.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, TypeAlias

from .aio import AsyncLockWatch
from .audit_queue import AsyncAuditQueue
from .failure_log import FailureLog
from .flow import run_async
from .http.app_kind import check_asgi_app
from .http.option_rules import ASGI
from .http.options import (
    MiddlewareOptions,
    Settings,
    client_options,
    client_source,
    read_middleware_options,
    refuse_client_options,
)
from .http.rate_limiter import RateLimiter
from .http.reply import Reply
from .http.request import HttpRequest
from .http.state import LockWatchState

if TYPE_CHECKING:
    from typing_extensions import Unpack

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

# The scope is the request's own. A server may share its member `state` between requests.
_STATE = "lockwatch"


class LockWatchMiddleware:
    """Limits, counts and records the requests to an ASGI application.

    `app.add_middleware(LockWatchMiddleware, redis_url="redis://localhost", limits="100/minute")`.
    The README describes the options. `redis` may be an AsyncLockWatch or an asynchronous client of
    redis-py, in place of `redis_url`.
    """

    def __init__(self, app: App, **options: Unpack[MiddlewareOptions]) -> None:
        check_asgi_app(app)
        options = read_middleware_options(options, ASGI)
        self._app = app
        self._settings = settings = Settings.of(options)
        source = client_source(options)
        self._owns_client = not isinstance(source, AsyncLockWatch)
        if not self._owns_client:
            refuse_client_options(options, "AsyncLockWatch")
        self._lockwatch = AsyncLockWatch(source, **client_options(options)) if self._owns_client else source
        failures = FailureLog.of(self._lockwatch, settings.log_interval)
        self._limiter = RateLimiter(settings, failures)
        self._audit_queue = (
            AsyncAuditQueue(self._lockwatch.audit_connection, settings.audit_queue_size, failures)
            if settings.audit
            else None
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a connection. WebSockets are not limited."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        routed = _routed_path(scope)
        policy = self._settings.policies.of(scope["method"], {scope["path"], routed}, (routed,))
        if policy is None:
            await self._app(scope, receive, send)
            return
        request = self._request(scope)
        # The state of a middleware in front of this one, which records the request.
        outer: LockWatchState | None = scope.get(_STATE)
        state, reply = await run_async(self._limiter.admit(request, policy, self._lockwatch.link.send, outer))
        scope[_STATE] = scope.setdefault("state", {})["lockwatch"] = state
        response = Response(send, state)
        try:
            if reply is None:
                await self._app(scope, receive, response.send)
            else:
                await response.send_reply(reply)
        finally:
            if self._audit_queue is None or outer is not None:
                pass
            elif state.failure == "bypassed":
                self._audit_queue.bypass()
            else:
                seconds = (response.ended or time.perf_counter()) - started
                self._audit_queue.record(self._limiter.audit(request, state, response.status, seconds))

    def _request(self, scope: Scope) -> HttpRequest:
        headers = scope["headers"]

        def values(name: str) -> list[str]:
            wanted = name.encode("latin-1")
            return [value.decode("latin-1") for header, value in headers if header == wanted]

        client = scope.get("client")
        address = self._settings.proxies.address(client[0] if client else None, values)
        return HttpRequest(scope["method"], scope["path"], values, address, scope)

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_after_flush(message: Message) -> None:
            if message["type"].startswith("lifespan.shutdown."):
                if self._audit_queue is not None:
                    await self._audit_queue.flush()
                if self._owns_client:
                    await self._lockwatch.aclose()
            await send(message)

        await self._app(scope, receive, send_after_flush)


def _routed_path(scope: Scope) -> str:
    """The path that routers match, which is without the root path if it starts with that."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if not root or not path.startswith(root):
        return path
    rest = path[len(root) :]
    return rest or "/" if rest[:1] in ("", "/") else path


class Response:
    """Adds the headers to a response, and keeps its status for the audit event."""

    def __init__(self, send: Send, state: LockWatchState) -> None:
        self._send = send
        self._state = state
        # What a server answers if the application fails before its response starts.
        self.status = 500
        self.ended: float | None = None

    async def send(self, message: Message) -> None:
        """Passes a message on."""
        kind = message["type"]
        if kind == "http.response.start":
            self.status = message["status"]
            if self._state.headers:
                message = {**message, "headers": self._add_headers(message.get("headers", ()))}
        await self._send(message)
        if kind == "http.response.body" and not message.get("more_body"):
            self.ended = time.perf_counter()

    def _add_headers(self, given: Any) -> list[tuple[bytes, bytes]]:  # noqa: ANN401  # any iterable of pairs
        headers = [(name, value) for name, value in given]
        present = {name.lower() for name, _ in headers}
        own = ((name.lower().encode(), value.encode()) for name, value in self._state.headers.items())
        return headers + [(name, value) for name, value in own if name not in present]

    async def send_reply(self, reply: Reply) -> None:
        """Answers instead of the application."""
        content = reply.content
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers.items()]
        headers.append((b"content-length", str(len(content)).encode()))
        await self.send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": content})
