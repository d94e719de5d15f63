"""Sources of connections: a Unix socket, a database, sentinels, a bounded pool."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.sentinel import Sentinel

from lockwatch import (
    AsyncLockWatch,
    ConfigurationError,
    LockWatch,
    LockWatchMiddleware,
    LockWatchWSGIMiddleware,
    UnavailableError,
)
from lockwatch.testing import AsyncStub, RedisServer, Stub
from lockwatch.testing.server import free_port
from support.waiting import wait_for


def test_a_unix_socket_and_a_database(tmp_path: Path) -> None:
    path = tmp_path / "redis.sock"
    with RedisServer("--unixsocket", str(path)) as server:
        url = f"unix://{path}?db=3"
        with LockWatch(url, connect_timeout=5, command_timeout=5) as lockwatch:
            assert lockwatch.ratelimit("a", 2, 60).remaining == 1

        async def check() -> None:
            made = AsyncLockWatch(url, connect_timeout=5, command_timeout=5)
            assert (await made.ratelimit("a", 2, 60)).remaining == 0
            await made.aclose()

        asyncio.run(check())
        with redis.Redis.from_url(f"{server.url}/3") as client:
            assert client.keys() == [b"a"]


@pytest.fixture
def sentinel(tmp_path: Path) -> Iterator[int]:
    port = free_port()
    with RedisServer() as server:
        configuration = tmp_path / "sentinel.conf"
        configuration.write_text(f"port {port}\nsentinel monitor main 127.0.0.1 {server.port} 1\n")
        process = subprocess.Popen(
            [os.environ.get("LOCKWATCH_SERVER", "redis-server"), str(configuration), "--sentinel"],
            stdout=subprocess.DEVNULL,
            cwd=tmp_path,
        )
        try:
            wait_for("the sentinel", lambda: knows(port))
            yield port
        finally:
            process.kill()
            process.wait()


def knows(port: int) -> bool:
    try:
        return bool(Sentinel([("127.0.0.1", port)], socket_timeout=1).discover_master("main"))
    except redis.RedisError:
        return False


def test_a_sentinel(sentinel: int) -> None:
    primary = Sentinel([("127.0.0.1", sentinel)]).master_for("main", decode_responses=True)
    with LockWatch(primary, connect_timeout=5, command_timeout=5) as lockwatch:
        assert lockwatch.ratelimit("a", 2, 60).remaining == 1

    async def check() -> None:
        primary = AsyncSentinel([("127.0.0.1", sentinel)]).master_for("main")
        made = AsyncLockWatch(primary, connect_timeout=5, command_timeout=5)
        assert (await made.ratelimit("a", 2, 60)).remaining == 0
        await made.aclose()

    asyncio.run(check())


def test_a_sentinel_that_hangs() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sentinels = [("127.0.0.1", silent.getsockname()[1])]
        with LockWatch(Sentinel(sentinels).master_for("main"), connect_timeout=0.2) as lockwatch:
            codes = []
            began = time.monotonic()

            def ask() -> None:
                for _ in range(4):
                    with pytest.raises(UnavailableError) as away:
                        lockwatch.ratelimit("a", 2, 60)
                    codes.append(away.value.code)

            asking = threading.Thread(target=ask, daemon=True)
            asking.start()
            asking.join(10)
            assert codes == ["TIMEOUT", "TIMEOUT", "TIMEOUT", "BYPASSED"]
            assert time.monotonic() - began < 5


def test_a_client_keeps_its_own_connections(shared_redis: RedisServer) -> None:
    client = redis.Redis.from_url(shared_redis.url, max_connections=1)
    with client.pipeline() as busy:
        busy.watch("a")
        with LockWatch(client, connect_timeout=5, command_timeout=5) as lockwatch:
            assert lockwatch.ratelimit("kept", 2, 60)
    assert client.ping()
    client.close()


def test_an_invalid_source_is_refused_at_once() -> None:
    not_synchronous: list[Any] = ["localhost:6379", "http://localhost", redis.asyncio.Redis(), AsyncStub(), 7]
    for source in not_synchronous:
        with pytest.raises(ConfigurationError):
            LockWatchWSGIMiddleware(lambda *_: [], redis=source)
    not_asynchronous: list[Any] = ["localhost:6379", redis.Redis(), Stub(), None]
    for source in not_asynchronous:
        with pytest.raises(ConfigurationError):
            LockWatchMiddleware(unreached, redis=source)
    not_one_source: list[Any] = [
        {},
        {"redis": "redis://a", "redis_url": "redis://a"},
        {"redis_url": "redis://a", "rate_limit": 5},
    ]
    for options in not_one_source:
        with pytest.raises(ConfigurationError):
            LockWatchMiddleware(unreached, **options)


async def unreached(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("no request was sent")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: LockWatch(redis.asyncio.Redis()), "this Redis is asynchronous: it works with AsyncLockWatch"),  # type: ignore[arg-type]
        (lambda: AsyncLockWatch(redis.Redis()), "this Redis is synchronous: it works with LockWatch"),  # type: ignore[arg-type]
        (lambda: LockWatch(AsyncLockWatch(AsyncStub())), "this AsyncLockWatch is asynchronous"),  # type: ignore[arg-type]
        (lambda: AsyncLockWatch(LockWatch(Stub())), "this LockWatch is synchronous"),  # type: ignore[arg-type]
        (lambda: LockWatch(Sentinel([])), r"write sentinel\.master_for\('name'\)"),  # type: ignore[arg-type]
        (lambda: AsyncLockWatch(AsyncSentinel([])), r"write sentinel\.master_for\('name'\)"),  # type: ignore[arg-type]
        (lambda: LockWatch(redis.ConnectionPool()), r"write redis\.Redis\(connection_pool=pool\)"),  # type: ignore[arg-type]
        (lambda: LockWatch(redis.Redis), "Redis is a class and not an object"),  # type: ignore[arg-type]
        (lambda: LockWatch(None), "NoneType can't be used to reach Redis"),  # type: ignore[arg-type]
        (lambda: LockWatch(6379), "int can't be used to reach Redis"),  # type: ignore[arg-type]
    ],
)
def test_an_unusable_source_is_told_what_works(make: Callable[[], Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told) as refused:
        make()
    assert "expected a" in str(refused.value)
    assert "a URL like 'redis://localhost:6379'" in str(refused.value)


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (LockWatch("redis://u:s3cret@example.com:6380/2"), "example.com:6380"),
        (LockWatch("redis://[::1]"), "[::1]:6379"),
        (LockWatch("unix:///tmp/redis.sock"), "/tmp/redis.sock"),
        (LockWatch("redis://u:s3cret@a:7000", cluster=True), "a:7000 (cluster)"),
        (LockWatch(redis.Redis()), "localhost:6379"),
        (LockWatch(Sentinel([("a", 26379)]).master_for("main")), "main (Sentinel)"),
        (LockWatch(Stub()), None),
        (AsyncLockWatch("rediss://u:s3cret@example.com"), "example.com:6379"),
        (AsyncLockWatch("redis://u:s3cret@a:7000", cluster=True), "a:7000 (cluster)"),
        (AsyncLockWatch(AsyncSentinel([("a", 26379)]).master_for("main")), "main (Sentinel)"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)
def test_the_name_of_a_server_has_no_password(client: Any, server: str | None) -> None:
    assert client.server == server


def test_no_password_in_an_error() -> None:
    with pytest.raises(ConfigurationError) as error:
        LockWatch("rediss://user:s3cret@host:port")
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    ["redis://u:hun/ter2@host:6379", "redis://u:hun[ter2@host", "redis://u:hun#ter2@host", "redis://u:p@host:hunter2"],
)
@pytest.mark.parametrize("cluster", [False, True])
def test_no_part_of_a_password_in_an_error(url: str, cluster: bool) -> None:
    for client in (LockWatch, AsyncLockWatch):
        with pytest.raises(ConfigurationError, match="can't be used") as refused:
            client(url, cluster=cluster)
        told = "".join(traceback.format_exception_only(refused.value))
        assert "hun" not in told
        assert "ter2" not in told
        assert refused.value.__cause__ is None
        assert refused.value.__suppress_context__
