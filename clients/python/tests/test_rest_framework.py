"""The throttles for Django REST framework."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest
from django.test import override_settings
from rest_framework import throttling
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from lockwatch import ConfigurationError
from lockwatch import rest_framework as own
from lockwatch.django import LockWatchMiddleware, client
from lockwatch.testing import RedisServer
from lockwatch.testing.server import free_port
from support.both import LONG_TIMEOUTS


@contextmanager
def lockwatch_at(url: str, **options: Any) -> Iterator[None]:
    with override_settings(LOCKWATCH={"redis_url": url, "limits": "1000/minute", **LONG_TIMEOUTS, **options}):
        yield
        client().close()


def view_of(*throttles: type, **members: Any) -> Callable[..., Any]:
    class View(APIView):
        throttle_classes = throttles

        def get(self, request: Any) -> Response:
            return Response("hello")

    made: Any = type("View", (View,), members)
    view: Callable[..., Any] = made.as_view()
    return view


def get(view: Callable[..., Any], address: str = "203.0.113.9", user: Any = None, **headers: str) -> Any:
    request = APIRequestFactory().get("/", REMOTE_ADDR=address, headers=headers)
    if user is not None:
        request.user = user
        request._force_auth_user = user  # type: ignore[attr-defined]  # of the framework's tests
    return view(request)


class User:
    is_authenticated = True
    is_active = True

    def __init__(self, pk: int) -> None:
        self.pk = pk


class Rates:
    """A class of each kind with rates of the test."""

    THROTTLE_RATES: ClassVar = {"anon": "3/min", "user": "4/min", "orders": "2/hour", "free": None}


class Anon(Rates, own.AnonRateThrottle):
    pass


class ByUser(Rates, own.UserRateThrottle):
    pass


class Scoped(Rates, own.ScopedRateThrottle):
    pass


def test_each_throttle_is_one_of_the_frameworks(shared_redis: RedisServer) -> None:
    for name in ("SimpleRateThrottle", "AnonRateThrottle", "UserRateThrottle", "ScopedRateThrottle"):
        assert issubclass(getattr(own, name), getattr(throttling, name))
        assert issubclass(getattr(own, name), own.SimpleRateThrottle)
    rates: Any = own.AnonRateThrottle.THROTTLE_RATES
    assert rates is api_settings.DEFAULT_THROTTLE_RATES


def test_anonymous_requests_are_limited_by_address(shared_redis: RedisServer) -> None:
    view = view_of(Anon)
    with lockwatch_at(shared_redis.url, key_prefix="anon"):
        assert [get(view).status_code for _ in range(5)] == [200] * 3 + [429] * 2
        assert get(view, "203.0.113.10").status_code == 200
        assert [get(view, user=User(1)).status_code for _ in range(5)] == [200] * 5
        denied = get(view)
        assert 55 <= int(denied["Retry-After"]) <= 60
        assert "Expected available in" in str(denied.data["detail"])


def test_users_are_limited_by_their_id(shared_redis: RedisServer) -> None:
    view = view_of(ByUser)
    with lockwatch_at(shared_redis.url, key_prefix="user"):
        assert [get(view, user=User(1)).status_code for _ in range(5)] == [200] * 4 + [429]
        assert get(view, user=User(2)).status_code == 200
        assert [get(view).status_code for _ in range(5)] == [200] * 4 + [429]


def test_scopes_have_limits_of_their_own(shared_redis: RedisServer) -> None:
    with lockwatch_at(shared_redis.url, key_prefix="scoped"):
        orders = view_of(Scoped, throttle_scope="orders")
        assert [get(orders).status_code for _ in range(3)] == [200, 200, 429]
        assert [get(view_of(Scoped, throttle_scope="free")).status_code for _ in range(5)] == [200] * 5
        assert [get(view_of(Scoped)).status_code for _ in range(5)] == [200] * 5
        assert sorted(
            key.key for key in client().client_keys(key="throttle_orders_203.0.113.9", key_prefix="scoped")
        ) == ["scoped:{key:throttle_orders_203.0.113.9}:limit:throttle-orders"]


def test_the_address_is_found_as_the_framework_finds_it(shared_redis: RedisServer) -> None:
    with lockwatch_at(shared_redis.url, key_prefix="proxies"), override_settings(REST_FRAMEWORK={"NUM_PROXIES": 1}):
        one, other = ({"X-Forwarded-For": f"192.0.2.{n}, 198.51.100.{n}"} for n in (1, 2))
        view = view_of(Anon)
        assert [get(view, **one).status_code for _ in range(4)] == [200] * 3 + [429]
        assert get(view, **other).status_code == 200


class TwoASecond(own.SimpleRateThrottle):
    rate = "2/sec"

    def get_cache_key(self, request: Any, view: Any) -> str | None:
        return None if request.headers.get("X-Free") else "everybody"


def test_no_window_admits_more_than_the_rate_and_wait_is_exact(shared_redis: RedisServer) -> None:
    view: Any = APIView()
    request: Any = APIView().initialize_request(APIRequestFactory().get("/"))
    admitted: list[tuple[float, float]] = []
    with lockwatch_at(shared_redis.url, key_prefix="edge"):
        throttle = TwoASecond()
        while len(admitted) < 8:
            before = time.monotonic()
            if throttle.allow_request(request, view):
                assert throttle.wait() == 0
                admitted.append((before, time.monotonic()))
            else:
                wait = throttle.wait()
                assert wait is not None
                assert 0 < wait <= 1
                # What the throttle says is when the next request is admitted, and not before.
                time.sleep(max(0, wait - 0.02))
    for (before, _), (_, after) in zip(admitted, admitted[2:], strict=False):
        assert after - before > 0.998


def test_fifty_threads_get_exactly_the_rate(shared_redis: RedisServer) -> None:
    class Hundred(own.SimpleRateThrottle):
        rate = "100/day"

        def get_cache_key(self, request: Any, view: Any) -> str:
            return "everybody"

    view = view_of(Hundred)
    with lockwatch_at(shared_redis.url, key_prefix="threads"), ThreadPoolExecutor(50) as threads:
        statuses = list(threads.map(lambda _: get(view).status_code, range(300)))
    assert (statuses.count(200), statuses.count(429)) == (100, 200)


def test_a_throttle_may_free_a_request_and_override_the_outcome(shared_redis: RedisServer) -> None:
    told: list[str] = []

    class Told(TwoASecond):
        rate = "1/day"

        def throttle_success(self) -> bool:
            told.append("success")
            return super().throttle_success()

        def throttle_failure(self) -> bool:
            told.append(f"failure {None if self.result is None else self.result.limit}")
            return super().throttle_failure()

    view = view_of(Told)
    with lockwatch_at(shared_redis.url, key_prefix="told"):
        assert [get(view).status_code for _ in range(2)] == [200, 429]
        assert get(view, **{"X-Free": "1"}).status_code == 200
    assert told == ["success", "failure 1"]


class Never(TwoASecond):
    rate = "0/day"


def test_a_rate_of_zero_has_no_time_to_wait_for(shared_redis: RedisServer) -> None:
    with lockwatch_at(shared_redis.url, key_prefix="never"):
        denied = get(view_of(Never))
        assert denied.status_code == 429
        assert "Retry-After" not in denied


def test_without_redis_the_settings_decide() -> None:
    url = f"redis://127.0.0.1:{free_port()}"
    view = view_of(Anon)
    with lockwatch_at(url):
        assert [get(view).status_code for _ in range(5)] == [200] * 5
        assert client().stats().requests == {"throttle-anon": {"failed_open": 5}}
        assert client().stats().limits_off
    with lockwatch_at(url, on_redis_failure="deny"):
        denied = get(view)
        assert (denied.status_code, denied["Retry-After"]) == (503, "1")
        assert client().stats().requests == {"throttle-anon": {"failed_closed": 1}}
    with lockwatch_at(url, on_redis_failure="local"):
        assert [get(view).status_code for _ in range(5)] == [200] * 3 + [429] * 2
        assert 1 <= int(get(view)["Retry-After"]) <= 60
        assert client().stats().requests == {"throttle-anon": {"local": 3, "local_denied": 3}}
    with lockwatch_at(url, on_redis_failure="deny", shadow=True):
        assert get(view).status_code == 200


def test_outcomes_are_counted_by_scope(shared_redis: RedisServer) -> None:
    view = view_of(Anon)
    with lockwatch_at(shared_redis.url, key_prefix="counted"):
        for _ in range(5):
            get(view)
        assert client().stats().requests == {"throttle-anon": {"allowed": 3, "denied": 2}}
    with lockwatch_at(shared_redis.url, key_prefix="shadowed", shadow=True):
        assert [get(view).status_code for _ in range(4)] == [200] * 4
        assert client().stats().requests == {"throttle-anon": {"allowed": 3, "shadow": 1}}


def test_behind_the_middleware_headers_and_audit_events_tell_of_the_throttle(shared_redis: RedisServer) -> None:
    with lockwatch_at(shared_redis.url, key_prefix="both", exempt=["/free", "192.0.2.0/24"]):
        middleware: Any = LockWatchMiddleware(view_of(Anon))
        factory = APIRequestFactory()
        answers = [middleware(factory.get("/", REMOTE_ADDR="203.0.113.9")) for _ in range(4)]
        assert [each.status_code for each in answers] == [200] * 3 + [429]
        assert answers[0]["RateLimit"] == '"throttle-anon";r=2;t=60'
        exempt = [middleware(factory.get("/", REMOTE_ADDR="192.0.2.1")).status_code for _ in range(5)]
        assert exempt == [200] * 5
        middleware.close()
        [event] = client().audit_log(limited=True)
        assert event.data is not None
        assert (event.status, event.user) == (429, None)
        assert event.data["policy"] == "throttle-anon"


def test_settings_that_are_missing_or_wrong_are_named() -> None:
    wrong: list[Any] = [None, "redis://localhost", {}]
    for given in wrong:
        with override_settings(LOCKWATCH=given), pytest.raises(ConfigurationError, match="redis_url"):
            get(view_of(Anon))
    misspelt = {"redis_url": "redis://localhost", "limit": "5/minute"}
    with override_settings(LOCKWATCH=misspelt), pytest.raises(ConfigurationError, match="'limits'"):
        get(view_of(Anon))


def test_the_time_is_the_servers(shared_redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: math.inf)
    with lockwatch_at(shared_redis.url, key_prefix="clock"):
        assert [get(view_of(Anon)).status_code for _ in range(4)] == [200] * 3 + [429]
