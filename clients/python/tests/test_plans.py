"""Limits of people who have signed in: by their claims, with free and pro plans."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from fastapi import Depends, FastAPI, Request
from fastapi.testclient import TestClient
from flask import Flask, g

from lockwatch import AsyncLockWatch, ConfigurationError, LockWatch, LockWatchMiddleware, LockWatchWSGIMiddleware
from lockwatch import fastapi as for_fastapi
from lockwatch import flask as for_flask
from lockwatch.testing import AsyncStub, RedisServer, Stub
from support.both import LONG_TIMEOUTS

FREE, PRO = "2/hour", "4/hour"


def fastapi_client(url: str) -> Any:
    lw = AsyncLockWatch(url, **LONG_TIMEOUTS)
    app = FastAPI()
    app.add_middleware(LockWatchMiddleware, redis=lw)
    signed_in = Depends(for_fastapi.jwt_required(lw, "auth"))

    def limits(request: Request) -> str | None:
        plan = request.state.claims.all["plan"]
        return None if plan == "staff" else PRO if plan == "pro" else FREE

    async def cost(request: Request) -> int:
        return 2 if "bulk" in request.query_params else 1

    per_person = Depends(for_fastapi.limit(lw, limits, key=lambda request: request.state.claims.sub, cost=cost))

    @app.get("/orders", dependencies=[signed_in, per_person])
    async def orders() -> str:
        return "orders"

    return TestClient(app, client=("203.0.113.9", 1))


def flask_client(url: str) -> Any:
    from flask import request  # noqa: PLC0415

    lw = LockWatch(url, **LONG_TIMEOUTS)
    app = Flask(__name__)
    app.wsgi_app = LockWatchWSGIMiddleware(app.wsgi_app, redis=lw)  # type: ignore[method-assign]

    def limits() -> str | None:
        plan = g.claims.all["plan"]
        return None if plan == "staff" else PRO if plan == "pro" else FREE

    @app.get("/orders")
    @for_flask.jwt_required(lw, "auth")
    @for_flask.limit(lw, limits, key=lambda: g.claims.sub, cost=lambda: 2 if "bulk" in request.args else 1)
    def orders() -> str:
        return "orders"

    return app.test_client()


@pytest.mark.parametrize("make", [fastapi_client, flask_client])
def test_plans_after_the_claims(shared_redis: RedisServer, make: Any) -> None:
    http = make(shared_redis.url)
    statuses = {}
    with LockWatch(shared_redis.url, **LONG_TIMEOUTS) as lw:
        for plan in ("free", "pro", "staff"):
            subject = f"{make.__name__} {plan}"
            token = lw.issue("auth", subject, claims={"plan": plan}).access_token
            headers = {"Authorization": f"Bearer {token}"}
            statuses[plan] = [http.get("/orders", headers=headers).status_code for _ in range(5)]
            lw.reset(key=subject)
            statuses[f"{plan}, bulk"] = [http.get("/orders?bulk", headers=headers).status_code for _ in range(3)]
    assert statuses == {
        "free": [200, 200, 429, 429, 429],
        "pro": [200, 200, 200, 200, 429],
        "staff": [200] * 5,
        "free, bulk": [200, 429, 429],
        "pro, bulk": [200, 200, 429],
        "staff, bulk": [200, 200, 200],
    }
    assert http.get("/orders").status_code == 401


def test_keys_that_are_no_texts() -> None:
    identity = uuid.UUID("12345678-1234-5678-1234-567812345678")
    stub = Stub()
    app = Flask(__name__)
    keys: list[Any] = [identity, 42, 0]

    @app.get("/")
    @for_flask.limit(LockWatch(stub), "5/minute", name="own", key=lambda: keys.pop(0))
    def view() -> str:
        return "reached"

    for _ in range(3):
        assert app.test_client().get("/").status_code == 200
    assert [call[1] for call in stub.called("LW.RATELIMIT")] == [
        f"lw:{{key:{identity}}}:limit:own",
        "lw:{key:42}:limit:own",
        "lw:{key:0}:limit:own",
    ]


@pytest.mark.parametrize("bad", ["soon", 5, [], [("a", 1)], object()])
def test_functions_that_return_no_limits_are_named(bad: Any) -> None:
    app = FastAPI()
    limit = for_fastapi.limit(AsyncLockWatch(AsyncStub()), lambda _request: bad)
    app.get("/", dependencies=[Depends(limit)])(lambda: "reached")
    with pytest.raises(ConfigurationError, match="the function that is given as limits returned"):
        TestClient(app, client=("127.0.0.1", 1)).get("/")


@pytest.mark.parametrize("bad", [0, -1, 1 << 32, True, "1", 1.5, None])
def test_functions_that_return_no_cost_are_named(bad: Any) -> None:
    app = FastAPI()
    limit = for_fastapi.limit(AsyncLockWatch(AsyncStub()), "5/minute", cost=lambda _request: bad)
    app.get("/", dependencies=[Depends(limit)])(lambda: "reached")
    with pytest.raises(ConfigurationError, match="the function that is given as cost returned"):
        TestClient(app, client=("127.0.0.1", 1)).get("/")


@pytest.mark.parametrize("option", ["limits", "cost"])
def test_a_long_text_of_a_client_is_cut_in_the_error(option: str) -> None:
    app = FastAPI()
    options: Any = {"limits": "5/minute", option: lambda request: request.headers["x-plan"]}
    limits = options.pop("limits")
    limit = for_fastapi.limit(AsyncLockWatch(AsyncStub()), limits, **options)
    app.get("/", dependencies=[Depends(limit)])(lambda: "reached")
    with pytest.raises(ConfigurationError, match=f"the function that is given as {option} returned") as refused:
        TestClient(app, client=("127.0.0.1", 1)).get("/", headers={"x-plan": "x" * 10_000})
    assert 64 < len(str(refused.value)) < 400


@pytest.mark.parametrize("middleware", [LockWatchMiddleware, LockWatchWSGIMiddleware])
def test_two_functions_for_limits_are_an_error(middleware: Any) -> None:
    stub = AsyncStub() if middleware is LockWatchMiddleware else Stub()

    def plan(_request: Any) -> str:
        return "5/minute"

    with pytest.raises(ConfigurationError, match="plan_func"):
        middleware(lambda *_: None, redis=stub, limits=plan, plan_func=plan)
    expected = r"limits of routes.*expected limits like.*a function goes into limit\(lw, function\) on the route"
    with pytest.raises(ConfigurationError, match=expected):
        middleware(lambda *_: None, redis=stub, routes={"/items": plan})
    with pytest.raises(ConfigurationError, match=expected):
        middleware(lambda *_: None, redis=stub, routes={"/items": {"limits": plan}})
