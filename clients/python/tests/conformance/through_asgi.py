"""Drives the ASGI middleware with the requests of a case."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from urllib.parse import unquote

from lockwatch import LockWatchMiddleware

from .cases import app_of
from .outcome import Outcome


def run(options: dict[str, Any], case: dict[str, Any], before: Any, after: Any) -> None:
    """Runs a case's steps: `before` each, and `after` it with what came of it; `after` all with None."""
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

    async def discard(_message: Any) -> None:
        pass

    for step in case["steps"]:
        before(step)
        await asyncio.sleep(step.get("after_ms", 0) / 1000)
        outcome = Outcome()
        scope = _scope(step["request"])
        try:
            await middleware(scope, receive, outcome.take)
        except Exception as error:  # noqa: BLE001  # looked at by the test
            outcome.error = error
        outcome.of_state(scope.get("state", {}).get("lockwatch"))
        outcome.at = time.monotonic()
        after(step, outcome)
    # Shutting down, the middleware records what is left.
    await middleware({"type": "lifespan"}, receive, discard)
    after(None, outcome)


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
