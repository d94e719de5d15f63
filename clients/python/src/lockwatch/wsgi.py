"""The middleware for WSGI: Flask, Django, and any other application."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

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
from .http.request import HttpRequest
from .http.response import HttpResponse
from .http.site_guard import SiteGuard
from .http.state import LockWatchState
from .outcome_queue import OutcomeQueue
from .wsgi_response import App, Environ, Response, StartResponse

if TYPE_CHECKING:
    from typing_extensions import Unpack


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
            guard = SiteGuard(settings.guard, settings.challenge, failures, self._outcomes, settings.error_bodies)
        self._limiter = RateLimiter(settings, failures, self._lockwatch, self._corrections, guard)
        self._audit_queue = (
            AuditQueue(self._lockwatch.audit_connection, settings.audit_queue_size, failures, self._lockwatch.counters)
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
        # The state of a middleware in front of this one.
        outer: LockWatchState | None = environ.get("lockwatch")
        if self._settings.exempt_clients.any and (exempt := self._limiter.exempt(request, policy, outer)) is not None:
            environ["lockwatch"] = exempt
            return self._app(environ, start_response)
        state, reply = run(self._limiter.admit(request, policy, self._lockwatch.link.send, outer))
        environ["lockwatch"] = state
        is_outer, state.recorded = not state.recorded, True

        def end(status: int, headers: list[tuple[str, str]]) -> None:
            if state.pending and is_outer:
                finish(state.pending, HttpResponse(status, headers))
            if reply is None:
                self._limiter.finish(request, state, status)
            if is_outer:
                self._record(request, state, status, started)

        has_body, is_handshake = request.method != "HEAD", _is_handshake(environ)
        response = Response(start_response, state, end, has_body=has_body, is_handshake=is_handshake)
        if reply is not None:
            return response.send_reply(reply)
        records = self._audit_queue is not None and is_outer
        try:
            body = self._app(environ, response.start)
            # If nobody wants to know of its end, the server gets the application's own body.
            if response.is_started and not (records or state.guards or state.pending):
                return body
            return response.wrap(body, environ)
        except BaseException as error:
            response.fail(error)
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


def _is_handshake(environ: Environ) -> bool:
    """Whether a client asks for a WebSocket, as its protocol says it."""
    return (
        environ.get("HTTP_UPGRADE", "").lower() == "websocket"
        and environ["REQUEST_METHOD"] == "GET"
        and "HTTP_SEC_WEBSOCKET_KEY" in environ
    )


def _routed_path(environ: Environ) -> str:
    path: str = environ.get("PATH_INFO", "")
    # As routers do: a server may have cut off the slash together with the script's name.
    return _decode(path if path.startswith("/") else f"/{path}")


def _decode(path: str) -> str:
    # WSGI passes bytes as Latin-1.
    return path if path.isascii() else path.encode("latin-1").decode("utf-8", "replace")
