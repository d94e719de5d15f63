"""The middleware's guard over stubs: what the shared cases can't express."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import Depends, FastAPI, Request
from fastapi.testclient import TestClient
from flask import Flask, jsonify
from flask import request as flask_request

from lockwatch import (
    AsyncLockWatch,
    BurstResult,
    CommandError,
    GuardResult,
    HttpRequest,
    LockWatch,
    LockWatchMiddleware,
    LockWatchState,
    LockWatchWSGIMiddleware,
    NoRuleError,
    UnavailableError,
)
from lockwatch import fastapi as for_fastapi
from lockwatch import flask as for_flask
from lockwatch.testing import AsyncStub, Stub
from support.waiting import wait_for

KINDS = ["asgi", "wsgi"]
CHALLENGE = [1, 0, b"trickle", 0, 1, 0]
DENIED = [2, 1500, b"probe", 2, 2, 1]
EVENT = ("LW.EVENT", "site", "404", "IP", "127.0.0.1", "VALUE", "/nothing")


class Site:
    """An application behind middlewares, of which the first one is the innermost."""

    def __init__(self, kind: str, *middlewares: dict[str, Any], own_clients: bool = False) -> None:
        self.states: list[LockWatchState] = []
        self.stub: Any
        self.stub = AsyncStub() if kind == "asgi" else Stub()
        middlewares = middlewares or ({"guard": "site"},)
        options = [{"redis": self.stub, "audit": False, "burst_threshold": None, **each} for each in middlewares]
        if not own_clients:
            lw = AsyncLockWatch(self.stub) if kind == "asgi" else LockWatch(self.stub)
            options = [{**each, "redis": lw} for each in options]
        self.http = self._asgi(options) if kind == "asgi" else self._wsgi(options)

    def _asgi(self, middlewares: list[dict[str, Any]]) -> Any:
        app = FastAPI()
        for_fastapi.install(app)
        for options in middlewares:
            app.add_middleware(LockWatchMiddleware, **options)

        @app.get("/")
        async def index(request: Request) -> str:
            self.states.append(request.state.lockwatch)
            return "hello"

        @app.get("/fails")
        async def fails() -> None:
            raise ZeroDivisionError

        limited = for_fastapi.limit(AsyncLockWatch(self.stub), "5/minute")

        @app.get("/limited", dependencies=[Depends(limited)])
        async def limited_route() -> str:
            return "hello"

        return TestClient(app, raise_server_exceptions=False)

    def _wsgi(self, middlewares: list[dict[str, Any]]) -> Any:
        app = Flask(__name__)
        for options in middlewares:
            app.wsgi_app = LockWatchWSGIMiddleware(app.wsgi_app, **options)  # type: ignore[method-assign]

        @app.get("/")
        def index() -> Any:
            self.states.append(flask_request.environ["lockwatch"])
            return jsonify("hello")

        @app.get("/fails")
        def fails() -> Any:
            raise ZeroDivisionError

        @app.get("/limited")
        @for_flask.limit(LockWatch(self.stub), "5/minute")
        def limited_route() -> str:
            return "hello"

        return app.test_client()

    def get(self, path: str) -> Any:
        response = self.http.get(path)
        response.close()
        return response

    def told(self, count: int) -> list[tuple[str, ...]]:
        wait_for("the reports", lambda: len(self.stub.called("LW.EVENT")) >= count)
        events: list[tuple[str, ...]] = self.stub.called("LW.EVENT")
        assert len(events) == count
        return events


@pytest.mark.parametrize("kind", KINDS)
def test_a_handler_finds_what_the_guard_answered(kind: str) -> None:
    site = Site(kind)
    site.stub.answer("LW.CHECK", [0, 0, b"probe", 1, 2, 0])
    assert site.get("/").status_code == 200
    assert site.states[0].guard == GuardResult("allow", 0, "probe", 1, "deny", alerted=False)
    assert not site.states[0].blocked


@pytest.mark.parametrize("kind", KINDS)
def test_a_handler_finds_its_burst_beside_a_guard(kind: str) -> None:
    site = Site(kind, {"guard": "site", "burst_threshold": 5})
    site.stub.answer("LW.BURST", [1, 7, 0])
    assert site.get("/").status_code == 200
    assert site.states[0].burst == BurstResult(burst=True, count=7, alerted=False)


@pytest.mark.parametrize("kind", KINDS)
def test_a_503_of_the_middleware_is_not_reported(kind: str) -> None:
    site = Site(kind, {"guard": "site", "on_redis_failure": "deny"})
    site.stub.answer("LW.RATELIMIT", CommandError("WRONGTYPE", "WRONGTYPE a key of another type"))
    assert site.get("/").status_code == 503
    assert site.get("/nothing").status_code == 404
    assert site.told(1) == [EVENT]


@pytest.mark.parametrize("kind", KINDS)
def test_an_application_that_fails_is_reported(kind: str) -> None:
    site = Site(kind)
    assert site.get("/fails").status_code == 500
    assert site.told(1)[0][2] == "500"


@pytest.mark.parametrize("kind", KINDS)
def test_two_middlewares_with_one_guard_ask_and_report_once(kind: str) -> None:
    site = Site(kind, {"guard": "site"}, {"guard": "site", "routes": {"/**": "9/minute"}})
    assert site.get("/nothing").status_code == 404
    assert site.get("/").status_code == 200
    assert site.told(1) == [EVENT]
    assert len(site.stub.called("LW.CHECK")) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_two_middlewares_with_two_guards_ask_and_report_both(kind: str) -> None:
    site = Site(kind, {"guard": "api"}, {"guard": "site", "routes": {"/**": "9/minute"}})
    assert site.get("/nothing").status_code == 404
    assert {words[1] for words in site.told(2)} == {"api", "site"}
    site.stub.answer("LW.CHECK", [0, 0, None, 0, 0, 0], DENIED)
    assert site.get("/nothing").status_code == 429
    assert [words[1] for words in site.stub.called("LW.CHECK")] == ["site", "api", "site", "api"]
    assert len(site.told(2)) == 2, "what the inner guard denied is no failure for the outer one"


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_limit_of_a_route_denies_is_not_reported(kind: str) -> None:
    site = Site(kind)
    site.stub.answer("LW.RATELIMIT", [0, 100, 99, 0, 1000], [1, 5, 0, 1000, 1000])
    assert site.get("/limited").status_code == 429
    assert site.get("/nothing").status_code == 404
    assert site.told(1) == [EVENT]


@pytest.mark.parametrize("kind", KINDS)
def test_a_guard_without_rules_fails_each_request(kind: str) -> None:
    site = Site(kind, {"guard": "site", "on_redis_failure": "allow"})
    site.stub.answer("LW.CHECK", *[NoRuleError("LWNORULE", 'no rules for "site"')] * 2)
    if kind == "wsgi":
        with pytest.raises(NoRuleError):
            site.get("/")
    else:
        assert site.get("/").status_code == 500
    assert site.states == []
    assert site.told(0) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_guard_lets_requests_go_on_while_redis_is_away(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    site = Site(kind)
    site.stub.answer("LW.CHECK", UnavailableError("LOADING", "LOADING Redis is loading the dataset in memory"))
    assert site.get("/").status_code == 200
    site.stub.unavailable()
    assert site.get("/").status_code == 200
    assert site.states[1].guard is None
    assert site.get("/nothing").status_code == 404
    wait_for("the log", lambda: "outcomes are lost to guards" in caplog.text)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_reported_while_redis_is_bypassed(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    site = Site(kind, {"guard": "site", "breaker_timeouts": 1, "breaker_seconds": 60}, own_clients=True)
    site.stub.unavailable("TIMEOUT")
    site.get("/")
    site.stub.available()
    assert site.get("/nothing").status_code == 404
    assert site.told(0) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_challenge_function_gets_the_request_and_the_result(kind: str) -> None:
    seen: list[Any] = []

    def challenge(request: HttpRequest, result: GuardResult) -> bool:
        seen.append((request.path, str(request.address), result.rule))
        return request.header("X-Solved") == "yes"

    site = Site(kind, {"guard": "site", "challenge": challenge})
    site.stub.answer("LW.CHECK", CHALLENGE, CHALLENGE)
    assert site.get("/").status_code == 429
    assert site.http.get("/", headers={"X-Solved": "yes"}).status_code == 200
    assert seen == [("/", "127.0.0.1", "trickle")] * 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_challenge_function_whose_redis_is_away_lets_requests_go_on(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    def challenge(_request: HttpRequest, _result: GuardResult) -> bool:
        raise UnavailableError("TIMEOUT", "the store of challenges is away")

    site = Site(kind, {"guard": "site", "challenge": challenge})
    site.stub.answer("LW.CHECK", CHALLENGE)
    assert site.get("/").status_code == 200
    assert "requests go on unchallenged: challenge failed because Redis is away" in caplog.text


def test_a_challenge_function_of_asgi_may_be_asynchronous() -> None:
    async def challenge(_request: HttpRequest, _result: GuardResult) -> bool:
        await asyncio.sleep(0)
        return False

    site = Site("asgi", {"guard": "site", "challenge": challenge})
    site.stub.answer("LW.CHECK", CHALLENGE)
    assert site.get("/").json() == {"error": "challenge_required", "retry_after": None}


def scope(path: str) -> dict[str, Any]:
    return {"type": "http", "method": "GET", "path": path, "headers": [], "client": ("203.0.113.9", 1)}


def run_asgi(app: Callable[..., Any], messages: list[Any], **options: Any) -> AsyncStub:
    """Serves a request and the shutdown, and returns the stub."""
    stub = AsyncStub()

    async def main() -> None:
        middleware = LockWatchMiddleware(app, redis=stub, guard="site", audit=False, **options)

        async def receive() -> Any:
            return messages.pop(0)

        async def send(_message: Any) -> None: ...

        await middleware(scope("/x"), receive, send)
        await middleware({"type": "lifespan"}, receive, send)

    asyncio.run(main())
    return stub


def test_a_client_that_leaves_is_not_reported_and_a_shutdown_sends_what_waits() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await send({"type": "lifespan.shutdown.complete"})
            return
        await receive()
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    assert run_asgi(app, [{"type": "http.disconnect"}]).called("LW.EVENT") == []
    assert len(run_asgi(app, [{"type": "http.request"}]).called("LW.EVENT")) == 1


def test_a_response_is_reported_once_it_is_closed() -> None:
    stub = Stub()
    app = LockWatchWSGIMiddleware(
        lambda _environ, start: (start("404 Not Found", []), [b"nothing"])[1],
        redis=stub,
        guard="site",
        audit=False,
    )
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/nothing", "REMOTE_ADDR": "127.0.0.1"}
    body: Any = app(environ, lambda *_: lambda _data: None)
    assert list(body) == [b"nothing"]
    assert stub.called("LW.EVENT") == []
    body.close()
    app.close()
    assert stub.called("LW.EVENT") == [EVENT]
