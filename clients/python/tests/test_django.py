"""The middleware and the settings for Django, besides what all frameworks share."""

from __future__ import annotations

import asyncio
import socket
from functools import partial
from typing import Any

import pytest
import redis
from asgiref.sync import iscoroutinefunction
from django.http import HttpResponse
from django.test import RequestFactory, override_settings

from lockwatch import ADDRESS, ConfigurationError, Event, LockWatch
from lockwatch.django import LockWatchMiddleware, client, get_asgi_application, limit
from lockwatch.testing import AsyncStub, RedisServer, Stub
from support.audit import events
from support.both import LONG_TIMEOUTS
from support.django_requests import ADMITTED, DENIED, answer, answer_async, asgi_request, get, get_async, keys, settings
from support.waiting import wait_for
from support.web import Web


@limit("9/minute")
def limited(request: Any) -> HttpResponse:
    return HttpResponse("hello")


def test_the_middleware_and_a_limit_share_the_state() -> None:
    stub = Stub()
    stub.answer("LW.RATELIMIT", ADMITTED, DENIED)
    told: list[Event] = []
    with override_settings(
        LOCKWATCH={"redis": LockWatch(stub, on_event=told.append), "burst_threshold": None, "limits": "99/minute"}
    ):
        middleware: Any = LockWatchMiddleware(limited)
        request = RequestFactory().get("/items", REMOTE_ADDR="203.0.113.9")
        denied = middleware(request)
        middleware.close()
    assert denied.status_code == 429
    assert denied["RateLimit"] == '"test_django.limited";r=0;t=60'
    assert request.lockwatch.limited  # type: ignore[attr-defined]  # of lockwatch
    [audit] = stub.called("LW.AUDIT")
    assert "LIMITED" in audit
    assert [(each.outcome, each.policy) for each in told] == [("allowed", "default"), ("denied", "test_django.limited")]


def account(request: Any) -> object:
    """A key function that the settings name by its path."""
    return request.headers.get("X-Account") or ADDRESS


async def account_async(request: Any) -> object:
    await asyncio.sleep(0)
    return account(request)


def refused(request: Any, result: Any) -> HttpResponse:
    response = HttpResponse(f"slow down, {request.headers['X-Account']}", status=420, content_type="text/plain")
    response.set_cookie("slow", "1", httponly=True)
    response.set_cookie("down", "2")
    return response


def test_functions_of_the_settings_get_the_request_of_django() -> None:
    stub = Stub()
    stub.answer("LW.RATELIMIT", DENIED, ADMITTED)
    options = {
        "key_func": "test_django.account",
        "on_denied": "test_django.refused",
        "routes": {
            "/export": {
                "cost": "test_django.cost",
                "limits": "5/minute",
                "key_func": lambda request: request.GET["for"],
            }
        },
    }
    with settings(stub, **options):
        middleware: Any = LockWatchMiddleware(answer)
        denied = get(middleware, **{"X-Account": "alice"})
        assert get(middleware, "/export?for=bob").status_code == 200
    assert stub.called("LW.RATELIMIT") == [
        ("LW.RATELIMIT", "lw:{key:alice}:default", "100", "60"),
        ("LW.RATELIMIT", "lw:{key:bob}:export", "5", "60", "COST", "7"),
    ]
    assert (denied.status_code, denied.content) == (420, b"slow down, alice")
    assert denied["Content-Type"] == "text/plain"
    assert denied.cookies["slow"]["httponly"]
    assert denied.cookies["down"].value == "2"


def cost(request: Any) -> int:
    return 7


def test_functions_of_the_settings_may_be_asynchronous_under_asgi() -> None:
    stub = AsyncStub()
    stub.answer("LW.RATELIMIT", ADMITTED)
    with settings(stub, key_func="test_django.account_async"):
        middleware: Any = LockWatchMiddleware(answer_async)
        assert iscoroutinefunction(middleware)
        assert get_async(middleware, **{"X-Account": "alice"})["X-RateLimit-Remaining"] == "8"
    assert keys(stub) == ["lw:{key:alice}:default"]
    with (
        settings(Stub(), key_func="test_django.account_async"),
        pytest.raises(ConfigurationError, match="asynchronous"),
    ):
        LockWatchMiddleware(answer)


