"""The middleware, the decorator and the settings for Django, besides what all frameworks share."""

from __future__ import annotations

import asyncio
import inspect
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from typing import Any
from urllib.parse import unquote

import pytest
import redis
from asgiref.sync import iscoroutinefunction
from django.core.exceptions import PermissionDenied
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, HttpResponse, JsonResponse
from django.test import AsyncRequestFactory, RequestFactory, override_settings
from django.utils.decorators import method_decorator
from django.views import View
from rest_framework.response import Response
from rest_framework.views import APIView

from lockwatch import ADDRESS, AsyncLockWatch, ConfigurationError, Event, LockWatch
from lockwatch.django import LockWatchMiddleware, client, get_asgi_application, limit
from lockwatch.testing import AsyncStub, RedisServer, Stub
from support.audit import events
from support.both import LONG_TIMEOUTS
from support.waiting import wait_for
from support.web import Web

ADMITTED = [0, 9, 8, 0, 60_000]
DENIED = [1, 9, 0, 12_000, 60_000]


@contextmanager
def settings(stub: Any = None, **options: Any) -> Iterator[None]:
    given = {"redis_url": "redis://localhost"} if stub is None else {"redis": stub}
    with override_settings(LOCKWATCH={**given, "burst_threshold": None, "audit": False, **options}):
        yield


def answer(request: Any) -> HttpResponse:
    return HttpResponse("hello")


async def answer_async(request: Any) -> HttpResponse:
    return HttpResponse("hello")


def get(view: Callable[..., Any], path: str = "/items", **headers: str) -> Any:
    return view(RequestFactory().get(path, REMOTE_ADDR="203.0.113.9", headers=headers))


def asgi_request(path: str = "/items", **headers: str) -> ASGIRequest:
    request = AsyncRequestFactory().get(path, headers=headers)
    # The factory does not decode the path as servers do.
    path = unquote(path.partition("?")[0])
    return ASGIRequest({**request.scope, "path": path, "client": ("203.0.113.9", 1)}, BytesIO())


def get_async(view: Callable[..., Any], path: str = "/items", **headers: str) -> Any:
    async def ask() -> Any:
        return await view(asgi_request(path, **headers))

    return asyncio.run(ask())


def keys(stub: Any, command: str = "LW.RATELIMIT") -> list[str]:
    return [str(call[1]) for call in stub.called(command)]


@limit("9/minute")
def limited(request: Any) -> HttpResponse:
    return HttpResponse("hello")


@limit("9/minute")
async def limited_async(request: Any) -> HttpResponse:
    return HttpResponse("hello")


def test_a_view_has_a_limit_named_after_it() -> None:
    stub = Stub()
    stub.answer("LW.RATELIMIT", ADMITTED, DENIED)
    with settings(stub):
        admitted, denied = get(limited), get(limited)
    assert keys(stub) == ["lw:{ip:203.0.113.9}:limit:test_django.limited"] * 2
    assert (admitted.status_code, admitted["X-RateLimit-Remaining"]) == (200, "8")
    assert admitted["RateLimit"] == '"test_django.limited";r=8;t=60'
    assert (denied.status_code, denied["Retry-After"]) == (429, "12")
    assert denied.content == b'{"error":"rate_limit_exceeded","retry_after":12}'
    assert denied["Content-Type"] == "application/json"


def test_an_asynchronous_view_stays_asynchronous() -> None:
    stub = AsyncStub()
    stub.answer("LW.RATELIMIT", ADMITTED, DENIED)
    assert iscoroutinefunction(limited_async)
    with settings(stub):
        assert [get_async(limited_async).status_code for _ in range(2)] == [200, 429]
    assert keys(stub) == ["lw:{ip:203.0.113.9}:limit:test_django.limited_async"] * 2


class Orders(View):
    @method_decorator(limit("9/minute"))
    def get(self, request: Any) -> HttpResponse:
        return HttpResponse("orders")

    @method_decorator(limit("2/minute", key=lambda request: request.headers["X-Account"]))
    def post(self, request: Any) -> HttpResponse:
        return HttpResponse("placed")


class AsyncOrders(View):
    @method_decorator(limit("9/minute"))
    async def get(self, request: Any) -> HttpResponse:
        return HttpResponse("orders")


class ApiOrders(APIView):
    @method_decorator(limit("9/minute", key=lambda request: request.query_params["account"]))
    def get(self, request: Any) -> Response:
        return Response("orders")


