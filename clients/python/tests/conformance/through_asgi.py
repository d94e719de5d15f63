"""Sends the requests of a case through the ASGI middleware."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from urllib.parse import unquote

from fastapi import Depends, FastAPI, Response
from fastapi.responses import PlainTextResponse

from lockwatch import LockWatchMiddleware, fastapi

from .cases import app_of, route_limit_of
from .outcome import Outcome


def run(options: dict[str, Any], case: dict[str, Any], before: Any, after: Any) -> None:
    """Calls `before` and `after` around each step, and at the end `after` with None."""
    asyncio.run(_run(options, case, before, after))


async def _run(options: dict[str, Any], case: dict[str, Any], before: Any, after: Any) -> None:
    outcome = Outcome()
    step: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        if "route_limit" in step:
            await _with_route_limit(step, outcome, middleware)(scope, receive, send)
            return
        outcome.app_called = True
        outcome.failure = scope["state"]["lockwatch"].failure if "lockwatch" in scope.get("state", {}) else None
        answer = app_of(step)
        if "user" in answer:
            scope["state"]["lockwatch"].user = answer["user"]
        headers = [(name.lower().encode(), value.encode()) for name, value in answer["headers"]]
        await send({"type": "http.response.start", "status": answer["status"], "headers": headers})
        await send({"type": "http.response.body", "body": answer["body"].encode()})

    middleware = LockWatchMiddleware(app, **options)
    events = iter(({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}))

    async def receive() -> Any:
        return next(events)

    async def receive_body() -> Any:
        return {"type": "http.request"}

    async def discard(_message: Any) -> None:
        pass

    for step in case["steps"]:
        before(step)
        # How long the breaker stays open is what these cases test, so the time has to pass.
        await asyncio.sleep(step.get("after_ms", 0) / 1000)
        outcome = Outcome()
        scope = _scope(step["request"])
        try:
            await middleware(scope, receive_body, outcome.take)
        except Exception as error:  # noqa: BLE001  # checked by the test
            outcome.error = error
        outcome.of_state(scope.get("state", {}).get("lockwatch"))
        outcome.at = time.monotonic()
        after(step, outcome)
    # At shutdown the middleware sends the audit events that are left.
    await middleware({"type": "lifespan"}, receive, discard)
    after(None, outcome)


def _with_route_limit(step: dict[str, Any], outcome: Outcome, middleware: LockWatchMiddleware) -> FastAPI:
    limits, options = route_limit_of(step)
    answer = app_of(step)
    app = FastAPI()
    fastapi.install(app)

    dependencies = [Depends(fastapi.limit(middleware._lockwatch, limits, **options))]

    @app.get(
        "/{path:path}",
        dependencies=dependencies,
        status_code=answer["status"],
        response_class=PlainTextResponse,
    )
    async def handler(response: Response) -> Any:
        # FastAPI adds the headers of dependencies only to responses that it makes itself.
        outcome.app_called = True
        response.headers.update(dict(answer["headers"]))
        return answer["body"]

    return app


def _scope(request: dict[str, Any]) -> dict[str, Any]:
    raw, _, query = request["path"].partition("?")
    return {
        "type": "http",
        "method": request["method"],
        "path": unquote(raw),
        "raw_path": raw.encode(),
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in request["headers"]],
        "client": None if request["peer"] is None else (request["peer"], 40000),
    }
