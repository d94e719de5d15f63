"""Limits on single routes: as a dependency of FastAPI, and as a decorator of Flask."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import redis
from flask import Flask

from lockwatch import (
    AsyncLockWatch,
    ConfigurationError,
    LockWatch,
    LockWatchWSGIMiddleware,
    ModuleMissingError,
    fastapi,
    flask,
)
from lockwatch.testing import AsyncStub, RedisServer, Stub
from lockwatch.testing.server import free_port
from support.audit import events
from support.waiting import wait_for
from support.web import ACCOUNTS, Web


@pytest.mark.parametrize("framework", ACCOUNTS)
def test_a_limit_by_a_key_of_the_application(framework: str) -> None:
    with RedisServer() as server, Web(framework, redis_url=server.url) as web:
        alice = [web.http.post("/transfer", headers={"X-Account": "alice"}) for _ in range(3)]
        bob = web.http.post("/transfer", headers={"X-Account": "bob"})
        nobody = [web.http.post("/transfer").status_code for _ in range(3)]
        orders = [web.http.get(f"/orders/{number}").status_code for number in range(3)]
        raw = web.http.get("/raw")
        with redis.Redis.from_url(server.url, decode_responses=True) as client:
            keys = sorted(client.keys("*:limit:*"))
        rows = events(server.url, 11)
    assert [response.status_code for response in alice] == [200, 200, 429]
    # The headers are those of the last limit.
    assert alice[0].headers["ratelimit-policy"] == '"post-transfer";q=2;w=3600'
    assert alice[0].headers["x-ratelimit-remaining"] == "1"
    assert alice[2].json() == {
        "error": "rate_limit_exceeded",
        "retry_after": int(alice[2].headers["retry-after"]),
    }
    assert bob.status_code == 200
    assert nobody == [200, 200, 429]
    assert orders == [200, 200, 429]
    assert raw.headers["ratelimit-policy"] == '"get-raw";q=9;w=3600'
    assert keys == [
        "lw:{ip:127.0.0.1}:limit:get-raw",
        "lw:{ip:127.0.0.1}:limit:orders",
        "lw:{ip:127.0.0.1}:limit:post-transfer",
        "lw:{key:alice}:limit:post-transfer",
        "lw:{key:bob}:limit:post-transfer",
    ]
    assert [row.limited for row in rows] == [row.status == 429 for row in rows]
    assert sum(row.limited for row in rows) == 3


@pytest.mark.parametrize("framework", ACCOUNTS)
def test_without_the_middleware(framework: str) -> None:
    with RedisServer() as server, Web(framework, bare=True, redis_url=server.url) as web:
        answers = [web.http.get("/orders/1") for _ in range(3)]
    assert [response.status_code for response in answers] == [200, 200, 429]
    assert [response.headers["x-ratelimit-remaining"] for response in answers] == ["1", "0", "0"]
    assert int(answers[2].headers["retry-after"]) > 3000
    # Without `install`, FastAPI puts the body into an envelope.
    body = answers[2].json()
    assert body.get("detail", body)["error"] == "rate_limit_exceeded"


@pytest.mark.parametrize("framework", ACCOUNTS)
def test_redis_away(framework: str) -> None:
    with Web(framework, redis_url=f"redis://127.0.0.1:{free_port()}") as web:
        assert web.http.post("/transfer").status_code == 200
        refused = web.http.get("/orders/1")
        wait_for("the reason", lambda: "no connection to Redis" in web.log)
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "1"
    assert refused.json() == {"error": "service_unavailable", "retry_after": 1}


@pytest.mark.parametrize(
    "options",
    [
        {"cost": 0},
        {"cost": -1},
        {"cost": 1 << 32},
        {"cost": "1"},
        {"key_prefix": "a{b}"},
        {"key_prefix": ""},
        {"key_prefix": "a b"},
        {"name": 'a"b'},
        {"name": ""},
        {"name": "a\r\nb"},
        {"name": "a" * 65},
        {"on_redis_failure": "ignore"},
    ],
)
def test_invalid_options_are_refused_at_once(options: Any) -> None:
    made: list[tuple[Any, Any]] = [
        (flask.limit, LockWatch(Stub())),
        (fastapi.limit, AsyncLockWatch(AsyncStub())),
    ]
    for make, lockwatch in made:
        with pytest.raises(ConfigurationError):
            make(lockwatch, "5/minute", **options)


MISSHAPEN: list[Any] = [b"OK", None, [0, 100, 99], [0, 100, 99, 0, b"soon"], 7, [0, 100, 99, 0, 1, 2], {}]


@pytest.mark.parametrize("reply", MISSHAPEN)
@pytest.mark.parametrize(("mode", "status"), [("allow", 200), ("deny", 503)])
def test_a_reply_of_another_shape_is_a_failure_of_redis(reply: Any, mode: Any, status: int) -> None:
    # For the middleware and for a route limit.
    for own in (False, True):
        stub = Stub()
        app = Flask(__name__)
        app.testing = True
        middle: Any = "allow" if own else mode
        app.wsgi_app = LockWatchWSGIMiddleware(  # type: ignore[method-assign]
            app.wsgi_app, redis=stub, on_redis_failure=middle, audit=False
        )

        @app.get("/")
        @flask.limit(LockWatch(stub), "5/minute", on_redis_failure=mode if own else "allow")
        def index() -> str:
            return "reached"

        stub.answer("LW.RATELIMIT", reply, reply)
        stub.answer("LW.BURST", reply)
        assert app.test_client().get("/").status_code == status


def test_a_reply_of_another_shape_to_the_client() -> None:
    stub = Stub()
    lockwatch = LockWatch(stub)
    for reply in MISSHAPEN:
        stub.answer("LW.RATELIMIT", reply)
        # A reply of five values would be tokens.
        stub.answer("LW.ISSUE", reply if reply is None or len(str(reply)) < 10 else [reply])
        for call in (partial(lockwatch.ratelimit, "a", 1, 60), partial(lockwatch.issue, "auth", "alice")):
            with pytest.raises(ModuleMissingError):
                call()
