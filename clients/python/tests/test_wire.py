"""The connections of an event loop: deadlines, ends, and what is sent without being asked for."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from os import kill
from typing import Any

import pytest
import redis

from lockwatch import AsyncLockWatch, UnavailableError
from lockwatch.redis.deadlines import Deadlines
from lockwatch.testing import RedisServer

PEEK = b"*5\r\n:0\r\n:7\r\n:7\r\n:0\r\n:0\r\n"
PATIENT: dict[str, Any] = {"connect_timeout": 5, "command_timeout": 5}

pytestmark = pytest.mark.usefixtures("each_event_loop")


@asynccontextmanager
async def scripted(answer: Callable[[bytes, asyncio.StreamWriter], None]) -> AsyncIterator[str]:
    """The URL of a server that answers the handshake of redis-py, and all else as `answer` does."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            if b"LW." in data:
                answer(data, writer)
            else:
                writer.write(b"+OK\r\n" * data.count(b"*"))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1")
    try:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def test_what_nobody_asked_for_is_not_taken_for_an_answer() -> None:
    answers = [PEEK + PEEK, PEEK]

    async def check() -> None:
        opened = []

        def answer(_data: bytes, writer: asyncio.StreamWriter) -> None:
            opened.append(writer)
            writer.write(answers.pop(0))

        async with scripted(answer) as url:
            lockwatch = AsyncLockWatch(url, **PATIENT)
            assert (await lockwatch.peek("a", 7, 60)).limit == 7
            assert (await lockwatch.peek("a", 7, 60)).limit == 7
            await lockwatch.aclose()
        assert len(set(opened)) == 2, "the connection with a reply too many was used again"

    asyncio.run(check())


def test_an_answer_that_is_no_resp_fails_its_call_and_closes_the_connection() -> None:
    async def check() -> None:
        async with scripted(lambda _data, writer: writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as url:
            lockwatch = AsyncLockWatch(url, **PATIENT)
            for _ in range(2):
                with pytest.raises(UnavailableError):
                    await lockwatch.peek("a", 7, 60)
            await lockwatch.aclose()

    asyncio.run(check())


def test_an_answer_byte_by_byte_has_the_time_of_the_command() -> None:
    async def check() -> None:
        def drip(_data: bytes, writer: asyncio.StreamWriter) -> None:
            def one(at: int) -> None:
                writer.write(PEEK[at : at + 1])
                if at < len(PEEK):
                    asyncio.get_running_loop().call_later(0.05, one, at + 1)

            one(0)

        async with scripted(drip) as url:
            lockwatch = AsyncLockWatch(url, connect_timeout=5, command_timeout=0.3)
            began = time.monotonic()
            with pytest.raises(UnavailableError) as late:
                await lockwatch.peek("a", 7, 60)
            assert late.value.code == "TIMEOUT"
            assert 0.3 <= time.monotonic() - began < 1.2
            await lockwatch.aclose()

    asyncio.run(check())


def test_a_connection_that_is_lost_fails_its_calls_at_once() -> None:
    async def check() -> None:
        with RedisServer() as server:
            lockwatch = AsyncLockWatch(server.url, **PATIENT)
            assert await lockwatch.peek("a", 7, 60)
            kill(server.pid, signal.SIGSTOP)
            calls = [asyncio.create_task(lockwatch.ratelimit("a", 7, 60)) for _ in range(3)]
            await asyncio.sleep(0.05)
            assert not any(call.done() for call in calls)
            began = time.monotonic()
            server.kill()
            done = await asyncio.gather(*calls, return_exceptions=True)
            assert [each.code for each in done if isinstance(each, UnavailableError)] == ["CONNECTION"] * 3
            assert time.monotonic() - began < 2
            await lockwatch.aclose()

    asyncio.run(check())


def test_closing_waits_for_what_is_running(shared_redis: RedisServer) -> None:
    async def check() -> None:
        lockwatch = AsyncLockWatch(shared_redis.url, **PATIENT)
        assert await lockwatch.ratelimit("closing", 7, 60)
        calls = [asyncio.create_task(lockwatch.ratelimit("closing", 7, 60)) for _ in range(3)]
        await asyncio.sleep(0)
        await lockwatch.aclose()
        assert [call.result().remaining for call in calls if call.done()] == [5, 4, 3]

    asyncio.run(check())


def test_a_hung_server_leaves_no_timer_and_no_task_behind(shared_redis: RedisServer) -> None:
    async def check() -> None:
        lockwatch = AsyncLockWatch(shared_redis.url, connect_timeout=1, command_timeout=0.2)
        assert await lockwatch.peek("a", 7, 60)
        kill(shared_redis.pid, signal.SIGSTOP)
        try:
            for _ in range(2):
                with pytest.raises(UnavailableError):
                    await lockwatch.peek("a", 7, 60)
        finally:
            kill(shared_redis.pid, signal.SIGCONT)
        await lockwatch.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(check())


def test_without_the_transport_of_redis_py_its_own_layers_are_used(
    shared_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lockwatch.redis.loop_batches.transport_of", lambda _connection: None)

    async def check() -> None:
        lockwatch = AsyncLockWatch(shared_redis.url, connect_timeout=1, command_timeout=0.3)
        answers = await asyncio.gather(*(lockwatch.peek(f"k{n}", n, 60) for n in range(1, 200)))
        assert [answer.limit for answer in answers] == list(range(1, 200))
        with redis.Redis.from_url(shared_redis.url) as admin:
            admin.set("text", "no limit")
            admin.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            while len(admin.client_list()) > 1:
                pass
        assert (await lockwatch.peek("a", 7, 60)).limit == 7
        with pytest.raises(Exception, match="WRONGTYPE"):
            await lockwatch.peek("text", 7, 60)
        kill(shared_redis.pid, signal.SIGSTOP)
        try:
            with pytest.raises(UnavailableError) as late:
                await lockwatch.peek("a", 7, 60)
        finally:
            kill(shared_redis.pid, signal.SIGCONT)
        assert late.value.code == "TIMEOUT"
        await lockwatch.aclose()

    asyncio.run(check())


def test_one_timer_serves_all_deadlines() -> None:
    async def check() -> None:
        late: list[str] = []
        deadlines = Deadlines(0.1, late.append)
        began = time.monotonic()
        for name in ("a", "b", "c"):
            deadlines.start(name)
        deadlines.stop("b")
        await asyncio.sleep(0.05)
        deadlines.start("d")
        while len(late) < 3 and time.monotonic() - began < 5:
            await asyncio.sleep(0.01)
            if time.monotonic() - began < 0.1:
                assert not late
        assert late == ["a", "c", "d"]
        assert time.monotonic() - began >= 0.15
        deadlines.start("e")
        deadlines.close()
        await asyncio.sleep(0.15)
        assert late == ["a", "c", "d"]

    asyncio.run(check())
