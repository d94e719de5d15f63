"""Every framework in every situation, served by real processes."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from os import kill
from typing import Any

import httpx
import pytest
import redis

from lockwatch import LockWatch
from lockwatch.testing import RedisServer
from lockwatch.testing.server import free_port
from support.audit import events, recorded
from support.waiting import wait_for
from support.web import ASGI, FRAMEWORKS, Web

# Long enough for a busy machine, so that only a failure reaches them.
LONG_TIMEOUTS: dict[str, Any] = {"connect_timeout": 5, "command_timeout": 5}
SHORT_TIMEOUTS: dict[str, Any] = {"connect_timeout": 0.2, "command_timeout": 0.2}
LIMIT_HEADERS = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit", "ratelimit-policy")
MODES = {"allow": 200, "deny": 503}


@pytest.fixture(params=FRAMEWORKS)
def framework(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


def has_no_limit(response: httpx.Response) -> bool:
    return not any(name in response.headers for name in LIMIT_HEADERS)


def check_unavailable(response: httpx.Response, mode: str) -> None:
    assert response.status_code == MODES[mode]
    assert has_no_limit(response)
    if mode == "deny":
        assert response.headers["retry-after"] == "1"
        assert response.json() == {"error": "service_unavailable", "retry_after": 1}


def test_admitted_and_denied(framework: str, redis_server: RedisServer) -> None:
    with Web(framework, redis_url=redis_server.url, limits="3/minute", **LONG_TIMEOUTS) as web:
        admitted = [web.http.get("/items?token=secret") for _ in range(3)]
        denied = [web.http.get("/items") for _ in range(2)]
    for remaining, response in zip((2, 1, 0), admitted, strict=True):
        assert response.status_code == 200
        assert response.json() == {"hello": "world"}
        assert response.headers["x-ratelimit-limit"] == "3"
        assert response.headers["x-ratelimit-remaining"] == str(remaining)
        assert 1 <= int(response.headers["x-ratelimit-reset"]) <= 60
        assert response.headers["ratelimit-policy"] == '"default";q=3;w=60'
        assert response.headers["ratelimit"].startswith(f'"default";r={remaining};t=')
        assert "retry-after" not in response.headers
    for response in denied:
        assert response.status_code == 429
        assert 1 <= int(response.headers["retry-after"]) <= 60
        assert response.json() == {
            "error": "rate_limit_exceeded",
            "retry_after": int(response.headers["retry-after"]),
        }
        assert response.headers["x-ratelimit-remaining"] == "0"
        assert response.headers["content-type"] == "application/json"
    rows = events(redis_server.url, 5)
    assert [row.status for row in rows] == [200, 200, 200, 429, 429]
    assert [row.limited for row in rows] == [False, False, False, True, True]
    assert {(row.method, row.endpoint, row.ip, row.kind) for row in rows} == {("GET", "/items", "127.0.0.1", "request")}
    assert all(row.latency_ms is not None and 0 < row.latency_ms < 10_000 for row in rows)


def test_burst(framework: str, redis_server: RedisServer) -> None:
    with Web(framework, redis_url=redis_server.url, burst_threshold=3, burst_window_seconds=60, **LONG_TIMEOUTS) as web:
        assert [web.http.get("/items").status_code for _ in range(4)] == [200] * 4
    assert [row.anomaly for row in events(redis_server.url, 4)] == [False, False, True, True]


def test_route_policy(framework: str, redis_server: RedisServer) -> None:
    routes = {"POST /login": {"limits": "2/minute; 20/hour", "on_redis_failure": "deny"}}
    with Web(framework, redis_url=redis_server.url, routes=routes, **LONG_TIMEOUTS) as web:
        logins = [web.http.post("/login") for _ in range(3)]
        item = web.http.get("/items")
    assert [response.status_code for response in logins] == [200, 200, 429]
    assert logins[0].headers["ratelimit-policy"] == '"post-login-60s";q=2;w=60, "post-login-3600s";q=20;w=3600'
    assert item.headers["x-ratelimit-remaining"] == "99"
    rows = events(redis_server.url, 4)
    assert [(row.endpoint, row.status, row.user) for row in rows] == [
        ("/login", 200, "alice"),
        ("/login", 200, "alice"),
        ("/login", 429, None),
        ("/items", 200, None),
    ]


def test_exempt(framework: str, redis_server: RedisServer) -> None:
    with Web(framework, redis_url=redis_server.url, limits="1/hour", **LONG_TIMEOUTS) as web:
        assert all(has_no_limit(web.http.get("/health")) for _ in range(3))
        assert web.http.get("/items").status_code == 200
    assert [row.endpoint for row in events(redis_server.url, 1)] == ["/items"]


def test_forwarded_address(framework: str, redis_server: RedisServer) -> None:
    with Web(
        framework,
        redis_url=redis_server.url,
        limits="1/hour",
        trusted_proxies=["127.0.0.0/8", "10.0.0.0/8"],
        **LONG_TIMEOUTS,
    ) as web:

        def get(forwarded: str | None) -> int:
            return web.http.get("/items", headers={"X-Forwarded-For": forwarded} if forwarded else {}).status_code

        assert get("1.1.1.1, 198.51.100.7:1234, 10.1.2.3") == 200
        assert get("2.2.2.2, 198.51.100.7, 10.9.9.9") == 429, "whatever it claims to its left"
        assert get("2001:db8:1:2:3::4") == 200
        assert get("[2001:db8:1:2:5::6]:443") == 429, "another address of the same /64"
        assert get("::ffff:198.51.100.8") == 200
        assert get("198.51.100.8") == 429, "the same, unmapped"
        assert get("garbage") == 200
        assert get(None) == 429, "both are the peer"
    rows = events(redis_server.url, 8)
    expected = ["198.51.100.7"] * 2 + ["2001:db8:1:2:3::4", "2001:db8:1:2:5::6"] + ["198.51.100.8"] * 2
    assert [row.ip for row in rows] == [*expected, "127.0.0.1", "127.0.0.1"]


def test_errors_of_the_application(framework: str, redis_server: RedisServer) -> None:
    with Web(framework, redis_url=redis_server.url, **LONG_TIMEOUTS) as web:
        missing, broken = web.http.get("/missing"), web.http.get("/broken")
    assert missing.status_code == 404
    assert missing.headers["x-ratelimit-remaining"] == "99"
    assert broken.status_code == 500
    assert [row.status for row in events(redis_server.url, 2)] == [404, 500]


def test_state_for_handlers(framework: str, redis_server: RedisServer) -> None:
    with Web(framework, redis_url=redis_server.url, **LONG_TIMEOUTS) as web:
        state = web.http.get("/state").json()
    assert state == {"policy": "default", "client": "ip:127.0.0.1", "address": "127.0.0.1", "failure": None}


def test_unix_socket(framework: str, redis_server: RedisServer) -> None:
    path = str(redis_server.directory / "web.sock")
    with Web(
        framework, unix=path, redis_url=redis_server.url, limits="1/hour", trusted_proxies=["unix"], **LONG_TIMEOUTS
    ) as web:
        forwarded = {"X-Forwarded-For": "198.51.100.7"}
        assert [web.http.get("/items", headers=forwarded).status_code for _ in range(2)] == [200, 429]
    assert [row.ip for row in events(redis_server.url, 2)] == ["198.51.100.7"] * 2
    with Web(framework, unix=path, redis_url=redis_server.url, **LONG_TIMEOUTS) as web:
        assert web.http.get("/items").status_code == 500
        wait_for("the reason in the log", lambda: "listens on a Unix socket" in web.log)


@pytest.mark.parametrize("mode", MODES)
def test_redis_down_at_the_start(framework: str, mode: str) -> None:
    port = free_port()
    with Web(framework, redis_url=f"redis://127.0.0.1:{port}", on_redis_failure=mode, **LONG_TIMEOUTS) as web:
        check_unavailable(web.http.get("/items"), mode)
        wait_for("the reasons in the log", lambda: "audit events are lost: no connection to Redis" in web.log)
        assert "without a limit: no connection" in web.log or "answered 503: no connection" in web.log
        with RedisServer(port=port) as server:
            response = web.http.get("/items")
            assert response.status_code == 200
            assert response.headers["x-ratelimit-remaining"] == "99"
            assert [row.status for row in events(server.url, 1)] == [200]


@pytest.mark.parametrize("mode", MODES)
def test_redis_killed_under_load(framework: str, mode: str) -> None:
    with (
        RedisServer() as server,
        Web(framework, redis_url=server.url, limits="1000000/hour", on_redis_failure=mode, **LONG_TIMEOUTS) as web,
        Load(web) as load,
    ):
        wait_for("answers with limits", lambda: load.seen["limited"] > 20)
        server.kill()
        wait_for("answers without", lambda: load.seen["away"] > 20)
        with RedisServer(port=server.port) as again:
            before = load.seen["limited"]
            wait_for("answers with limits again", lambda: load.seen["limited"] > before + 20)
            wait_for("audit rows again", lambda: recorded(again.url) > 20)
    assert load.seen["other"] == 0
    assert load.statuses <= {200, MODES[mode]}


@pytest.mark.parametrize("mode", MODES)
def test_redis_hung(framework: str, mode: str, redis_server: RedisServer) -> None:
    # All threads of gunicorn and all tasks of uvicorn share one breaker.
    with Web(framework, redis_url=redis_server.url, on_redis_failure=mode, **SHORT_TIMEOUTS) as web:
        wait_for("a limit", lambda: not has_no_limit(web.http.get("/items")))
        before = len(settled(redis_server))
        kill(redis_server.pid, signal.SIGSTOP)
        try:
            took = []
            for _ in range(20):
                began = time.monotonic()
                check_unavailable(web.http.get("/items"), mode)
                took.append(time.monotonic() - began)
            # Three requests time out and open the breaker, and one per second is the probe.
            # The others do not wait.
            assert max(took[:3]) > 0.15
            assert sorted(took)[len(took) // 2] < 0.15
        finally:
            kill(redis_server.pid, signal.SIGCONT)
        wait_for("a limit again", lambda: not has_no_limit(web.http.get("/items")))
        wait_for("audit rows again", lambda: len(settled(redis_server)) > before)


@pytest.mark.parametrize("mode", MODES)
def test_module_missing(framework: str, mode: str) -> None:
    with (
        RedisServer(module=None) as server,
        Web(framework, redis_url=server.url, on_redis_failure=mode, **LONG_TIMEOUTS) as web,
    ):
        check_unavailable(web.http.get("/items"), mode)
        wait_for("the reason in words", lambda: "load liblockwatch.so there" in web.log)
        assert web.log.count("requests are") == 1, "said once"


@pytest.mark.parametrize("mode", MODES)
def test_out_of_memory_and_read_only(framework: str, mode: str, redis_server: RedisServer) -> None:
    with Web(framework, redis_url=redis_server.url, on_redis_failure=mode, **LONG_TIMEOUTS) as web:
        wait_for("a limit", lambda: not has_no_limit(web.http.get("/items")))
        configure(redis_server, "maxmemory", "1")
        check_unavailable(web.http.get("/items"), mode)
        configure(redis_server, "maxmemory", "0")
        assert not has_no_limit(web.http.get("/items"))
        configure(redis_server, "min-replicas-to-write", "1")
        check_unavailable(web.http.get("/items"), mode)


@pytest.mark.parametrize("framework", list(ASGI), indirect=True)
def test_a_failure_mode_of_a_route(framework: str) -> None:
    routes = {"POST /login": {"on_redis_failure": "deny"}}
    with Web(framework, redis_url=f"redis://127.0.0.1:{free_port()}", routes=routes, **LONG_TIMEOUTS) as web:
        check_unavailable(web.http.get("/items"), "allow")
        check_unavailable(web.http.post("/login"), "deny")


def configure(server: RedisServer, name: str, value: str) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.config_set(name, value)


def settled(server: RedisServer) -> list[Any]:
    with LockWatch(server.url, command_timeout=5) as lockwatch:
        return list(lockwatch.audit_log(count=10_000))


class Load:
    """Requests from four threads until the end of the block, and their outcomes."""

    def __init__(self, web: Web) -> None:
        self._url = str(web.http.base_url)
        self._over = threading.Event()
        self.seen = {"limited": 0, "away": 0, "other": 0}
        self.statuses: set[int] = set()
        self._threads = [threading.Thread(target=self._run) for _ in range(4)]

    def _run(self) -> None:
        with httpx.Client(base_url=self._url, timeout=10) as http:
            while not self._over.is_set():
                try:
                    response = http.get("/items")
                except httpx.TransportError:
                    self.seen["other"] += 1
                    continue
                self.statuses.add(response.status_code)
                self.seen["away" if has_no_limit(response) else "limited"] += 1

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
