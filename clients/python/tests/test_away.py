"""Redis is away: in the application's own functions, and what the log says."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import redis.exceptions as redis_errors
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient
from flask import Flask
from redis.sentinel import MasterNotFoundError

from lockwatch import AsyncLockWatch, LockWatch, LockWatchMiddleware, LockWatchWSGIMiddleware, UnavailableError
from lockwatch import fastapi as for_fastapi
from lockwatch import flask as for_flask
from lockwatch.failure_log import FailureLog, ServerLog
from lockwatch.testing import AsyncStub, RedisServer, Stub
from lockwatch.testing.server import free_port
from support.audit import recorded
from support.waiting import wait_for

AWAY: list[Exception] = [
    UnavailableError("TIMEOUT", "late"),
    redis_errors.ConnectionError("Error 111 connecting to 127.0.0.1:1. Connection refused."),
    redis_errors.TimeoutError("Timeout reading from socket"),
    redis_errors.BusyLoadingError("Redis is loading the dataset in memory"),
    redis_errors.ReadOnlyError("You can't write against a read only replica."),
    redis_errors.MasterDownError("Link with MASTER is down"),
    redis_errors.ClusterDownError("The cluster is down"),
    redis_errors.NoPermissionError("this user has no permissions"),
    redis_errors.RedisClusterException("Redis Cluster cannot be connected"),
    MasterNotFoundError("No master found for 'main'"),
]
OTHERS: list[Exception] = [
    ValueError("no such tenant"),
    KeyError("tenant"),
    ConnectionRefusedError("another service"),
    TimeoutError("another service"),
    redis_errors.ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value"),
    redis_errors.DataError("Invalid input of type: 'dict'"),
]


def raiser(error: Exception) -> Callable[..., Any]:
    def fail(*_: object) -> Any:
        raise error

    return fail


def async_raiser(error: Exception) -> Callable[..., Awaitable[Any]]:
    async def fail(*_: object) -> Any:
        await asyncio.sleep(0)
        raise error

    return fail


def name(value: object) -> str:
    return type(value).__name__


def flask_status(options: dict[str, Any], route_options: dict[str, Any]) -> tuple[int, Any]:
    stub = Stub()
    app = Flask(__name__)
    app.testing = True

    @app.get("/")
    @for_flask.limit(LockWatch(stub), "9/minute", **route_options)
    def home() -> str:
        return "hello"

    app.wsgi_app = LockWatchWSGIMiddleware(app.wsgi_app, redis=stub, **options)  # type: ignore[method-assign]
    with app.test_client().get("/") as response:
        return response.status_code, stub


def fastapi_status(options: dict[str, Any], route_options: dict[str, Any]) -> tuple[int, Any]:
    stub = AsyncStub()
    app = FastAPI()
    app.add_middleware(LockWatchMiddleware, redis=stub, **options)
    limit = for_fastapi.limit(AsyncLockWatch(stub), "9/minute", **route_options)

    @app.get("/", dependencies=[Depends(limit)])
    async def home() -> str:
        return "hello"

    with TestClient(app) as http:
        return http.get("/").status_code, stub


# How each framework is asked, and how its functions fail.
FRAMEWORKS = {
    "flask": (flask_status, raiser),
    "fastapi": (fastapi_status, raiser),
    "fastapi, asynchronous functions": (fastapi_status, async_raiser),
}


@pytest.mark.parametrize("option", ["key_func", "plan_func", "key"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("error", AWAY, ids=name)
def test_a_function_that_fails_because_redis_is_away_obeys_on_redis_failure(
    error: Exception, framework: str, option: str, caplog: pytest.LogCaptureFixture
) -> None:
    ask, failing = FRAMEWORKS[framework]
    for mode, status in (("allow", 200), ("deny", 503)):
        function: dict[str, Any] = {option: failing(error)}
        options = ({"on_redis_failure": mode}, {**function, "on_redis_failure": mode})
        found, stub = ask(*(options if option == "key" else ({**function, "on_redis_failure": mode}, {})))
        assert found == status
        assert not [call for call in stub.called("LW.RATELIMIT") if ("limit:" in call[1]) == (option == "key")]
        wait_for("the event", partial(stub.called, "LW.AUDIT"))
        done = {"allow": "let through without a limit", "deny": "answered 503"}[mode]
        assert f"requests are {done}: {option} failed because Redis is away: " in caplog.text
    found, _ = ask({**function, "on_redis_failure": "deny", "shadow": True} if option != "key" else {}, {})
    assert found == 200


@pytest.mark.parametrize("option", ["key_func", "plan_func", "key"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("error", OTHERS, ids=name)
def test_any_other_exception_stays_the_applications(error: Exception, framework: str, option: str) -> None:
    ask, failing = FRAMEWORKS[framework]
    function = {option: failing(error)}
    with pytest.raises(type(error)):
        ask(*(({}, function) if option == "key" else (function, {})))


def test_an_error_of_on_denied_is_not_taken_for_a_failure_of_redis() -> None:
    stub = Stub()
    stub.answer("LW.RATELIMIT", [1, 1, 0, 60_000, 60_000])
    error = UnavailableError("TIMEOUT", "the alert was not raised")
    app = LockWatchWSGIMiddleware(lambda *_: [], redis=stub, on_denied=raiser(error))
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "REMOTE_ADDR": "127.0.0.1"}
    with pytest.raises(UnavailableError, match="the alert was not raised"):
        app(environ, lambda *_: print)


@pytest.mark.parametrize("path", ["login", "refresh", "logout", "orders"])
@pytest.mark.parametrize("error", AWAY, ids=name)
def test_tokens_are_answered_503_if_the_application_has_no_redis(error: Exception, path: str) -> None:
    headers = {"Authorization": "Bearer x"}
    store: Any = raiser(error)
    app = Flask(__name__)
    app.testing = True
    lockwatch = LockWatch(Stub())
    app.register_blueprint(for_flask.token_blueprint(lockwatch, store, authenticate=lambda: "alice"))
    guard = for_flask.jwt_required(lockwatch, store)
    app.add_url_rule("/auth/orders", view_func=guard(lambda: "orders"), methods=["POST"])
    response = app.test_client().post(f"/auth/{path}", json={"refresh_token": "lwr_x"}, headers=headers)
    assert response.status_code == 503

    server = FastAPI()
    asynchronous = AsyncLockWatch(AsyncStub())
    server.include_router(for_fastapi.token_router(asynchronous, store, authenticate=async_raiser(error)))

    @server.post("/auth/orders", dependencies=[Depends(for_fastapi.jwt_required(asynchronous, store))])
    async def orders() -> str:
        return "orders"

    with TestClient(server) as http:
        assert http.post(f"/auth/{path}", json={"refresh_token": "lwr_x"}, headers=headers).status_code == 503


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


GONE = UnavailableError("CONNECTION", "no connection to Redis at a:1: refused", "a:1")


def test_all_objects_of_one_server_log_a_failure_once_per_interval(caplog: pytest.LogCaptureFixture) -> None:
    logs = [FailureLog.of(SimpleNamespace(server="shared:1")) for _ in range(10)]
    other = FailureLog.of(SimpleNamespace(server="shared:2"))
    for each in (*logs, *logs, other):
        each.limit_failed("connection", GONE, "allow")
    assert len(caplog.records) == 2


def test_objects_without_a_known_server_share_nothing(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        FailureLog.of(SimpleNamespace(server=None)).log("a", "it is late")
    assert len(caplog.records) == 2


def test_the_end_of_an_outage_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    server = ServerLog("a:1", clock)
    one, two = (FailureLog(10.0, server=server) for _ in range(2))
    one.limit_answered()
    for _ in range(3):
        one.limit_failed("connection", GONE, "allow")
    clock.now += 12.4
    two.limit_failed("connection", GONE, "deny")
    for each in (two, one, two):
        each.limit_answered()
    for count in (1, 4):
        two.events_lost("connection", GONE, count)
    clock.now += 2
    one.events_recorded()
    two.events_recorded()
    counts = "3 requests were let through without a limit and 1 request was answered 503"
    assert [record.message for record in caplog.records] == [
        "requests are let through without a limit: no connection to Redis at a:1: refused",
        "requests are answered 503: no connection to Redis at a:1: refused (2 more since it was last said)",
        f"limits are enforced again at a:1 after 12 s; {counts}",
        "audit events are lost: no connection to Redis at a:1: refused",
        "audit events are recorded again at a:1 after 2.0 s; 5 events were lost",
    ]


def test_a_failure_that_comes_and_goes_does_not_flood_the_log(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    failures = FailureLog(10.0, server=ServerLog("a:1", clock))
    for _ in range(200):
        failures.limit_failed("connection", GONE, "allow")
        failures.limit_answered()
        clock.now += 0.1
    # Twice per interval, for twenty seconds.
    assert len(caplog.records) == 4


def test_a_refused_key_is_not_an_outage(caplog: pytest.LogCaptureFixture) -> None:
    failures = FailureLog(server=ServerLog("a:1"))
    failures.limit_failed("noperm", UnavailableError("NOPERM", "NOPERM (Redis at a:1)", "a:1"), "allow")
    failures.limit_answered()
    assert len(caplog.records) == 1


def test_several_middlewares_and_limits_log_an_outage_and_its_end_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "lockwatch")
    place = f"127.0.0.1:{free_port()}"
    with protected(place) as server:
        url = server.url
        app = Flask(__name__)
        with LockWatch(url, connect_timeout=5, command_timeout=5) as lockwatch:
            app.add_url_rule("/", view_func=for_flask.limit(lockwatch, "99/minute")(lambda: "hello"))
            inner = LockWatchWSGIMiddleware(app.wsgi_app, redis=lockwatch)
            outer = LockWatchWSGIMiddleware(inner, redis_url=url, key_prefix="other", breaker_timeouts=99)
            app.wsgi_app = outer  # type: ignore[method-assign]

            def get() -> int:
                with app.test_client().get("/") as response:
                    return response.status_code

            server.kill()
            assert [get() for _ in range(5)] == [200] * 5
            wait_for("lost events", lambda: "audit events are lost" in caplog.text)
            with protected(place):
                get()
                wait_for("the end", lambda: "limits are enforced again" in caplog.text)
            outer.close()
            inner.close()
    messages = [record.message for record in caplog.records]
    assert len([each for each in messages if "let through without a limit: no connection" in each]) == 1
    [ended] = [each for each in messages if "enforced again" in each]
    assert f"limits are enforced again at {place} after " in ended
    assert ended.endswith("requests were let through without a limit")
    assert all(place in each for each in messages)
    assert "s3cret" not in caplog.text


def protected(place: str) -> RedisServer:
    """A server with a password."""
    return RedisServer("--requirepass", "s3cret", port=int(place.rpartition(":")[2]), url=f"redis://:s3cret@{place}")


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_lost_audit_events_are_counted_until_they_are_recorded_again(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    with RedisServer() as server:
        place = f"127.0.0.1:{server.port}"
        options: dict[str, Any] = {"redis_url": server.url, "connect_timeout": 5, "command_timeout": 5}
        if kind == "wsgi":
            wsgi = Flask(__name__)
            wsgi.wsgi_app = LockWatchWSGIMiddleware(wsgi.wsgi_app, **options)  # type: ignore[method-assign]
            check_events(lambda: wsgi.test_client().get("/").close(), server, caplog)
        else:
            asgi = FastAPI()
            asgi.add_middleware(LockWatchMiddleware, **options)
            with TestClient(asgi) as http:
                check_events(lambda: http.get("/"), server, caplog)
    [ended] = [record.message for record in caplog.records if "recorded again" in record.message]
    assert f"audit events are recorded again at {place} after " in ended
    assert ended.endswith("3 events were lost")


def check_events(get: Callable[[], Any], server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    get()
    wait_for("an event", lambda: recorded(server.url) == 1)
    server.kill()
    for _ in range(3):
        get()
    wait_for("lost events", lambda: "audit events are lost: no connection to Redis" in caplog.text)
    with RedisServer(port=server.port):

        def ended() -> bool:
            get()
            return "recorded again" in caplog.text

        wait_for("the end", ended)
