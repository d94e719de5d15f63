"""The contract of the middleware with ASGI servers and applications."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import BackgroundTasks, FastAPI, Request
from fastapi.testclient import TestClient

from lockwatch import AsyncLockWatch, HttpRequest, LockWatchMiddleware, RateLimitResult, Reply, UnavailableError
from lockwatch.testing import AsyncStub, RedisServer
from support.audit import events
from support.waiting import wait_for

SCOPE = {"type": "http", "method": "GET", "path": "/", "headers": [], "client": ("203.0.113.9", 1)}


def drive(middleware: Callable[..., Any], scope: dict[str, Any]) -> list[Any]:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(middleware({**scope}, receive, send))
    return sent


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"a", "more_body": True})
    await send({"type": "http.response.body", "body": b"b"})


def test_other_kinds_of_connections_pass(lockwatch_async_stub: AsyncStub) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "webtransport.accept"})

    middleware = LockWatchMiddleware(app, redis=lockwatch_async_stub)
    assert drive(middleware, {**SCOPE, "type": "webtransport"}) == [{"type": "webtransport.accept"}]
    assert lockwatch_async_stub.calls == []


def test_a_body_is_not_buffered(lockwatch_async_stub: AsyncStub) -> None:
    middleware = LockWatchMiddleware(hello, redis=lockwatch_async_stub, audit=False)
    start, *body = drive(middleware, SCOPE)
    assert dict(start["headers"])[b"x-ratelimit-remaining"] == b"99"
    assert [message["body"] for message in body] == [b"a", b"b"]


def test_key_and_plan_functions_may_be_asynchronous(lockwatch_async_stub: AsyncStub) -> None:
    async def key(request: HttpRequest) -> str | None:
        return request.header("X-Account")

    async def plan(request: HttpRequest) -> str:
        return "7/minute" if request.header("x-plan") == "pro" else "5/minute"

    middleware = LockWatchMiddleware(hello, redis=lockwatch_async_stub, key_func=key, plan_func=plan, audit=False)
    drive(middleware, {**SCOPE, "headers": [(b"x-account", b"42"), (b"x-plan", b"pro")]})
    drive(middleware, {**SCOPE, "headers": [(b"x-account", b"")]})
    drive(middleware, SCOPE)
    assert lockwatch_async_stub.called("LW.RATELIMIT") == [
        ("LW.RATELIMIT", "lw:{key:42}:default", "7", "60"),
        ("LW.RATELIMIT", "lw:{ip:203.0.113.9}:default", "5", "60"),
    ]


@pytest.mark.parametrize(("key", "client"), [(42, "key:42"), (0, "key:0"), ("", None)])
def test_a_key_that_is_a_number(key: Any, client: str | None, lockwatch_async_stub: AsyncStub) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["state"]["lockwatch"].user = key
        await hello(scope, receive, send)

    middleware = LockWatchMiddleware(app, redis=lockwatch_async_stub, key_func=lambda _: key, audit=False)
    drive(middleware, SCOPE)
    [call] = lockwatch_async_stub.called("LW.RATELIMIT")
    assert call[1] == f"lw:{{{client or 'ip:203.0.113.9'}}}:default"


def test_a_reply_of_the_application_to_a_denied_request(lockwatch_async_stub: AsyncStub) -> None:
    def on_denied(request: HttpRequest, result: RateLimitResult) -> Reply:
        return Reply(429, f"{request.path} in {result.retry_after_seconds} s", {"Retry-After": "60"})

    lockwatch_async_stub.answer("LW.RATELIMIT", [1, 100, 0, 12_000, 60_000])
    middleware = LockWatchMiddleware(hello, redis=lockwatch_async_stub, on_denied=on_denied, audit=False)
    start, body = drive(middleware, SCOPE)
    assert body["body"] == b"/ in 12 s"
    assert [value for name, value in start["headers"] if name == b"retry-after"] == [b"60"]


def test_a_response_does_not_wait_for_its_event(lockwatch_async_stub: AsyncStub) -> None:
    """Redis never answers LW.AUDIT."""

    class Slow(AsyncStub):
        async def send(self, calls: Any) -> list[Any]:
            if calls[0].args[0] == "LW.AUDIT":
                await asyncio.Event().wait()
            return await super().send(calls)

    assert len(drive(LockWatchMiddleware(hello, redis=Slow()), SCOPE)) == 3


def test_a_full_queue_drops_events_and_logs_it(
    lockwatch_async_stub: AsyncStub, caplog: pytest.LogCaptureFixture
) -> None:
    middleware = LockWatchMiddleware(hello, redis=lockwatch_async_stub, audit_queue_size=3)

    async def receive() -> Any:
        return {"type": "lifespan.shutdown"}

    async def send(_message: Any) -> None:
        pass

    async def many() -> None:
        for _ in range(5):
            await middleware({**SCOPE}, receive, send)
        await middleware({"type": "lifespan"}, receive, send)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await hello(scope, receive, send)
        else:
            await send({"type": "lifespan.shutdown.complete"})

    middleware._app = app
    asyncio.run(many())
    assert len(lockwatch_async_stub.called("LW.AUDIT")) == 3
    assert "audit events are lost: 3 wait already" in caplog.text


def test_latency_ends_with_the_response_not_with_background_tasks(shared_redis: RedisServer) -> None:
    app = FastAPI()
    app.add_middleware(LockWatchMiddleware, redis_url=shared_redis.url, connect_timeout=5, command_timeout=5)

    async def linger() -> None:
        await asyncio.sleep(0.3)

    @app.get("/background")
    async def background(tasks: BackgroundTasks) -> str:
        tasks.add_task(linger)
        return "done"

    with TestClient(app) as client:
        assert client.get("/background").status_code == 200
    [row] = events(shared_redis.url, 1, endpoint="/background")
    assert row.latency_ms is not None
    assert row.latency_ms < 300


def test_a_test_client_that_runs_each_request_in_a_loop_of_its_own(shared_redis: RedisServer) -> None:
    app = FastAPI()
    lw = AsyncLockWatch(shared_redis.url, connect_timeout=5, command_timeout=5)
    app.add_middleware(LockWatchMiddleware, redis=lw, limits="3/hour", key_prefix="loops")

    @app.get("/")
    async def root(request: Request) -> str:
        return str(request.state.lockwatch.client)

    client = TestClient(app)
    assert [client.get("/").status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    assert client.get("/").headers["x-ratelimit-limit"] == "3"


def test_a_stub_takes_the_place_of_redis(lockwatch_async_stub: AsyncStub) -> None:
    app = FastAPI()
    app.add_middleware(LockWatchMiddleware, redis=lockwatch_async_stub, on_redis_failure="deny")

    @app.get("/")
    async def root() -> str:
        return "hello"

    lockwatch_async_stub.answer("LW.RATELIMIT", [1, 100, 0, 12_000, 60_000], UnavailableError("TIMEOUT", "late"))
    with TestClient(app) as client:
        assert client.get("/").headers["retry-after"] == "12"
        assert client.get("/").status_code == 503
        assert client.get("/").status_code == 200
        wait_for("three events", lambda: len(lockwatch_async_stub.called("LW.AUDIT")) == 3)
    assert [call[0] for call in lockwatch_async_stub.calls[:2]] == ["LW.RATELIMIT", "LW.BURST"]


def test_a_line_break_at_the_end_evades_no_policy(lockwatch_async_stub: AsyncStub) -> None:
    app = FastAPI()
    app.add_middleware(
        LockWatchMiddleware, redis=lockwatch_async_stub, routes={"POST /login": "5/minute"}, exempt=["/health"]
    )

    @app.post("/login")
    @app.post("/health")
    async def handler() -> str:
        return "reached"

    client = TestClient(app)
    for path in ("/login%0A", "/health%0A"):
        assert client.post(path).json() == "reached"
    assert [call[1] for call in lockwatch_async_stub.called("LW.RATELIMIT")] == [
        "lw:{ip:127.0.0.1}:post-login",
        "lw:{ip:127.0.0.1}:default",
    ]


def test_a_root_path_evades_no_policy(lockwatch_async_stub: AsyncStub) -> None:
    app = FastAPI(root_path="/api")
    app.add_middleware(
        LockWatchMiddleware,
        redis=lockwatch_async_stub,
        routes={"POST /login": "5/minute", "POST /api/orders": "6/minute"},
        exempt=["/health", "/api/items"],
    )

    @app.post("/{name}")
    async def handler(name: str) -> str:
        return name

    client = TestClient(app, root_path="")
    names = ["login", "orders", "health", "items"]
    for name in names:
        assert client.post(f"/api/{name}").json() == name
    assert client.post("/login").json() == "login"
    assert client.post("/health").json() == "health"
    assert [call[1] for call in lockwatch_async_stub.called("LW.RATELIMIT")] == [
        "lw:{ip:127.0.0.1}:post-login",
        "lw:{ip:127.0.0.1}:post-api-orders",
        # Routers see /items.
        "lw:{ip:127.0.0.1}:default",
        "lw:{ip:127.0.0.1}:post-login",
    ]


def test_the_mount_point_is_a_part_of_the_path(lockwatch_async_stub: AsyncStub) -> None:
    inner = FastAPI()
    inner.add_middleware(
        LockWatchMiddleware, redis=lockwatch_async_stub, routes={"/v1/a": "5/minute", "/b": "6/minute"}
    )

    @inner.get("/{name}")
    async def handler(name: str) -> str:
        return name

    app = FastAPI()
    app.mount("/v1", inner)
    client = TestClient(app)
    for name in ("a", "b"):
        assert client.get(f"/v1/{name}").json() == name
    assert client.get("/v1").status_code == 404
    assert [call[1] for call in lockwatch_async_stub.called("LW.RATELIMIT")] == [
        "lw:{ip:127.0.0.1}:v1-a",
        "lw:{ip:127.0.0.1}:b",
        "lw:{ip:127.0.0.1}:default",
    ]


def test_a_method_in_lower_case_evades_no_policy(lockwatch_async_stub: AsyncStub) -> None:
    middleware = LockWatchMiddleware(hello, redis=lockwatch_async_stub, routes={"POST /login": "5/minute"})
    drive(middleware, {**SCOPE, "method": "post", "path": "/login"})
    assert [call[2] for call in lockwatch_async_stub.called("LW.RATELIMIT")] == ["5"]
