"""Asynchronous calls that share a write, and what cancellation and timeouts do to them."""

from __future__ import annotations

import asyncio
import gc
import signal
import threading
import time
import weakref
from os import kill

import pytest
import redis

from lockwatch import AsyncLockWatch, ConfigurationError, UnavailableError
from lockwatch.testing import RedisServer

pytestmark = pytest.mark.usefixtures("each_event_loop")


def test_concurrent_calls_share_a_connection(shared_redis: RedisServer) -> None:
    async def check() -> None:
        lockwatch = AsyncLockWatch(shared_redis.url, connect_timeout=5, command_timeout=5)
        answers = await asyncio.gather(*(lockwatch.peek(f"k{n}", n, 60) for n in range(1, 400)))
        assert [answer.limit for answer in answers] == list(range(1, 400))
        with redis.Redis.from_url(shared_redis.url) as admin:
            names = [client["cmd"] for client in admin.client_list()]
        # At most 128 calls share a write.
        assert names.count("lw.peek") <= 4
        await lockwatch.aclose()

    asyncio.run(check())


def test_a_cancelled_call_leaves_the_others_alone(shared_redis: RedisServer) -> None:
    async def check() -> None:
        lockwatch = AsyncLockWatch(shared_redis.url, connect_timeout=5, command_timeout=5)
        for turn in range(20):
            calls = [asyncio.create_task(lockwatch.peek(f"k{n}", n, 60)) for n in range(1, 30)]
            for _ in range(turn % 7):
                await asyncio.sleep(0)
            for call in calls[::3]:
                call.cancel()
            done = await asyncio.gather(*calls, return_exceptions=True)
            for n, answer in enumerate(done, start=1):
                assert isinstance(answer, asyncio.CancelledError) or answer.limit == n  # type: ignore[union-attr]
        await lockwatch.aclose()

    asyncio.run(check())


def test_an_argument_that_cannot_be_sent_fails_its_own_call_only(shared_redis: RedisServer) -> None:
    async def check() -> None:
        lockwatch = AsyncLockWatch(shared_redis.url, connect_timeout=5, command_timeout=5)
        bad, good = await asyncio.gather(
            lockwatch.peek(42, 1, 60),  # type: ignore[arg-type]
            lockwatch.peek("beside", 1, 60),
            return_exceptions=True,
        )
        assert isinstance(bad, ConfigurationError)
        assert good
        await lockwatch.aclose()

    asyncio.run(check())


def test_a_call_that_timed_out_is_not_sent_again(shared_redis: RedisServer) -> None:
    async def check() -> None:
        lockwatch = AsyncLockWatch(shared_redis.url, connect_timeout=1, command_timeout=0.2)
        assert (await lockwatch.ratelimit("late", 10, 60)).remaining == 9
        kill(shared_redis.pid, signal.SIGSTOP)
        try:
            late = await asyncio.gather(
                *(lockwatch.ratelimit("late", 10, 60) for _ in range(2)), return_exceptions=True
            )
        finally:
            kill(shared_redis.pid, signal.SIGCONT)
        assert [error.code for error in late if isinstance(error, UnavailableError)] == ["TIMEOUT", "TIMEOUT"]
        assert (await lockwatch.peek("late", 10, 60)).remaining == 6
        await lockwatch.aclose()

    asyncio.run(check())


def test_a_connection_that_the_server_closed_is_replaced(
    shared_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Idle connections are checked after a second; in this test at once.
    monkeypatch.setattr("lockwatch.redis.loop_batches.CHECK_AFTER", 0.0)

    async def check() -> None:
        lockwatch = AsyncLockWatch(shared_redis.url, connect_timeout=5, command_timeout=5)
        assert (await lockwatch.ratelimit("closed", 10, 60)).remaining == 9
        # An open connection is used again.
        assert (await lockwatch.ratelimit("closed", 10, 60)).remaining == 8
        with redis.Redis.from_url(shared_redis.url) as admin:
            admin.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            while len(admin.client_list()) > 1:
                pass
        # The loop had no time to learn of it.
        assert (await lockwatch.ratelimit("closed", 10, 60)).remaining == 7
        await lockwatch.aclose()

    asyncio.run(check())


def test_a_restarted_server_is_used_again() -> None:
    async def check() -> None:
        with RedisServer() as server:
            lockwatch = AsyncLockWatch(server.url, connect_timeout=5, command_timeout=5)
            assert await lockwatch.ratelimit("a", 10, 60)
            server.kill()
            with pytest.raises(UnavailableError):
                await lockwatch.ratelimit("a", 10, 60)
            with RedisServer(port=server.port):
                assert await lockwatch.ratelimit("a", 10, 60)
            await lockwatch.aclose()

    asyncio.run(check())


def test_event_loops_of_several_threads_share_a_client(shared_redis: RedisServer) -> None:
    lockwatch = AsyncLockWatch(shared_redis.url, connect_timeout=5, command_timeout=5)
    answered: list[int] = []

    async def ask() -> None:
        for n in range(1, 200):
            result = await lockwatch.peek(f"loops{n}", n, 60)
            answered.append(result.limit)
        await lockwatch.aclose()

    threads = [threading.Thread(target=lambda: asyncio.run(ask()), daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(answered) == sorted(list(range(1, 200)) * 3)


def test_a_closed_event_loop_is_not_kept(shared_redis: RedisServer) -> None:
    lockwatch = AsyncLockWatch(shared_redis.url, connect_timeout=5, command_timeout=5)

    def once() -> weakref.ref[asyncio.AbstractEventLoop]:
        loop = asyncio.new_event_loop()
        assert loop.run_until_complete(lockwatch.peek("over", 7, 60)).limit == 7
        loop.close()
        return weakref.ref(loop)

    first = once()
    once()
    gc.collect()
    assert first() is None


def test_a_batch_that_is_never_sent_times_out(shared_redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lockwatch.redis.loop_batches.LoopBatches._flush", lambda _: None)

    async def check() -> None:
        lockwatch = AsyncLockWatch(shared_redis.url, connect_timeout=0.1, command_timeout=0.1)
        began = time.monotonic()
        with pytest.raises(UnavailableError) as away:
            await lockwatch.peek("never", 7, 60)
        assert away.value.code == "TIMEOUT"
        assert time.monotonic() - began < 5

    asyncio.run(check())
