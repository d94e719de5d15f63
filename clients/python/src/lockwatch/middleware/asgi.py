"""The middleware for ASGI: FastAPI, Starlette and whatever else speaks it.

Pure ASGI: it wraps `send`, and neither buffers a body nor starts a task in the way of one.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, TypeAlias

from ..aio import AsyncLockWatch
from ..errors import RedisAway
from ..limits import Limits, limits_of
from .answers import Answer, added_headers, in_place
from .audit_task import AuditTask
from .complaints import Complaints
from .gate import Asked, Gate
from .policy import Rule
from .request import HttpRequest
from .settings import Options, Settings, client_options, client_source
from .state import State

if TYPE_CHECKING:
    from typing_extensions import Unpack

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


class LockWatchMiddleware:
    """Limits, watches and records the requests to an ASGI application.

    `app.add_middleware(LockWatchMiddleware, redis_url="redis://localhost", limits="100/minute")`. The options are in
    the README; `redis` may be an AsyncLockWatch or an asynchronous client of redis-py in place of a URL.
    """

    def __init__(self, app: App, **options: Unpack[Options]) -> None:
        self._app = app
        settings = Settings.of(options)
        source = client_source(options)
        self._own = not isinstance(source, AsyncLockWatch)
        self._lockwatch: AsyncLockWatch = AsyncLockWatch(source, **client_options(options)) if self._own else source
        self._settings = settings
        complaints = Complaints(settings.log_interval)
        self._gate = Gate(settings, complaints)
        self._link = self._lockwatch.link
        self._audit = (
            AuditTask(self._lockwatch.background, settings.audit_queue_size, complaints) if settings.audit else None
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a connection. What is not HTTP passes through: WebSockets are not limited."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        routed = _routed(scope)
        rule = self._gate.rule_for(scope["method"], {scope["path"], routed}, (routed,))
        if rule is None:
            await self._app(scope, receive, send)
            return
        request = self._request(scope)
        asked = self._gate.ask(request, rule, await self._key(request), await self._plan(request, rule))
        goes_on = await self._decide(asked)
        state = asked.state
        scope.setdefault("state", {})["lockwatch"] = state
        response = Response(send, state)
        try:
            if goes_on:
                await self._app(scope, receive, response.send)
            else:
                await response.give(in_place(request, state, self._settings.on_denied))
        finally:
            if self._audit is not None and state.failure != "bypassed":
                seconds = (response.ended or time.perf_counter()) - began
                self._audit.put(self._gate.audit(request, state, response.status, seconds))

    def _request(self, scope: Scope) -> HttpRequest:
        headers = scope["headers"]

        def values(name: str) -> list[str]:
            wanted = name.encode("latin-1")
            return [value.decode("latin-1") for header, value in headers if header == wanted]

        client = scope.get("client")
        address = self._settings.proxies.resolve(client[0] if client else None, values)
        return HttpRequest(scope["method"], scope["path"], values, address, scope)

    async def _key(self, request: HttpRequest) -> str | None:
        if self._settings.key_func is None:
            return None
        key = self._settings.key_func(request)
        return await key if inspect.isawaitable(key) else key

    async def _plan(self, request: HttpRequest, rule: Rule) -> Limits | None:
        if self._settings.plan_func is None or rule.own_limits:
            return None
        plan = self._settings.plan_func(request)
        limits = await plan if inspect.isawaitable(plan) else plan
        return None if limits is None else limits_of(limits)

    async def _decide(self, asked: Asked) -> bool:
        try:
            replies = await self._link.send(asked.calls)
        except RedisAway as error:
            return self._gate.fail(asked, error)
        return self._gate.judge(asked, replies)

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_once_recorded(message: Message) -> None:
            if message["type"].startswith("lifespan.shutdown."):
                if self._audit is not None:
                    await self._audit.flush()
                if self._own:
                    await self._lockwatch.aclose()
            await send(message)

        await self._app(scope, receive, send_once_recorded)


def _routed(scope: Scope) -> str:
    """The path that routers look at: without the root path, if it begins with that. It need not."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if not root or not path.startswith(root):
        return path
    rest = path[len(root) :]
    return rest or "/" if rest[:1] in ("", "/") else path


class Response:
    """The way of a response, whoever gives it: it gets its headers, and is looked at for the record."""

    def __init__(self, send: Send, state: State) -> None:
        self._send = send
        self._state = state
        # What a server answers for an application that fails before it has begun.
        self.status = 500
        self.ended: float | None = None

    async def send(self, message: Message) -> None:
        """Passes a message on."""
        kind = message["type"]
        if kind == "http.response.start":
            self.status = message["status"]
            if self._state.rate_limit is not None:
                message = {**message, "headers": self._with_ours(message.get("headers", ()))}
        await self._send(message)
        if kind == "http.response.body" and not message.get("more_body"):
            self.ended = time.perf_counter()

    def _with_ours(self, theirs: Any) -> list[tuple[bytes, bytes]]:  # noqa: ANN401  # any iterable of pairs
        headers = [(name, value) for name, value in theirs]
        there = {name.lower().decode("latin-1") for name, _ in headers}
        headers += ((name.lower().encode(), value.encode()) for name, value in added_headers(self._state, there))
        return headers

    async def give(self, answer: Answer) -> None:
        """Answers in place of the application."""
        content = answer.content
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()]
        headers.append((b"content-length", str(len(content)).encode()))
        await self.send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": content})
