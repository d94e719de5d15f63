"""The middleware for ASGI: FastAPI, Starlette, and any other application.

It wraps `send`, and neither buffers a body nor starts a task for one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeAlias

from .aio import AsyncLockWatch
from .asgi_response import App, Message, Receive, Response, Scope, Send
from .asgi_websocket import Handshake
from .audit_queue import AsyncAuditQueue
from .correction_queue import AsyncCorrectionQueue
from .failure_log import FailureLog
from .flow import run_async
from .http.app_kind import check_asgi_app
from .http.charging import finish
from .http.option_rules import ASGI
from .http.options import (
    MiddlewareOptions,
    Settings,
    client_options,
    client_source,
    read_middleware_options,
)
from .http.rate_limiter import RateLimiter
from .http.reply import CLIENT_CLOSED_REQUEST, Reply
from .http.request import HttpRequest
from .http.response import HttpResponse
from .http.site_guard import SiteGuard
from .http.state import LockWatchState
from .outcome_queue import AsyncOutcomeQueue

if TYPE_CHECKING:
    from typing_extensions import Unpack

# Takes the status, the headers and maybe the time of a response that has ended.
End: TypeAlias = Callable[[int, Iterable[tuple[bytes, bytes]], "float | None"], None]

# The member of the scope that holds the state. A server may share the member `state` between
# requests.
STATE = "lockwatch"


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
        self._lockwatch = AsyncLockWatch(source, **client_options(options)) if self._owns_client else source
        failures = FailureLog.of(self._lockwatch, settings.log_interval)
        self._corrections = (
            AsyncCorrectionQueue(self._lockwatch.audit_connection, failures) if settings.policies.correct else None
        )
        self._outcomes: AsyncOutcomeQueue | None = None
        guard = None
        if settings.guard is not None:
            self._outcomes = AsyncOutcomeQueue(self._lockwatch.audit_connection, failures)
            guard = SiteGuard(settings.guard, settings.challenge, failures, self._outcomes, settings.error_bodies)
        self._limiter = RateLimiter(settings, failures, self._lockwatch, self._corrections, guard)
        self._audit_queue = (
            AsyncAuditQueue(
                self._lockwatch.audit_connection, settings.audit_queue_size, failures, self._lockwatch.counters
            )
            if settings.audit
            else None
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a connection."""
        if scope["type"] == "http":
            await self._serve(scope["method"], scope, receive, send)
        elif scope["type"] == "websocket":
            await self._serve("GET", scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _serve(self, method: str, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        routed = routed_path(scope)
        policy = self._settings.policies.of(method, {scope["path"], routed}, (routed,))
        if policy is None:
            await self._app(scope, receive, send)
            return
        request = self._request(method, scope)
        # The state of a middleware in front of this one.
        outer: LockWatchState | None = scope.get(STATE)
        if self._settings.exempt_clients.any and (exempt := self._limiter.exempt(request, policy, outer)) is not None:
            self._keep(scope, exempt)
            await self._app(scope, receive, send)
            return
        state, reply = await run_async(self._limiter.admit(request, policy, self._lockwatch.link.send, outer))
        self._keep(scope, state)
        is_outer, state.recorded = not state.recorded, True

        def end(status: int, headers: Iterable[tuple[bytes, bytes]], ended: float | None = None) -> None:
            if state.pending and is_outer:
                finish(state.pending, HttpResponse(status, headers))
            if reply is None:
                self._limiter.finish(request, state, status)
            if is_outer:
                self._record(request, state, status, (ended or time.perf_counter()) - started)

        if scope["type"] == "websocket":
            await self._shake_hands(Handshake(scope, receive, send, state, end), scope, reply)
        else:
            await self._respond(Response(receive, send, state), scope, reply, end)

    async def _respond(self, response: Response, scope: Scope, reply: Reply | None, end: End) -> None:
        try:
            if reply is None:
                await self._app(scope, response.receive, response.send)
            else:
                await response.send_reply(reply)
        except asyncio.CancelledError:
            response.lose_client()
            raise
        finally:
            end(response.status, response.headers, response.ended)

    async def _shake_hands(self, handshake: Handshake, scope: Scope, reply: Reply | None) -> None:
        try:
            if reply is None:
                await self._app(scope, handshake.receive, handshake.send)
            else:
                await handshake.send_reply(reply)
        except asyncio.CancelledError:
            handshake.end(CLIENT_CLOSED_REQUEST)
            raise
        finally:
            handshake.end()

    def _keep(self, scope: Scope, state: LockWatchState) -> None:
        scope[STATE] = scope.setdefault("state", {})["lockwatch"] = state

    def _record(self, request: HttpRequest, state: LockWatchState, status: int, seconds: float) -> None:
        if self._audit_queue is None:
            return
        if state.failure == "bypassed":
            self._audit_queue.bypass()
        else:
            self._audit_queue.record(self._limiter.audit(request, state, status, seconds))

    def _request(self, method: str, scope: Scope) -> HttpRequest:
        headers = scope["headers"]

        def values(name: str) -> list[str]:
            wanted = name.encode("latin-1")
            return [value.decode("latin-1") for header, value in headers if header == wanted]

        client = scope.get("client")
        address = self._settings.proxies.address(client[0] if client else None, values)
        return HttpRequest(method, scope["path"], values, address, scope)

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_after_flush(message: Message) -> None:
            if message["type"].startswith("lifespan.shutdown."):
                if self._audit_queue is not None:
                    await self._audit_queue.flush()
                if self._corrections is not None:
                    await self._corrections.flush()
                if self._outcomes is not None:
                    await self._outcomes.flush()
                if self._owns_client:
                    await self._lockwatch.aclose()
            await send(message)

        await self._app(scope, receive, send_after_flush)


def routed_path(scope: Scope) -> str:
    """The path that routers match, which is without the root path if it starts with that."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if not root or not path.startswith(root):
        return path
    rest = path[len(root) :]
    return rest or "/" if rest[:1] in ("", "/") else path
