"""The middleware for WSGI: Flask, Django, and any other application."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from .audit_queue import AuditQueue
from .client import LockWatch
from .correction_queue import CorrectionQueue
from .failure_log import FailureLog
from .flow import run
from .http.app_kind import check_wsgi_app
from .http.charging import finish
from .http.option_rules import WSGI
from .http.options import (
    MiddlewareOptions,
    Settings,
    client_options,
    client_source,
    read_middleware_options,
)
from .http.policies import Policy
from .http.rate_limiter import RateLimiter
from .http.reply import CLIENT_CLOSED_REQUEST, Reply
from .http.request import HttpRequest
from .http.response import HttpResponse
from .http.site_guard import SiteGuard
from .http.state import LockWatchState
from .outcome_queue import OutcomeQueue

if TYPE_CHECKING:
    from typing_extensions import Unpack

Environ: TypeAlias = dict[str, Any]
StartResponse: TypeAlias = Callable[..., Callable[[bytes], object]]
App: TypeAlias = Callable[[Environ, StartResponse], Iterable[bytes]]

_REASONS = {429: "Too Many Requests", 503: "Service Unavailable"}


class LockWatchWSGIMiddleware:
    """Limits, counts and records the requests to a WSGI application.

    `app.wsgi_app = LockWatchWSGIMiddleware(app.wsgi_app, redis_url="redis://localhost",
    limits="100/minute")`. The README describes the options. `redis` may be a LockWatch or a client
    of redis-py, in place of `redis_url`.
    """

    def __init__(self, app: App, **options: Unpack[MiddlewareOptions]) -> None:
        check_wsgi_app(app)
        options = read_middleware_options(options, WSGI)
        self._app = app
        self._settings = settings = Settings.of(options)
        source = client_source(options)
        self._owns_client = not isinstance(source, LockWatch)
        self._lockwatch = LockWatch(source, **client_options(options)) if self._owns_client else source
        failures = FailureLog.of(self._lockwatch, settings.log_interval)
        self._corrections = (
            CorrectionQueue(self._lockwatch.audit_connection, failures) if settings.policies.correct else None
        )
        self._outcomes: OutcomeQueue | None = None
        guard = None
        if settings.guard is not None:
            self._outcomes = OutcomeQueue(self._lockwatch.audit_connection, failures)
            guard = SiteGuard(settings.guard, settings.challenge, failures, self._outcomes)
        self._limiter = RateLimiter(settings, failures, self._corrections, guard)
        self._audit_queue = (
            AuditQueue(self._lockwatch.audit_connection, settings.audit_queue_size, failures)
            if settings.audit
            else None
        )

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serves a request."""
        started = time.perf_counter()
        path = _decode(environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""))
        policy = self._policy(environ, path)
        if policy is None:
            return self._app(environ, start_response)
        request = self._request(environ, path)
        # The state of a middleware in front of this one, which records the request.
        outer: LockWatchState | None = environ.get("lockwatch")
        state, reply = run(self._limiter.admit(request, policy, self._lockwatch.link.send, outer))
        environ["lockwatch"] = state

        def end(status: int) -> None:
            if state.pending and outer is None:
                finish(state.pending, HttpResponse(status, response.headers))
            if reply is None:
                self._limiter.finish(request, state, status)
            if outer is None:
                self._record(request, state, status, started)

        response = Response(start_response, state, end, has_body=request.method != "HEAD")
        if reply is not None:
            return response.send_reply(reply)
        try:
            return response.wrap(self._app(environ, response.start), environ)
        except BaseException:
            response.end(500)
            raise

    def _policy(self, environ: Environ, path: str) -> Policy | None:
        # Some servers take SCRIPT_NAME from a header, so it cannot make a request exempt by itself.
        paths = {path, _routed_path(environ)} if environ.get("SCRIPT_NAME") else (path,)
        return self._settings.policies.of(environ["REQUEST_METHOD"], paths, paths)

    def close(self) -> None:
        """Sends the audit events that are left, and closes the connections.

        At exit the events are sent in any case.
        """
        if self._audit_queue is not None:
            self._audit_queue.flush()
        if self._corrections is not None:
            self._corrections.flush()
        if self._outcomes is not None:
            self._outcomes.flush()
        if self._owns_client:
            self._lockwatch.close()

    def _request(self, environ: Environ, path: str) -> HttpRequest:
        def values(name: str) -> list[str]:
            value = environ.get("HTTP_" + name.upper().replace("-", "_"))
            return [] if value is None else [value]

        address = self._settings.proxies.address(environ.get("REMOTE_ADDR"), values)
        return HttpRequest(environ["REQUEST_METHOD"], path, values, address, environ)

    def _record(self, request: HttpRequest, state: LockWatchState, status: int, started: float) -> None:
        if self._audit_queue is None:
            return
        if state.failure == "bypassed":
            self._audit_queue.bypass()
        else:
            self._audit_queue.record(self._limiter.audit(request, state, status, time.perf_counter() - started))