def test_either_kind_of_middleware_takes_requests_of_either_server() -> None:
    path = "/caf%C3%A9/a%20b?secret=1"
    stub = AsyncStub()
    stub.answer("LW.RATELIMIT", ADMITTED)
    with settings(stub, audit=True, burst_threshold=5, trusted_proxies=["203.0.113.9"]):
        asynchronous: Any = LockWatchMiddleware(answer_async)
        request = RequestFactory().get(path, REMOTE_ADDR="203.0.113.9", headers={"X-Forwarded-For": "192.0.2.1"})

        async def ask() -> Any:
            return await asynchronous(request)

        assert asyncio.run(ask()).status_code == 200
    assert keys(stub) == ["lw:{ip:192.0.2.1}:default"]
    [burst] = stub.called("LW.BURST")
    assert burst[burst.index("ENDPOINT") + 1] == "/café/a b"

    sync = Stub()
    sync.answer("LW.RATELIMIT", ADMITTED)
    with settings(sync, burst_threshold=5):
        synchronous: Any = LockWatchMiddleware(answer)
        assert synchronous(asgi_request(path)).status_code == 200
    assert keys(sync) == ["lw:{ip:203.0.113.9}:default"]
    [burst] = sync.called("LW.BURST")
    assert burst[burst.index("ENDPOINT") + 1] == "/café/a b"


def test_settings_that_cannot_work_end_the_start() -> None:
    wrong: list[tuple[Any, str]] = [
        (None, "LOCKWATCH is missing in the settings"),
        ({"limits": "5/minute"}, "redis_url is missing"),
        ({"redis_url": "redis://localhost", "limit": "5/minute"}, "did you mean 'limits'"),
        ({"redis_url": "redis://localhost", "key_func": "test_django.nothing"}, "key_func is 'test_django.nothing'"),
        ({"redis_url": "redis://localhost", "routes": {"/a": {"cost": "nowhere.cost"}}}, r"cost of routes\['/a'\]"),
        ({"redis": AsyncStub()}, "redis is a AsyncStub"),
        ({"redis": LockWatch(Stub()), "on_event": print}, "on_event and a LockWatch are both given"),
        ({"redis": LockWatch(Stub()), "service": "shop"}, "service and a LockWatch are both given"),
    ]
    for given, why in wrong:
        with override_settings(LOCKWATCH=given), pytest.raises(ConfigurationError, match=why):
            LockWatchMiddleware(answer)


def test_all_parts_share_one_client_with_its_counters(shared_redis: RedisServer) -> None:
    with settings(redis_url=shared_redis.url, key_prefix="shared", limits="2/minute", **LONG_TIMEOUTS):
        middleware: Any = LockWatchMiddleware(answer)
        assert [get(middleware).status_code for _ in range(3)] == [200, 200, 429]
        assert client() is client()
        assert client().stats().requests == {"default": {"allowed": 2, "denied": 1}}
        client().close()
    with settings(redis_url=shared_redis.url, key_prefix="shared", **LONG_TIMEOUTS):
        assert client().stats().requests == {}


@pytest.mark.parametrize("framework", ["django", "django-asgi"])
def test_limits_of_views_in_real_servers(framework: str) -> None:
    with RedisServer() as server, Web(framework, redis_url=server.url, **LONG_TIMEOUTS) as web:
        for path in ("/orders", "/orders/async"):
            asked = [web.http.get(path, headers={"X-Account": "alice"}) for _ in range(4)]
            assert [each.status_code for each in asked] == [200] * 3 + [429]
            assert asked[0].headers["x-ratelimit-remaining"] == "2"
            assert web.http.get(path, headers={"X-Account": "bob"}).status_code == 200
            # Without a key the limit does not apply.
            assert [web.http.get(path).status_code for _ in range(5)] == [200] * 5


def limit_exists(url: str) -> bool:
    with redis.Redis.from_url(url) as admin:
        return bool(admin.exists("lw:{ip:127.0.0.1}:wait"))


def test_under_asgi_a_client_that_leaves_is_recorded() -> None:
    with RedisServer() as server, Web("django-asgi", redis_url=server.url, routes={"/wait": "9/minute"}) as web:
        with socket.create_connection(("127.0.0.1", web.port), timeout=10) as connection:
            connection.sendall(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n")
            wait_for("the view", partial(limit_exists, server.url))
        [row] = events(server.url, 1)
        assert (row.endpoint, row.status) == ("/wait", 499)


def test_the_asgi_application_sends_what_waits_when_the_server_stops(shared_redis: RedisServer) -> None:
    sent = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    stub = AsyncStub()
    stub.answer("LW.RATELIMIT", ADMITTED)
    told: list[str] = []

    async def receive() -> Any:
        return next(sent)

    async def send(message: Any) -> None:
        told.append(message["type"])

    async def serve() -> None:
        middleware: Any = LockWatchMiddleware(answer_async)
        await middleware(asgi_request())
        assert not stub.called("LW.AUDIT")
        await get_asgi_application()({"type": "lifespan"}, receive, send)

    with settings(stub, audit=True):
        asyncio.run(serve())
    assert told == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    wait_for("the event", lambda: stub.called("LW.AUDIT"), 1)