def test_the_methods_of_a_class_have_limits_of_their_own() -> None:
    stub = Stub()
    stub.answer("LW.RATELIMIT", ADMITTED, ADMITTED, ADMITTED, DENIED)
    with settings(stub):
        view = Orders.as_view()
        assert get(view).status_code == 200
        assert view(RequestFactory().post("/", headers={"X-Account": "alice"})).status_code == 200
        api = ApiOrders.as_view()
        assert get(api, "/?account=bob")["RateLimit"].endswith('";r=8;t=60')
        assert get(api, "/?account=bob").status_code == 429
    names = [key.partition("--")[0] for key in keys(stub)]
    assert names == [
        "lw:{ip:203.0.113.9}:limit:test_django.orders.get",
        "lw:{key:alice}:limit:test_django.orders.post",
        *["lw:{key:bob}:limit:test_django.apiorders.get"] * 2,
    ]
    asynchronous = AsyncStub()
    asynchronous.answer("LW.RATELIMIT", ADMITTED)
    with settings(asynchronous):
        assert get_async(AsyncOrders.as_view()).status_code == 200


def test_several_limits_of_a_view_count_apart() -> None:
    stub = Stub()
    stub.answer("LW.RATELIMIT", *[ADMITTED] * 2)
    view = limit("9/minute")(limit("99/hour", key=lambda request: request.GET.get("account", "alice"))(answer))
    with settings(stub):
        get(view)
    assert keys(stub) == ["lw:{ip:203.0.113.9}:limit:test_django.answer", "lw:{key:alice}:limit:test_django.answer:2"]


def test_functions_of_a_limit_get_the_request_of_django() -> None:
    stub = Stub()
    stub.answer("LW.RATELIMIT", DENIED)
    view = limit(
        lambda request: request.headers["X-Plan"],
        key=lambda request: request.GET["account"],
        cost=lambda request: int(request.GET["cost"]),
        on_denied=lambda result: JsonResponse({"left": result.remaining}, status=420),
        name="plan",
    )(answer)
    with settings(stub):
        denied = get(view, "/?account=alice&cost=3", **{"X-Plan": "7/hour"})
    assert stub.called("LW.RATELIMIT") == [("LW.RATELIMIT", "lw:{key:alice}:limit:plan", "7", "3600", "COST", "3")]
    assert (denied.status_code, denied.content) == (420, b'{"left": 0}')
    assert denied["Content-Type"] == "application/json"


def test_a_limit_may_have_a_client_of_its_own() -> None:
    stub = Stub()
    stub.answer("LW.RATELIMIT", ADMITTED)
    with override_settings(LOCKWATCH=None):
        assert get(limit("9/minute", lockwatch=LockWatch(stub, service="shop"))(answer)).status_code == 200
        assert keys(stub) == ["lw:shop:{ip:203.0.113.9}:limit:test_django.answer"]
        other = limit("9/minute", lockwatch=AsyncLockWatch(AsyncStub()))
        with pytest.raises(ConfigurationError, match="needs a LockWatch"):
            get(other(answer))


def test_options_of_a_limit_are_checked_where_it_is_written() -> None:
    with pytest.raises(ConfigurationError, match="'5 a minute' is not a limit"):
        limit("5 a minute")
    with pytest.raises(ConfigurationError, match="did you mean 'cost'"):
        limit("5/minute", costs=2)  # type: ignore[call-arg]  # the mistake
    with pytest.raises(ConfigurationError, match="can't be asynchronous"):
        limit("5/minute", lockwatch=LockWatch(Stub()), key=answer_async)


@pytest.mark.parametrize(
    ("error", "counts"),
    [(Http404(), False), (PermissionDenied(), False), (RuntimeError("broken"), False), (None, True)],
)
def test_a_failed_view_costs_nothing_with_skip_failed(error: Exception | None, counts: bool) -> None:
    stub = Stub()
    stub.answer("LW.RATELIMIT", [*ADMITTED, 1_700_000_000_000])

    @limit("9/minute", skip_failed=True)
    def view(request: Any) -> HttpResponse:
        if error is not None:
            raise error
        return HttpResponse("hello")

    with settings(stub):
        if error is None:
            get(view)
        else:
            with pytest.raises(type(error)):
                get(view)
        client().corrections.flush()
    assert bool(stub.called("LW.REFUND")) != counts


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


def test_the_decorator_keeps_the_view() -> None:
    assert limited.__name__ == "limited"
    assert list(inspect.signature(limited).parameters) == ["request"]
