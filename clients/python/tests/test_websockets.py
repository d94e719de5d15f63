"""The handshake of a WebSocket is a request, and its messages have a limit of their own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import Depends, FastAPI, HTTPException, WebSocket
from fastapi.testclient import TestClient
from starlette.testclient import WebSocketDenialResponse
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from lockwatch import AsyncLockWatch, LockWatchMiddleware, LockWatchWSGIMiddleware
from lockwatch import fastapi as for_fastapi
from lockwatch.testing import AsyncStub, RedisServer, Stub
from support.audit import events
from support.waiting import wait_for
from support.web import Web

DENIED = [1, 5, 0, 12_000, 60_000]
SCOPE = {"type": "websocket", "path": "/live", "headers": [], "client": ("203.0.113.9", 1)}


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


def live(web: Web) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{web.port}/live")


def test_handshakes_and_messages_at_a_real_server(server: RedisServer) -> None:
    options: dict[str, Any] = {"connect_timeout": 5, "command_timeout": 5}
    with Web("fastapi", redis_url=server.url, routes={"GET /live": "2/hour"}, **options) as web:
        with live(web) as first:
            assert first.response is not None
            assert first.response.headers["RateLimit"].startswith('"get-live";r=1;t=')
            # The event is there although the connection is open.
            [event] = events(server.url, 1)
            assert (event.method, event.endpoint, event.status) == ("GET", "/live", 101)
            said = []
            for _ in range(5):
                first.send("hello")
                said.append(first.recv(10))
            assert said == ["hello"] * 3 + ["too many"] * 2
        with live(web) as second:
            second.send("hello")
            assert second.recv(10) == "hello", "each connection has a limit of its own"
        with pytest.raises(InvalidStatus) as refused, live(web):
            pass
        response = refused.value.response
        assert response.status_code == 429
        assert 3590 < int(response.headers["Retry-After"]) <= 3600
        assert response.headers["Content-Type"] == "application/json"
        assert response.body is not None
        assert response.body.startswith(b'{"error":"rate_limit_exceeded","retry_after":')
        found = events(server.url, 3)
    assert [(event.status, event.limited) for event in found] == [(101, False), (101, False), (429, True)]


async def recorded(stub: AsyncStub) -> None:
    """Waits for the audit event, which a task sends."""
    deadline = time.monotonic() + 10
    while not stub.called("LW.AUDIT"):
        assert time.monotonic() < deadline, "there is no audit event"
        await asyncio.sleep(0.01)


def drive(stub: AsyncStub, app: Any, *incoming: str) -> list[Any]:
    """The messages that the middleware sends."""
    middleware = LockWatchMiddleware(app, redis=stub)
    sent: list[Any] = []
    kinds = iter(incoming)

    async def receive() -> Any:
        return {"type": f"websocket.{next(kinds)}"}

    async def send(message: Any) -> None:
        sent.append(message)

    async def run() -> None:
        try:
            await middleware({**SCOPE}, receive, send)
        finally:
            await recorded(stub)

    asyncio.run(run())
    return sent


def statuses(stub: AsyncStub) -> list[str]:
    """Those of the audit events."""
    return [call[call.index("STATUS") + 1] for call in stub.called("LW.AUDIT")]


async def never(_scope: Any, _receive: Any, _send: Any) -> None:
    raise AssertionError("a denied handshake reached the application")


def test_a_server_that_can_only_close_is_told_to(lockwatch_async_stub: AsyncStub) -> None:
    lockwatch_async_stub.answer("LW.RATELIMIT", DENIED)
    assert drive(lockwatch_async_stub, never, "connect") == [{"type": "websocket.close", "code": 1008}]
    assert statuses(lockwatch_async_stub) == ["403"]


def test_a_client_that_leaves_before_it_is_denied(lockwatch_async_stub: AsyncStub) -> None:
    lockwatch_async_stub.answer("LW.RATELIMIT", DENIED)
    assert drive(lockwatch_async_stub, never, "disconnect") == []
    assert statuses(lockwatch_async_stub) == ["499"]


async def accepts(_scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept", "headers": [(b"x-ratelimit-limit", b"own")]})
    await receive()


async def closes(_scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.close"})


async def leaves(_scope: Any, receive: Any, _send: Any) -> None:
    await receive()
    await receive()


@pytest.mark.parametrize(("app", "status"), [(accepts, "101"), (closes, "403"), (leaves, "499")])
def test_the_status_of_a_handshake(app: Any, status: str, lockwatch_async_stub: AsyncStub) -> None:
    sent = drive(lockwatch_async_stub, app, "connect", "disconnect")
    assert statuses(lockwatch_async_stub) == [status]
    if app is accepts:
        assert dict(sent[0]["headers"])[b"x-ratelimit-limit"] == b"own"
        assert dict(sent[0]["headers"])[b"x-ratelimit-remaining"] == b"99"


def test_an_application_that_fails_before_it_accepts(lockwatch_async_stub: AsyncStub) -> None:
    async def fails(_scope: Any, _receive: Any, _send: Any) -> None:
        raise ValueError("broken on purpose")

    with pytest.raises(ValueError, match="broken on purpose"):
        drive(lockwatch_async_stub, fails)
    assert statuses(lockwatch_async_stub) == ["500"]


@pytest.mark.parametrize("has_middleware", [True, False])
def test_a_limit_on_the_route_of_a_websocket(has_middleware: bool) -> None:
    stub = AsyncStub()
    lockwatch = AsyncLockWatch(stub)
    app = FastAPI()

    @app.websocket("/live/{room}", dependencies=[Depends(for_fastapi.limit(lockwatch, "5/minute"))])
    async def room(websocket: WebSocket, room: str) -> None:
        await websocket.accept()
        await websocket.send_text(room)
        await websocket.close()

    if has_middleware:
        app.add_middleware(LockWatchMiddleware, redis=lockwatch)
    else:
        for_fastapi.install(app)
    with TestClient(app) as http:
        with http.websocket_connect("/live/a") as websocket:
            assert websocket.receive_text() == "a"
        stub.answer("LW.RATELIMIT", *([[0, 100, 98, 0, 60_000]] if has_middleware else []), DENIED)
        with pytest.raises(WebSocketDenialResponse) as refused, http.websocket_connect("/live/b"):
            pass
    assert refused.value.status_code == 429
    assert refused.value.headers["retry-after"] == "12"
    assert refused.value.headers["ratelimit"] == '"live-.room";r=0;t=60'
    assert refused.value.content == b'{"error":"rate_limit_exceeded","retry_after":12}'
    assert {call[1] for call in stub.called("LW.RATELIMIT")} - {"lw:{ip:127.0.0.1}:default"} == {
        "lw:{ip:127.0.0.1}:limit:live-.room"
    }


def test_a_handler_that_refuses_the_handshake() -> None:
    stub = AsyncStub()
    app = FastAPI()
    app.add_middleware(LockWatchMiddleware, redis=stub)

    @app.websocket("/live")
    async def refuse(websocket: WebSocket) -> None:
        raise HTTPException(401, "who are you")

    with TestClient(app) as http:
        with pytest.raises(WebSocketDenialResponse) as refused, http.websocket_connect("/live"):
            pass
        assert refused.value.status_code == 401
        assert refused.value.headers["x-ratelimit-limit"] == "100"
    assert statuses(stub) == ["401"]


@pytest.mark.parametrize(
    ("error", "changed", "status"),
    [
        (StopIteration(), {}, "101"),
        (ConnectionError(), {"HTTP_UPGRADE": "WebSocket"}, "101"),
        (ValueError(), {}, "500"),
        (ConnectionError(), {"HTTP_UPGRADE": None}, "500"),
        (ConnectionError(), {"REQUEST_METHOD": "POST"}, "500"),
        (ConnectionError(), {"HTTP_SEC_WEBSOCKET_KEY": None}, "500"),
        (None, {}, "101"),
    ],
)
def test_a_websocket_that_takes_the_connection_over_under_wsgi(
    error: Exception | None, changed: dict[str, str | None], status: str
) -> None:
    stub = Stub()

    def app(_environ: Any, _start_response: Any) -> Any:
        if error is not None:
            raise error
        return []

    middleware = LockWatchWSGIMiddleware(app, redis=stub)
    handshake = {"HTTP_UPGRADE": "websocket", "HTTP_SEC_WEBSOCKET_KEY": "dGhlIHNhbXBsZSBub25jZQ=="}
    request = {"REQUEST_METHOD": "GET", "PATH_INFO": "/live", "REMOTE_ADDR": "203.0.113.9", **handshake, **changed}
    environ = {name: value for name, value in request.items() if value is not None}
    raised: type[BaseException] | None = None
    try:
        body: Any = middleware(environ, lambda *_: print)
        assert list(body) == []
        body.close()
    except (StopIteration, ConnectionError, ValueError) as found:
        raised = type(found)
    assert raised is (None if error is None else type(error))
    wait_for("the event", lambda: stub.called("LW.AUDIT"))
    [event] = stub.called("LW.AUDIT")
    assert event[event.index("STATUS") + 1] == status
    middleware.close()
