"""Sends the requests of a case through the WSGI middleware."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import unquote_to_bytes

from flask import Flask, Response

from lockwatch import LockWatch, LockWatchWSGIMiddleware, flask

from .cases import app_of, client_options, route_limit_of
from .outcome import Outcome


def run(url: str, options: dict[str, Any], case: dict[str, Any], before: Any, after: Any, on_event: Any) -> None:
    """Calls `before` and `after` around each step, and at the end `after` with None."""
    outcome = Outcome()
    step: dict[str, Any] = {}

    def app(environ: Any, start_response: Any) -> Any:
        if "route_limit" in step:
            return _with_route_limit(step, outcome, middleware)(environ, start_response)
        outcome.app_called = True
        answer = app_of(step)
        if "user" in answer:
            environ["lockwatch"].user = answer["user"]
        start_response(f"{answer['status']} Whatever", [(name, value) for name, value in answer["headers"]])
        return [answer["body"].encode()]

    of_client, options = client_options(options)
    client = LockWatch(url, on_event=on_event, **of_client)
    middleware = LockWatchWSGIMiddleware(app, redis=client, **options)
    for step in case["steps"]:
        before(step)
        # How long the breaker stays open is what these cases test, so the time has to pass.
        time.sleep(step.get("after_ms", 0) / 1000)
        outcome = Outcome()
        environ = _environ(step["request"])

        try:
            body: Any = middleware(environ, outcome.start_response)
            outcome.body = b"".join(body)
            if hasattr(body, "close"):
                body.close()
        except Exception as error:  # noqa: BLE001  # checked by the test
            outcome.error = error
        outcome.of_state(environ.get("lockwatch"))
        after(step, outcome, client.stats())
    middleware.close()
    client.close()
    after(None, outcome, client.stats())


def _with_route_limit(step: dict[str, Any], outcome: Outcome, middleware: LockWatchWSGIMiddleware) -> Flask:
    limits, options = route_limit_of(step)
    answer = app_of(step)
    app = Flask(__name__)

    @app.get("/<path:path>")
    @flask.limit(middleware._lockwatch, limits, **options)
    def handler(path: str) -> Response:
        outcome.app_called = True
        return Response(answer["body"], answer["status"], answer["headers"])

    return app


def _environ(request: dict[str, Any]) -> dict[str, Any]:
    raw, _, query = request["path"].partition("?")
    environ = {
        "REQUEST_METHOD": request["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(raw).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
        "REMOTE_ADDR": request["peer"] or "",
    }
    for name, value in request["headers"]:
        variable = "HTTP_" + name.upper().replace("-", "_")
        # Servers decode each byte to one character.
        text = value.encode().decode("latin-1")
        environ[variable] = f"{environ[variable]},{text}" if variable in environ else text
    return environ
