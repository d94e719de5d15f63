"""The middleware for WSGI: Flask, Django and whatever else speaks it. It blocks, and needs no event loop."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from ..client import LockWatch
from ..errors import ConfigurationError, RedisAway
from ..limits import Limits, LimitsLike, limits_of
from .answers import Answer, added_headers, in_place
from .audit_thread import AuditThread
from .complaints import Complaints
from .gate import Asked, Gate
from .policy import Rule
from .request import HttpRequest
from .settings import Options, Settings, client_options, client_source
from .state import State

if TYPE_CHECKING:
    from typing_extensions import Unpack

Environ: TypeAlias = dict[str, Any]
StartResponse: TypeAlias = Callable[..., Callable[[bytes], object]]
App: TypeAlias = Callable[[Environ, StartResponse], Iterable[bytes]]

_REASONS = {429: "Too Many Requests", 503: "Service Unavailable"}


class LockWatchFlaskMiddleware:
    """Limits, watches and records the requests to a WSGI application.

    `app.wsgi_app = LockWatchFlaskMiddleware(app.wsgi_app, redis_url="redis://localhost", limits="100/minute")`. The
    options are in the README; `redis` may be a LockWatch or a client of redis-py in place of a URL.
    """

    def __init__(self, app: App, **options: Unpack[Options]) -> None:
        self._app = app
        settings = Settings.of(options)
        source = client_source(options)
        self._own = not isinstance(source, LockWatch)
        self._lockwatch: LockWatch = LockWatch(source, **client_options(options)) if self._own else source
        self._settings = settings
        complaints = Complaints(settings.log_interval)
        self._gate = Gate(settings, complaints)
        self._link = self._lockwatch.link
        self._audit = (
            AuditThread(self._lockwatch.background, settings.audit_queue_size, complaints) if settings.audit else None
        )

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serves a request."""
        began = time.perf_counter()
        path = _path(environ)
        rule = self._rule(environ, path)
        if rule is None:
            return self._app(environ, start_response)
        request = self._request(environ, path)
        asked = self._gate.ask(request, rule, self._key(request), self._plan(request, rule))
        goes_on = self._decide(asked)
        environ["lockwatch"] = asked.state
        response = Response(
            start_response, asked.state, lambda status: self._record(request, asked.state, status, began)
        )
        if not goes_on:
            return response.give(in_place(request, asked.state, self._settings.on_denied))
        try:
            return response.watched(self._app(environ, response.start), environ)
        except BaseException:
            response.over(500)
            raise

    def _rule(self, environ: Environ, path: str) -> Rule | None:
        # Some servers take SCRIPT_NAME from a header: what it makes of a path exempts from nothing by itself.
        paths = {path, _routed(environ)} if environ.get("SCRIPT_NAME") else (path,)
        return self._gate.rule_for(environ["REQUEST_METHOD"], paths, paths)

    def close(self) -> None:
        """Records what is left and ends the connections. At the end of a process the first happens by itself."""
        if self._audit is not None:
            self._audit.flush()
        if self._own:
            self._lockwatch.close()

    def _request(self, environ: Environ, path: str) -> HttpRequest:
        def values(name: str) -> list[str]:
            value = environ.get("HTTP_" + name.upper().replace("-", "_"))
            return [] if value is None else [value]

        address = self._settings.proxies.resolve(environ.get("REMOTE_ADDR"), values)
        return HttpRequest(environ["REQUEST_METHOD"], path, values, address, environ)

    def _key(self, request: HttpRequest) -> str | None:
        return None if self._settings.key_func is None else _at_once(self._settings.key_func(request))

    def _plan(self, request: HttpRequest, rule: Rule) -> Limits | None:
        if self._settings.plan_func is None or rule.own_limits:
            return None
        plan: LimitsLike | None = _at_once(self._settings.plan_func(request))
        return None if plan is None else limits_of(plan)

    def _decide(self, asked: Asked) -> bool:
        try:
            replies = self._link.send(asked.calls)
        except RedisAway as error:
            return self._gate.fail(asked, error)
        return self._gate.judge(asked, replies)

    def _record(self, request: HttpRequest, state: State, status: int, began: float) -> None:
        if self._audit is not None and state.failure != "bypassed":
            self._audit.put(self._gate.audit(request, state, status, time.perf_counter() - began))


def _path(environ: Environ) -> str:
    return _decoded(environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""))


def _routed(environ: Environ) -> str:
    path: str = environ.get("PATH_INFO", "")
    # So do routers: a server may have cut off the slash with the script's name.
    return _decoded(path if path.startswith("/") else f"/{path}")


def _decoded(path: str) -> str:
    # WSGI has the bytes as Latin-1, whatever they are.
    return path if path.isascii() else path.encode("latin-1").decode("utf-8", "replace")


def _at_once(value: Any) -> Any:  # noqa: ANN401  # whatever the function returns
    if inspect.isawaitable(value):
        if inspect.iscoroutine(value):
            value.close()
        raise ConfigurationError("key_func and plan_func of a WSGI application can't be asynchronous")
    return value


class Response:
    """The way of a response, whoever gives it: it gets its headers, and is looked at for the record."""

    def __init__(self, start_response: StartResponse, state: State, over: Callable[[int], None]) -> None:
        self._start_response = start_response
        self._state = state
        self._over: Callable[[int], None] | None = over
        # What a server answers for an application that fails before it has begun.
        self._status = 500

    def start(
        self,
        status: str,
        headers: list[tuple[str, str]],
        exc_info: Any = None,  # noqa: ANN401  # passed on
    ) -> Callable[[bytes], object]:
        """Takes the place of the server's start_response."""
        self._status = int(status[:3])
        there = {name.lower() for name, _ in headers}
        headers = [*headers, *added_headers(self._state, there)]
        return self._start_response(status, headers, exc_info) if exc_info else self._start_response(status, headers)

    def watched(self, body: Iterable[bytes], environ: Environ) -> Iterable[bytes]:
        """The body, which tells when the server is done with it."""
        wrapper = environ.get("wsgi.file_wrapper")
        if isinstance(wrapper, type) and isinstance(body, wrapper):
            # Servers send files themselves if they see that it is one.
            file = cast("Any", body)
            file.close = self._closing(getattr(file, "close", None))
            return body
        return Body(body, self._closing(getattr(body, "close", None)))

    def _closing(self, close: Callable[[], None] | None) -> Callable[[], None]:
        def closing() -> None:
            try:
                if close is not None:
                    close()
            finally:
                self.over(self._status)

        return closing

    def over(self, status: int) -> None:
        """The response is out, or never will be: records it, once."""
        if self._over is not None:
            over, self._over = self._over, None
            over(status)

    def give(self, answer: Answer) -> Iterable[bytes]:
        """Answers in place of the application."""
        content = answer.content
        headers = [*answer.headers.items(), ("Content-Length", str(len(content)))]
        self.start(f"{answer.status} {_REASONS.get(answer.status, 'Denied')}", headers)
        return Body([content], self._closing(None))


class Body:
    """A body and what to do when the server closes it."""

    def __init__(self, chunks: Iterable[bytes], close: Callable[[], None]) -> None:
        self._chunks = chunks
        self.close = close

    def __iter__(self) -> Iterator[bytes]:
        """Goes through the chunks."""
        return iter(self._chunks)
