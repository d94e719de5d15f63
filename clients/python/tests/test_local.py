"""The limiter in the process: its counters and bounds."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

import pytest
from flask import Flask

from lockwatch import (
    ConfigurationError,
    Limit,
    LockWatchMiddleware,
    LockWatchWSGIMiddleware,
    UnavailableError,
    local,
    notices,
)
from lockwatch.failure_log import FailureLog, ServerLog
from lockwatch.local import LocalLimiter, shared
from lockwatch.testing import Stub
from support.waiting import wait_for

MINUTE, DAY = 60_000, 86_400_000


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def key(client: str, policy: str = "default") -> str:
    return f"lw:{{{client}}}:{policy}"


def admit(limiter: LocalLimiter, of: str, limit: int = 1, cost: int = 1, share: float = 1.0) -> bool:
    return limiter.admit(of, (Limit(limit, DAY),), share, cost).allowed


@pytest.mark.parametrize(
    ("limit", "share", "expected"),
    [(100, 1.0, 100), (100, 0.5, 50), (5, 0.5, 2), (4, 0.1, 1), (0, 0.5, 0), (1, 0.0001, 1), (30, 0.1, 3)],
)
def test_a_share(limit: int, share: float, expected: int) -> None:
    assert shared((Limit(limit, DAY),), share) == (Limit(expected, DAY),)


def test_threads_get_exactly_the_limit() -> None:
    limiter = LocalLimiter()
    admitted: list[bool] = []

    def ask() -> None:
        admitted.extend(admit(limiter, key("a"), 500) for _ in range(200))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(admitted) == 500


def test_a_window_that_denies_counts_in_no_other() -> None:
    limiter = LocalLimiter()
    limits = (Limit(1, MINUTE), Limit(2, DAY))
    results = [limiter.admit(key("a"), limits, 1.0, 1) for _ in range(3)]
    assert [result.allowed for result in results] == [True, False, False]
    assert results[1].limit == 1
    assert 59_000 < results[1].retry_after_ms <= MINUTE
    # The longer window has room for one more.
    assert limiter.admit(key("a"), (Limit(2, DAY),), 1.0, 1)
    assert not limiter.admit(key("a"), (Limit(2, DAY),), 1.0, 1)


def test_a_refused_limit_waits_at_least_a_second() -> None:
    limiter = LocalLimiter()
    limits = (Limit(1, 250),)
    assert limiter.admit(key("a"), limits, 1.0, 1)
    denied = limiter.admit(key("a"), limits, 1.0, 1)
    assert not denied.allowed
    assert 0 < denied.retry_after_ms <= 250
    assert denied.headers(kinds=()) == {"Retry-After": "1"}


def test_further_clients_of_a_policy_share_a_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_MAX_CLIENTS", 3)
    limiter = LocalLimiter()
    assert all(admit(limiter, key(client)) for client in "abc")
    assert [admit(limiter, key(client)) for client in "def"] == [True, False, False]
    # Known clients keep their own, and so does another policy.
    assert not admit(limiter, key("a"))
    assert admit(limiter, key("g", "other"))


def test_ten_thousand_clients_are_remembered() -> None:
    limiter = LocalLimiter()
    assert all(admit(limiter, key(str(number))) for number in range(10_000))
    assert [admit(limiter, key(str(number))) for number in (10_000, 10_001)] == [True, False]
    assert not admit(limiter, key("0"))


def test_clients_whose_windows_have_ended_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_MAX_CLIENTS", 3)
    clock = Clock()
    limiter = LocalLimiter(clock)
    limits = (Limit(1, MINUTE),)
    assert all(limiter.admit(key(client), limits, 1.0, 1).allowed for client in "abc")
    clock.now += 61
    assert all(limiter.admit(key(client), limits, 1.0, 1).allowed for client in "def")
    assert limiter._storage is not None
    assert len(limiter._storage.events) == 3


def test_it_starts_no_threads_and_forgets_units_that_have_left_the_window() -> None:
    limiter = LocalLimiter()
    window = (Limit(20, 50),)
    assert limiter.admit(key("a"), window, 1.0, 1)
    storage = limiter._storage
    assert storage is not None
    wait_for("the thread of the storage's own timer", lambda: not any(map(is_timer, threading.enumerate())))
    admitted, ends = 0, time.monotonic() + 0.4
    while time.monotonic() < ends:
        admitted += limiter.admit(key("a"), window, 1.0, 1).allowed
        assert len(storage.events["lw:{a}:default 50"]) <= 21
    assert admitted > 100
    assert not any(map(is_timer, threading.enumerate()))


def is_timer(thread: threading.Thread) -> bool:
    return isinstance(thread, threading.Timer)


def test_a_high_limit_takes_neither_time_nor_memory() -> None:
    limiter = LocalLimiter()
    started = time.process_time()
    assert [admit(limiter, key("a"), 10**9, 4 * 10**8) for _ in range(3)] == [True, True, False]
    assert time.process_time() - started < 1
    denied = limiter.admit(key("a"), (Limit(10**9, DAY),), 1.0, 4 * 10**8)
    assert 0 < denied.retry_after_ms <= DAY


def test_a_step_of_the_system_clock_empties_it(monkeypatch: pytest.MonkeyPatch) -> None:
    limiter = LocalLimiter()
    assert admit(limiter, key("a"))
    assert not admit(limiter, key("a"))
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() - 3600)
    assert admit(limiter, key("a"))
    assert not admit(limiter, key("a"))


def test_an_answer_empties_the_counters_of_its_keys_only() -> None:
    limiter = LocalLimiter()
    for each in "ab":
        admit(limiter, key(each))
    limiter.answered([key("a")])
    assert admit(limiter, key("a"))
    assert not admit(limiter, key("b"))


def test_an_answer_after_ten_seconds_without_a_failure_ends_the_outage() -> None:
    clock = Clock()
    limiter = LocalLimiter(clock)
    admit(limiter, key("a"))
    clock.now += 9
    limiter.answered([key("b")])
    assert not admit(limiter, key("a"))
    clock.now += 11
    assert not admit(limiter, key("a")), "without an answer it is the same outage"
    clock.now += 11
    limiter.answered([key("b")])
    assert admit(limiter, key("a"))


@pytest.mark.parametrize("middleware", [LockWatchMiddleware, LockWatchWSGIMiddleware])
@pytest.mark.parametrize("options", [{"on_redis_failure": "local"}, {"routes": {"/a": {"on_redis_failure": "local"}}}])
def test_without_the_package_the_start_fails(middleware: Any, options: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "limits"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigurationError, match=r"pip install 'lockwatch\[local\]'"):
        middleware(lambda *_: None, redis_url="redis://localhost", **options)


def test_the_log_says_that_the_process_limits(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    failures = FailureLog(10.0, server=ServerLog("a:1", clock))
    gone = UnavailableError("CONNECTION", "no connection to Redis at a:1: refused", "a:1")
    for _ in range(3):
        failures.limit_failed("connection", gone, "local")
    clock.now += 12
    failures.limit_answered()
    assert [record.message for record in caplog.records] == [
        "requests are limited by this process alone: no connection to Redis at a:1: refused",
        "limits are enforced again at a:1 after 12 s; 3 requests were limited by this process alone",
    ]


def test_a_policy_of_the_server_that_a_function_returns_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    stub = Stub()
    stub.unavailable()
    app = Flask(__name__)
    app.wsgi_app = LockWatchWSGIMiddleware(  # type: ignore[method-assign]
        app.wsgi_app, redis=stub, limits=lambda _request: "@plan", on_redis_failure="local", audit=False
    )
    notices._said.discard("local: default")
    assert [app.test_client().get("/").status_code for _ in range(3)] == [503] * 3
    [said] = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert "give local_limits='5/minute' too" in said


@pytest.mark.parametrize("option", ["key_func", "plan_func", "cost"])
def test_a_function_that_fails_because_redis_is_away_leaves_the_address_limited(option: str) -> None:
    def fail(_request: object) -> Any:
        raise UnavailableError("TIMEOUT", "late")

    options: Any = {option: fail, "limits": "2/hour", "on_redis_failure": "local", "audit": False}
    app = Flask(__name__)
    app.wsgi_app = LockWatchWSGIMiddleware(app.wsgi_app, redis=Stub(), **options)  # type: ignore[method-assign]

    def ask(address: str) -> int:
        return app.test_client().get("/", environ_base={"REMOTE_ADDR": address}).status_code

    assert [ask("203.0.113.9") for _ in range(3)] == [404, 404, 429]
    assert ask("198.51.100.7") == 404
