"""The middleware for ASGI: FastAPI, Starlette, and any other application.

It wraps `send`, and neither buffers a body nor starts a task for one.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, TypeAlias

from .aio import AsyncLockWatch
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

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

# The member of the scope that holds the state. A server may share the member `state` between
# requests.
STATE = "lockwatch"
# Within this time a client that leaves cannot be told from one that leaves after the response.
_SECONDS_UNTIL_LOOK = 0.01


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
            guard = SiteGuard(settings.guard, settings.challenge, failures, self._outcomes)
        self._limiter = RateLimiter(settings, failures, self._corrections, guard)
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
        routed = routed_path(scope)
        policy = self._settings.policies.of(scope["method"], {scope["path"], routed}, (routed,))
        if policy is None:
            await self._app(scope, receive, send)
            return
        request = self._request(scope)
        # The state of a middleware in front of this one, which records the request.
        outer: LockWatchState | None = scope.get(STATE)
        state, reply = await run_async(self._limiter.admit(request, policy, self._lockwatch.link.send, outer))
        scope[STATE] = scope.setdefault("state", {})["lockwatch"] = state
        response = Response(receive, send, state)
        try:
            if reply is None:
                await self._app(scope, response.receive, response.send)
            else:
                await response.send_reply(reply)
        except asyncio.CancelledError:
            response.lose_client()
            raise
        finally:
            if state.pending and outer is None:
                finish(state.pending, HttpResponse(response.status, response.headers))
            if reply is None:
                self._limiter.finish(request, state, response.status)
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


def with_headers(given: Any, own: Mapping[str, str]) -> list[tuple[bytes, bytes]]:  # noqa: ANN401  # iterable of pairs
    """The headers of a response, with those of `own` that it does not have."""
    headers = [(name, value) for name, value in given]
    present = {name.lower() for name, _ in headers}
    added = ((name.lower().encode(), value.encode()) for name, value in own.items())
    return headers + [(name, value) for name, value in added if name not in present]


class Response:
    """Adds the headers to a response, and keeps its status for the audit event.

    The status is 499 if the client left before the response was complete, as in nginx's log.
    """

    def __init__(self, receive: Receive, send: Send, state: LockWatchState) -> None:
        self._receive = receive
        self._send = send
        self._state = state
        self._started = time.perf_counter()
        # Messages that `_look_for_client` has received, for the application.
        self._unread: deque[Message] = deque()
        self._receiving = 0
        self._is_ending = False
        # What a server answers if the application fails before its response starts.
        self.status = 500
        self.headers: Iterable[tuple[bytes, bytes]] = ()
        self.ended: float | None = None

    def lose_client(self) -> None:
        """The client has left. Does nothing once the whole response has been sent."""
        if not self._is_ending:
            self._is_ending = True
            self.status = CLIENT_CLOSED_REQUEST

    async def receive(self) -> Message:
        """The receive that the application is given."""
        if self._unread:
            return self._unread.popleft()
        self._receiving += 1
        try:
            message = await self._receive()
        finally:
            self._receiving -= 1
        if message["type"] == "http.disconnect":
            self.lose_client()
        return message

    async def send(self, message: Message) -> None:
        """Passes a message on."""
        kind = message["type"]
        ends = kind == "http.response.body" and not message.get("more_body")
        if kind == "http.response.start":
            if not self._is_ending:
                self.status = message["status"]
                self.headers = message.get("headers", ())
            if self._state.headers:
                message = {**message, "headers": with_headers(message.get("headers", ()), self._state.headers)}
        elif ends and not self._is_ending and time.perf_counter() - self._started >= _SECONDS_UNTIL_LOOK:
            await self._look_for_client()
        try:
            await self._send(message)
        except Exception:
            self.lose_client()
            raise
        if ends:
            self._is_ending = True
            self.ended = time.perf_counter()

    async def _look_for_client(self) -> None:
        """Asks the server whether the client has left, which it tells only those who receive.

        Only for a response that took a while, because it costs a turn of the event loop. An
        application that waits for a disconnect itself will be told.
        """
        if self._receiving or self._unread:
            return
        task = asyncio.ensure_future(self._receive())
        try:
            await asyncio.wait((task,), timeout=0)
        finally:
            task.cancel()
        await asyncio.wait((task,))
        if task.cancelled() or task.exception() is not None:
            return
        message = task.result()
        if message["type"] == "http.disconnect":
            self.lose_client()
        else:
            self._unread.append(message)

    async def send_reply(self, reply: Reply) -> None:
        """Answers instead of the application."""
        content = reply.content
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in reply.pairs]
        headers.append((b"content-length", str(len(content)).encode()))
        await self.send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": content})