# The name in lockwatch 0.1.
LockWatchFlaskMiddleware = LockWatchWSGIMiddleware


def _routed_path(environ: Environ) -> str:
    path: str = environ.get("PATH_INFO", "")
    # As routers do: a server may have cut off the slash together with the script's name.
    return _decode(path if path.startswith("/") else f"/{path}")


def _decode(path: str) -> str:
    # WSGI passes bytes as Latin-1.
    return path if path.isascii() else path.encode("latin-1").decode("utf-8", "replace")


class Response:
    """Adds the headers to a response, and reports its status once the server is done with it."""

    def __init__(
        self, start_response: StartResponse, state: LockWatchState, on_end: Callable[[int], None], *, has_body: bool
    ) -> None:
        self._start_response = start_response
        self._has_body = has_body
        # Bytes that a server may wait for before it stops to read the body.
        self._length: int | None = None
        self._state = state
        self._on_end: Callable[[int], None] | None = on_end
        # What a server answers if the application fails before its response starts.
        self._status = 500
        self.headers: list[tuple[str, str]] = []

    def start(
        self,
        status: str,
        headers: list[tuple[str, str]],
        exc_info: Any = None,  # noqa: ANN401  # passed on
    ) -> Callable[[bytes], object]:
        """The start_response that the application is given."""
        self._status = int(status[:3])
        self.headers = headers
        self._has_body = self._has_body and self._status not in (204, 304)
        present = {name.lower() for name, _ in headers}
        if "content-length" in present:
            length = next(value for name, value in headers if name.lower() == "content-length")
            self._length = int(length) if length.isdigit() else None
        own = [(name, value) for name, value in self._state.headers.items() if name.lower() not in present]
        headers = [*headers, *own]
        return self._start_response(status, headers, exc_info) if exc_info else self._start_response(status, headers)

    def wrap(self, body: Iterable[bytes], environ: Environ) -> Iterable[bytes]:
        """The body, with a `close` that ends the response."""
        wrapper = environ.get("wsgi.file_wrapper")
        if isinstance(wrapper, type) and isinstance(body, wrapper):
            # A server sends a file itself only if the body is its wrapper.
            file = cast("Any", body)
            file.close = self._closing(getattr(file, "close", None))
            return body
        return Body(body, self._body_closed(getattr(body, "close", None)))

    def _closing(self, close: Callable[[], None] | None) -> Callable[[], None]:
        def closing() -> None:
            try:
                if close is not None:
                    close()
            finally:
                self.end(self._status)

        return closing

    def _body_closed(self, close: Callable[[], None] | None) -> Callable[[int | None], None]:
        """What to do when the server closes the body, of which it has read a number of bytes."""

        def closed(read: int | None) -> None:
            try:
                if close is not None:
                    close()
            finally:
                is_whole = read is None or not self._has_body or (self._length is not None and read >= self._length)
                self.end(self._status if is_whole else CLIENT_CLOSED_REQUEST)

        return closed

    def end(self, status: int) -> None:
        """Reports the status, once."""
        if self._on_end is not None:
            on_end, self._on_end = self._on_end, None
            on_end(status)

    def send_reply(self, reply: Reply) -> Iterable[bytes]:
        """Answers instead of the application."""
        content = reply.content
        headers = [*reply.pairs, ("Content-Length", str(len(content)))]
        self.start(f"{reply.status} {_REASONS.get(reply.status, 'Denied')}", headers)
        return Body([content], self._body_closed(None))


class Body:
    """A body, and what to do when the server closes it.

    A server that closes a body before its end has lost the client.
    """

    def __init__(self, chunks: Iterable[bytes], on_close: Callable[[int | None], None]) -> None:
        self._chunks = chunks
        self._on_close = on_close
        self._read: int | None = 0
        """Bytes that the server has read; None at the end."""

    def __iter__(self) -> Iterator[bytes]:
        """The chunks."""
        read = 0
        try:
            for chunk in self._chunks:
                # Counted before the server gets the chunk: it may not come back for the next.
                self._read = read = read + len(chunk)
                yield chunk
        except GeneratorExit:
            raise
        except BaseException:
            # The application has failed, and the client is still there.
            self._read = None
            raise
        self._read = None

    def close(self) -> None:
        """The server is done with the body."""
        self._on_close(self._read)
