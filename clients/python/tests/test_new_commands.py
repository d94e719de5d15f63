"""The commands of the limiter, leases and budgets against a real server."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import redis

from lockwatch import (
    AsyncLockWatch,
    CommandError,
    LeaseDeniedError,
    LockWatch,
    NoPolicyError,
    TokenBudget,
    TokenBudgetExceededError,
)
from lockwatch.testing import RedisServer
from support.both import LONG_TIMEOUTS, MAKERS
from support.cluster import cluster
from support.waiting import wait_for
from support.web import FRAMEWORKS, Web


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture(params=MAKERS)
def lw(request: pytest.FixtureRequest, server: RedisServer) -> Iterator[Any]:
    made = MAKERS[request.param](server.url)
    yield made
    made.close()


@pytest.fixture
def key() -> str:
    return uuid.uuid4().hex


def policy(server: RedisServer, *words: str) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.execute_command("LW.POLICY", *words)


def test_units_are_given_back(lw: Any, key: str) -> None:
    first = lw.ratelimit(key, "10/minute", cost=4, with_time=True)
    assert first.remaining == 6
    assert abs(first.time_ms - time.time() * 1000) < 60_000
    assert lw.refund(key, 3, first.time_ms) == 3
    assert lw.refund(key, 3, first.time_ms) == 1, "no more than were recorded"
    assert lw.refund(key, 3, first.time_ms) == 0
    assert lw.peek(key, "10/minute", cost=0).remaining == 10
    assert lw.ratelimit(key, "10/minute").time_ms is None


def test_a_forced_call_is_counted_although_it_is_denied(lw: Any, key: str) -> None:
    assert lw.ratelimit(key, "2/minute", cost=2)
    forced = lw.ratelimit(key, "2/minute", cost=5, force=True, with_time=True)
    assert not forced
    assert forced.time_ms is not None
    assert lw.refund(key, 9, forced.time_ms) >= 5
    assert not lw.ratelimit(key, "2/minute", cost=3, with_time=True)


def test_a_reservation_is_settled(lw: Any, key: str) -> None:
    reserved = lw.ratelimit(key, "1000/minute", cost=700, with_time=True)
    less = lw.settle(key, 700, 300, reserved.time_ms)
    assert (less.refunded, less.recorded, less.time_ms) == (400, 0, None)
    more = lw.settle(key, 300, 350, reserved.time_ms)
    assert (more.refunded, more.recorded) == (0, 50)
    assert more.time_ms is not None
    assert lw.peek(key, "1000/minute", cost=0).remaining == 650


def test_a_policy_of_the_server(lw: Any, key: str, server: RedisServer) -> None:
    with pytest.raises(NoPolicyError, match="nosuch"):
        lw.ratelimit(key, "@nosuch")
    name = f"login-{key[:8]}"
    policy(server, "SET", name, "2", "1m", "20", "1h")
    assert [bool(lw.ratelimit(key, f"@{name}")) for _ in range(3)] == [True, True, False]
    assert lw.peek(key, f"@{name}", cost=0).limit == 2
    assert lw.ratelimit(key, f"@{name}").limits == ()


def test_a_policy_of_the_server_among_several_keys(lw: Any, key: str, server: RedisServer) -> None:
    name = f"login-{key[:8]}"
    policy(server, "SET", name, "2", "1m", "20", "1h")
    assert [bool(lw.ratelimit(key, f"@{name}")) for _ in range(2)] == [True, True]
    several = lw.mratelimit([(key, f"@{name}"), (f"{key}-other", "5/minute")])
    assert not several
    assert (several.binding, several.entry.limit) == (0, 2)


def test_several_keys_admit_together(lw: Any, key: str) -> None:
    entries: Any = [(f"{key}:r", "3/minute; 100/hour"), (f"{key}:t", "1000/minute", 400)]
    first, second, third = (lw.mratelimit(entries) for _ in range(3))
    assert (first.allowed, second.allowed, third.allowed) == (True, True, False)
    assert [each.remaining for each in second.results] == [1, 200]
    assert (third.binding, third.entry.limit, third.time_ms) == (1, 1000, None)
    assert third.retry_after_seconds in range(1, 61)
    assert lw.peek(f"{key}:r", "3/minute", cost=0).remaining == 1, "a denied call is counted nowhere"
    assert lw.mpeek([(f"{key}:r", "3/minute", 0)]).allowed
    assert first.time_ms is not None
    assert lw.settle(f"{key}:t", 400, 100, first.time_ms).refunded == 300
    with pytest.raises(CommandError):
        lw.mratelimit([(f"{key}:r", "3/minute", 1), (f"{key}:r", "5/hour", 2)])


def test_the_keys_that_are_denied_most_and_what_one_holds(lw: Any, key: str) -> None:
    for _ in range(3):
        lw.ratelimit(key, "1/minute")
    [found] = [each for each in lw.top(100) if each.key == key]
    assert (found.db, found.policy) == (0, None)
    assert 2 <= found.denied + found.error <= 4
    report = lw.inspect(key)
    assert (report.type, report.entries) == ("limiter", 1)
    assert report.bytes > 0
    assert report.expires_at is not None
    [window] = report.windows
    assert (window.window_ms, window.used) == (60_000, 1)
    assert 0 < window.first_free_ms <= window.reset_ms <= 60_000
    assert lw.inspect(f"{key}-none") is None


def test_leases(lw: Any, key: str) -> None:
    first, second = lw.acquire(key, 2, "30s"), lw.acquire(key, 2, 30)
    assert (first.acquired, second.acquired, second.in_use) == (True, True, 2)
    assert second.fence > first.fence
    denied = lw.acquire(key, 2, "30s")
    assert not denied
    assert 0 < denied.retry_after_ms <= 30_000
    again = lw.acquire(key, 2, "30s", first.id)
    assert (again.acquired, again.repeated, again.in_use, again.fence) == (True, True, 2, first.fence)
    assert lw.renew(key, first.id, "1m")
    assert lw.release(key, first.id)
    assert not lw.release(key, first.id)
    assert not lw.renew(key, first.id, "1m")
    assert lw.acquire(key, 2, "30s").in_use == 2
    with pytest.raises(CommandError):
        lw.acquire(key, 2, "30s", second.id, 2)
    assert lw.acquire(key, 2, "30s", cost=3).retry_after is None


@pytest.mark.parametrize("on_close", [False, True])
def test_a_block_with_a_lease(server: RedisServer, key: str, on_close: bool) -> None:
    def in_use(client: LockWatch) -> int:
        seen = client.acquire(key, 100, "1ms", f"probe-{uuid.uuid4().hex}").in_use
        return seen - 1

    with LockWatch(server.url, **LONG_TIMEOUTS) as probe:
        with LockWatch(server.url, **LONG_TIMEOUTS) as lw:
            with lw.lease(key, 1, "30s", on_close=on_close) as lease:
                with pytest.raises(LeaseDeniedError) as denied, lw.lease(key, 1, "30s", on_close=on_close):
                    pass
                assert denied.value.retry_after_seconds in range(1, 31)
                assert lease.renew("1m")
                assert not lease.lost
            wait_for("the release", lambda: in_use(probe) == 0)

        async def run() -> None:
            alw = AsyncLockWatch(server.url, **LONG_TIMEOUTS)
            async with alw, alw.lease(key, 1, "30s", on_close=on_close) as held:
                with pytest.raises(LeaseDeniedError):
                    async with alw.lease(key, 1, "30s", on_close=on_close):
                        pass
                assert await held.renew()
                assert await alw.release(key, held.id)
                assert not await held.renew()
                assert held.lost

        asyncio.run(run())
        wait_for("the release", lambda: in_use(probe) == 0)


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_lease_on_a_connection_of_its_own_ends_with_the_connection(server: RedisServer, key: str, kind: str) -> None:
    def is_free(client: LockWatch) -> bool:
        found = client.acquire(key, 1, "1h")
        return found.acquired and client.release(key, found.id or "")

    with LockWatch(server.url, **LONG_TIMEOUTS) as probe:
        if kind == "sync":
            lw = LockWatch(server.url, **LONG_TIMEOUTS)
            lease = lw.lease(key, 1, "1h", on_close=True)
            lease.__enter__()
            assert not is_free(probe)
            # As the end of the process does.
            lease._close()
            wait_for("the end of the lease", lambda: is_free(probe))
            lw.close()
            return

        async def run() -> None:
            async with AsyncLockWatch(server.url, **LONG_TIMEOUTS) as alw:
                lease = alw.lease(key, 1, "1h", on_close=True)
                await lease.__aenter__()
                assert not is_free(probe)
                await lease._close()
                wait_for("the end of the lease", lambda: is_free(probe))

        asyncio.run(run())


def test_a_budget(server: RedisServer, key: str) -> None:
    with LockWatch(server.url, **LONG_TIMEOUTS) as lw:
        budget = TokenBudget(lw, "1000/minute", requests="4/minute")
        with budget.reserve(key, 900) as reservation:
            with pytest.raises(TokenBudgetExceededError) as exceeded, budget.reserve(key, 900):
                pass
            assert exceeded.value.retry_after_seconds in range(1, 61)
            reservation.settle(100)
        assert lw.peek(f"{{{key}}}:tokens", "1000/minute", cost=0).remaining == 900
        assert lw.peek(f"{{{key}}}:requests", "4/minute", cost=0).remaining == 3
        with budget.reserve(key, 900) as reservation:
            reservation.cancel()
        assert lw.peek(f"{{{key}}}:tokens", "1000/minute", cost=0).remaining == 900
        assert lw.peek(f"{{{key}}}:requests", "4/minute", cost=0).remaining == 3

    async def run() -> None:
        async with AsyncLockWatch(server.url, **LONG_TIMEOUTS) as alw:
            async with TokenBudget(alw, "1000/minute").reserve(key, 10) as held:
                for tokens in (5, 20):
                    held.add(tokens)
            assert (await alw.peek(f"{{{key}}}:tokens", "1000/minute", cost=0)).remaining == 875

    asyncio.run(run())


def test_a_cluster_takes_keys_of_one_hash_tag() -> None:
    with cluster() as nodes, LockWatch(nodes.url, cluster=True, **LONG_TIMEOUTS) as lw:
        for name in "abcdef":
            with TokenBudget(lw, "1000/minute", requests="4/minute").reserve(name, 900) as reservation:
                reservation.settle(1)
            assert lw.peek(f"{{{name}}}:tokens", "1000/minute", cost=0).remaining == 999
            with lw.lease(name, 1, "30s", on_close=True) as lease:
                assert lease.renew()


CORRECTED: dict[str, tuple[dict[str, Any], Callable[[Any], httpx.Response], int, int]] = {
    # Requests that cost nothing, and how many of the others are admitted.
    "skip_successful": ({"skip_successful": True}, lambda web: web.http.get("/items"), 200, 3),
    "skip_failed": ({"skip_failed": True}, lambda web: web.http.get("/missing"), 404, 3),
}


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("choice", CORRECTED)
def test_a_middleware_gives_back_what_does_not_count(choice: str, framework: str, server: RedisServer) -> None:
    options, free, status, admitted = CORRECTED[choice]
    prefix = uuid.uuid4().hex
    counted = "/missing" if choice == "skip_successful" else "/items"
    with (
        Web(framework, redis_url=server.url, limits="3/minute", key_prefix=prefix, **options, **LONG_TIMEOUTS) as web,
        LockWatch(server.url, **LONG_TIMEOUTS) as lw,
    ):

        def remaining() -> int:
            return lw.peek(f"{prefix}:{{ip:127.0.0.1}}:default", "3/minute", cost=0).remaining

        for _ in range(6):
            assert free(web).status_code == status
            wait_for("the units to come back", lambda: remaining() == 3)
        statuses = [web.http.get(counted).status_code for _ in range(admitted + 2)]
    assert statuses == [404 if counted == "/missing" else 200] * admitted + [429, 429]
