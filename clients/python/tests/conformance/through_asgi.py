"""Sends the requests of a case through the ASGI middleware."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import unquote

from fastapi import Depends, FastAPI, Response
from fastapi.responses import PlainTextResponse

from lockwatch import AsyncLockWatch, LockWatchMiddleware, fastapi

from .cases import app_of, client_options, is_handshake, route_limit_of
from .outcome import Outcome


def run(url: str, options: dict[str, Any], case: dict[str, Any], before: Any, after: Any, on_event: Any) -> None:
    """Calls `before` and `after` around each step, and at the end `after` with None."""
    asyncio.run(_run(url, options, case, before, after, on_event))


async def _run(url: str, options: dict[str, Any], case: dict[str, Any], before: Any, after: Any, on_event: Any) -> None:
    outcome = Outcome()
    step: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
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
        await (_answer_handshake if is_handshake(step) else _answer)(answer, headers, receive, send)

    of_client, options = client_options(options)
    client = AsyncLockWatch(url, on_event=on_event, **of_client)
    middleware = LockWatchMiddleware(app, redis=client, **options)
    events = iter(({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}))

    async def receive() -> Any:
        return next(events)

    async def receive_body() -> Any:
        return {"type": "websocket.connect" if is_handshake(step) else "http.request"}

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
        after(step, outcome, client.stats())
    # At shutdown the middleware sends the audit events that are left.
    await middleware({"type": "lifespan"}, receive, discard)
    await client.aclose()
    after(None, outcome, client.stats())


async def _live(receive: Any, send: Any) -> None:
    for event in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{event}.complete"})


async def _answer(answer: dict[str, Any], headers: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": answer["status"], "headers": headers})
    await send({"type": "http.response.body", "body": answer["body"].encode()})


async def _answer_handshake(answer: dict[str, Any], headers: Any, receive: Any, send: Any) -> None:
    assert (await receive())["type"] == "websocket.connect"
    if answer["status"] == 101:
        await send({"type": "websocket.accept", "headers": headers})
        return
    await send({"type": "websocket.http.response.start", "status": answer["status"], "headers": headers})
    await send({"type": "websocket.http.response.body", "body": answer["body"].encode()})


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
    is_websocket = request.get("websocket")
    return {
        **(
            {"type": "websocket", "extensions": {"websocket.http.response": {}}}
            if is_websocket
            else {"type": "http", "method": request["method"]}
        ),
        "path": unquote(raw),
        "raw_path": raw.encode(),
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in request["headers"]],
        "client": None if request["peer"] is None else (request["peer"], 40000),
    }
