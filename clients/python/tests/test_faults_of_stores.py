"""Redis killed, hung, failed over, read-only and out of memory, under Django and in stores.

In each case no request waits longer than the timeouts allow, and limits are back soon afterwards.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from fastapi.testclient import TestClient
from flask import Flask
from flask_limiter import Limiter
from slowapi import Limiter as SlowLimiter
from slowapi import _rate_limit_exceeded_handler
from slowapi.errors import RateLimitExceeded

import lockwatch.limits_storage  # noqa: F401  # registers the scheme
from lockwatch.testing import RedisServer
from lockwatch.testing.server import free_port
from support.faults import FAULTS, Load, Stand, has_limit_headers
from support.waiting import wait_for
from support.web import Web

TIMEOUTS: dict[str, Any] = {"connect_timeout": 0.4, "command_timeout": 0.3, "breaker_seconds": 0.5}
QUERY = "?" + "&".join(f"{name}={value}" for name, value in TIMEOUTS.items())
# The timeouts and the time that a busy machine may take for the rest.
LONGEST_WAIT = 0.7 + 2.3
# slowapi calls its storage in the event loop, so that a request waits for those before it, too: for
# three timeouts at most, after which the breaker is open.
LONGEST_WAITS = {"slowapi": 3 * 0.7 + 2.3}
# Limits are back within this time in seconds.
BACK_AFTER = 2.0
# How long a fault lasts, so that the breaker opens and tries more than once. A server hangs for
# longer than a request may wait.
HELD_FOR = {"hung": 3 * 0.7 + 2.3 + 1}


def is_denied(response: httpx.Response) -> bool:
    return response.status_code == 429


# The throttles of Django REST framework send no headers, and slowapi sends them also if its storage
# lets a call through. Their rate is soon used up, and then requests are denied.
LIMITED: dict[str, Callable[[httpx.Response], bool]] = {"drf": is_denied, "slowapi": is_denied}
PATHS = {"slowapi": "/items/1"}


@contextmanager
def served(app: str, stand: Stand) -> Iterator[Web]:
    if app.startswith("django"):
        with Web(app, redis_url=stand.proxy.url, limits="1000000/hour", **TIMEOUTS) as web:
            yield web
        return
    address = f"127.0.0.1:{stand.proxy.port}"
    # slowapi 0.1.10 fails with `swallow_errors` and any storage.
    query = f"{QUERY}&on_redis_failure=allow" if app == "slowapi" else QUERY
    environment = {"REDIS_ADDRESS": address if app == "drf" else f"{address}{query}"}
    environment["DJANGO_SETTINGS_MODULE"] = "migration.drf_shop.settings_tight"
    with Web(app if app == "drf" else f"{app} after", environment=environment) as web:
        yield web


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("app", ["django", "django-asgi", "drf", "flask-limiter", "slowapi"])
def test_no_request_waits_for_long_and_limits_are_back_soon(app: str, fault: str) -> None:
    with ExitStack() as servers:
        stand = Stand(servers)
        web = servers.enter_context(served(app, stand))
        with Load(web, LIMITED.get(app, has_limit_headers), PATHS.get(app, "/items")) as load:
            wait_for("limits", lambda: load.limited > 20)
            with FAULTS[fault](stand):
                before = load.unlimited
                wait_for("requests without Redis", lambda: load.unlimited > before + 20)
                time.sleep(HELD_FOR.get(fault, 1.0))
            ended, limited = time.monotonic(), load.limited
            wait_for("limits again", lambda: load.limited > limited + 5)
            took = time.monotonic() - ended
    assert load.errors == []
    assert load.statuses <= {200, 429}
    assert load.longest < LONGEST_WAITS.get(app, LONGEST_WAIT)
    assert took < BACK_AFTER


def of_flask_limiter(uri: str, **options: Any) -> Callable[[], int]:
    app = Flask(__name__)
    limiter = Limiter(lambda: "everybody", app=app, storage_uri=uri, **options)
    app.add_url_rule("/", view_func=limiter.limit("5/hour")(lambda: "hello"))
    return lambda: app.test_client().get("/").status_code


def of_slowapi(uri: str, **options: Any) -> Callable[[], int]:
    app = FastAPI()
    limiter = app.state.limiter = SlowLimiter(key_func=lambda: "everybody", storage_uri=uri, **options)
    app.add_exception_handler(RateLimitExceeded, _rate_limit_exceeded_handler)  # type: ignore[arg-type]  # of slowapi

    @app.get("/")
    @limiter.limit("5/hour")
    async def home(request: Request) -> Response:
        return Response("hello")

    http = TestClient(app, raise_server_exceptions=False)
    return lambda: http.get("/").status_code


LIMITERS: dict[str, Callable[..., Callable[[], int]]] = {"Flask-Limiter": of_flask_limiter, "slowapi": of_slowapi}


@pytest.mark.parametrize("kind", LIMITERS)
def test_the_limiters_fallback_in_memory_takes_over_until_redis_is_back(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    with RedisServer() as server:
        uri = f"lockwatch://127.0.0.1:{server.port}?connect_timeout=5&command_timeout=5"
        ask = LIMITERS[kind](uri, in_memory_fallback=["2/hour"])
        assert [ask() for _ in range(6)] == [200] * 5 + [429]
        server.kill()
        assert [ask() for _ in range(4)] == [200] * 2 + [429] * 2
        with RedisServer(port=server.port):
            caplog.set_level(logging.INFO)
            # The limiter looks after one second, after two more, and so on.
            wait_for("the limits of the storage", lambda: ask() == 200)
            assert "Rate limit storage recovered" in caplog.text
            assert [ask() for _ in range(5)] == [200] * 4 + [429]


@pytest.mark.parametrize("kind", LIMITERS)
def test_without_a_fallback_the_limiter_gets_the_error(kind: str) -> None:
    ask = LIMITERS[kind]("lockwatch://127.0.0.1:1")
    assert [ask() for _ in range(7)] == [500] * 7


@pytest.mark.parametrize("kind", LIMITERS)
def test_the_storage_may_let_calls_through(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    place = f"127.0.0.1:{free_port()}"
    ask = LIMITERS[kind](f"lockwatch://{place}?on_redis_failure=allow", headers_enabled=True)
    assert [ask() for _ in range(7)] == [200] * 7
    assert f"requests are let through without a limit: no connection to Redis at {place}" in caplog.text


def test_flask_limiter_may_swallow_the_error() -> None:
    ask = of_flask_limiter("lockwatch://127.0.0.1:1", swallow_errors=True)
    assert [ask() for _ in range(7)] == [200] * 7
