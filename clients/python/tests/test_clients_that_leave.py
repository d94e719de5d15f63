"""A client that leaves before the response is complete is recorded with the status 499."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

import pytest

from lockwatch import LockWatchMiddleware, LockWatchWSGIMiddleware
from lockwatch.testing import AsyncStub, RedisServer, Stub
from support.audit import events
from support.web import Web

SCOPE: dict[str, Any] = {"type": "http", "method": "GET", "path": "/", "headers": [], "client": ("203.0.113.9", 1)}


def leave(port: int, path: str, *, after: bytes = b"") -> None:
    """Sends a request, and closes the connection once `after` has arrived."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        received = b""
        while after not in received:
            received += connection.recv(1 << 16)


@pytest.mark.parametrize("framework", ["fastapi", "starlette", "flask"])
def test_real_servers_and_sockets(framework: str) -> None:
    with RedisServer() as server, Web(framework, redis_url=server.url, burst_threshold=None) as web:
        web.http.get("/whole")
        if framework != "flask":
            # gunicorn notices only when it writes.
            leave(web.port, "/wait")
        leave(web.port, "/endless", after=b"tick")
        whole = web.http.get("/whole-stream")
        rows = events(server.url, 4 if framework != "flask" else 3)
    assert whole.text == "tick" * 3
    statuses = {row.endpoint: row.status for row in rows}
    expected = {"/whole": 404, "/wait": 499, "/endless": 499, "/whole-stream": 200}
    assert statuses == {path: status for path, status in expected.items() if path in statuses}
    assert len(rows) == len(statuses)


async def served(app: Any, receive: Any, send: Any) -> str:
    stub = AsyncStub()
    middleware = LockWatchMiddleware(app, redis=stub)
    with contextlib.suppress(OSError, RuntimeError, asyncio.CancelledError):
        await middleware({**SCOPE}, receive, send)
    await middleware._audit_queue.flush()  # type: ignore[union-attr]
    [event] = stub.called("LW.AUDIT")
    return event[event.index("STATUS") + 1]


async def respond(send: Any, *, chunks: int = 1) -> None:
    await send({"type": "http.response.start", "status": 200})
    for left in reversed(range(chunks)):
        await send({"type": "http.response.body", "body": b"tick", "more_body": left > 0})


async def connected() -> Any:
    return {"type": "http.request"}


async def disconnected() -> Any:
    return {"type": "http.disconnect"}


async def silent() -> Any:
    await asyncio.Event().wait()


async def discard(_message: Any) -> None:
    pass


def test_the_application_receives_a_disconnect() -> None:
    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        raise RuntimeError("the client has left")

    async def app_that_goes_on(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await respond(send)

    async def app_that_receives_afterwards(_scope: Any, receive: Any, send: Any) -> None:
        await respond(send)
        await receive()

    apps = [(app, "499"), (app_that_goes_on, "499"), (app_that_receives_afterwards, "200")]
    for each, status in apps:
        assert asyncio.run(served(each, disconnected, discard)) == status


def test_sending_fails_or_the_handler_is_cancelled() -> None:
    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await respond(send, chunks=3)

    sent = 0

    async def break_off(_message: Any) -> None:
        nonlocal sent
        sent += 1
        if sent == 3:
            raise OSError("broken pipe")

    async def cancelled(_scope: Any, receive: Any, send: Any) -> None:
        raise asyncio.CancelledError

    async def failed(_scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("a fault of the application")

    assert asyncio.run(served(app, connected, break_off)) == "499"
    assert asyncio.run(served(cancelled, connected, discard)) == "499"
    assert asyncio.run(served(failed, connected, discard)) == "500"


@pytest.mark.parametrize(("receive", "status"), [(connected, "200"), (disconnected, "499"), (silent, "200")])
def test_a_slow_handler_that_does_not_receive(receive: Any, status: str) -> None:
    read: list[Any] = []

    async def app(_scope: Any, own_receive: Any, send: Any) -> None:
        await asyncio.sleep(0.02)
        await respond(send)
        if receive is connected:
            # What the middleware has read of the body is still there.
            read.append(await own_receive())

    assert asyncio.run(served(app, receive, discard)) == status
    assert read == ([{"type": "http.request"}] if receive is connected else [])


@pytest.mark.parametrize(
    ("method", "headers", "chunks", "reads", "status"),
    [
        ("GET", [], [b"a", b"b"], 3, "200"),
        ("GET", [], [b"a", b"b"], 2, "499"),
        ("GET", [("Content-Length", "2")], [b"a", b"b"], 2, "200"),
        ("GET", [("Content-Length", "2")], [b"a", b"b"], 1, "499"),
        ("HEAD", [("Content-Length", "2")], [b"a", b"b"], 0, "200"),
        ("GET", [], [], 1, "200"),
    ],
)
def test_a_wsgi_server_that_closes_the_body(
    method: str, headers: list[tuple[str, str]], chunks: list[bytes], reads: int, status: str
) -> None:
    stub = Stub()

    def app(_environ: Any, start_response: Any) -> Any:
        start_response("200 OK", headers)
        return chunks

    middleware = LockWatchWSGIMiddleware(app, redis=stub)
    environ = {"REQUEST_METHOD": method, "PATH_INFO": "/", "REMOTE_ADDR": "203.0.113.9"}
    body: Any = middleware(environ, lambda *_: print)
    iterator = iter(body)
    for _ in range(reads):
        next(iterator, None)
    body.close()
    middleware.close()
    [event] = stub.called("LW.AUDIT")
    assert event[event.index("STATUS") + 1] == status


def test_a_wsgi_application_that_fails_in_the_body_has_not_lost_its_client() -> None:
    stub = Stub()

    def app(_environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        yield b"a"
        raise RuntimeError("a fault of the application")

    middleware = LockWatchWSGIMiddleware(app, redis=stub)
    body: Any = middleware({"REQUEST_METHOD": "GET", "PATH_INFO": "/", "REMOTE_ADDR": "203.0.113.9"}, lambda *_: print)
    with pytest.raises(RuntimeError):
        list(body)
    body.close()
    middleware.close()
    [event] = stub.called("LW.AUDIT")
    assert event[event.index("STATUS") + 1] == "200"
