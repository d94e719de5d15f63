"""The storage for the package limits. Its own tests are run by scripts/peers.sh."""

from __future__ import annotations

import time
from typing import Any

import pytest
import redis
from limits import RateLimitItem, RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.errors import ConfigurationError, StorageError
from limits.storage import storage_from_string

import lockwatch
from lockwatch.limits_storage import LockWatchStorage
from lockwatch.testing import AsyncStub, RedisServer, Stub
from lockwatch.testing.server import free_port
from support.cluster import cluster
from support.sentinel import sentinel
from support.storages import KINDS, STRATEGIES, limiter, storage, uri_of

EACH = pytest.mark.parametrize("kind", KINDS)


@pytest.mark.parametrize("strategy", STRATEGIES)
@EACH
def test_no_window_of_a_second_admits_more_than_the_limit(kind: str, strategy: str, shared_redis: RedisServer) -> None:
    asked = limiter(kind, strategy, uri_of(shared_redis.url))
    limit = RateLimitItemPerSecond(5, namespace=f"{kind} {strategy}")
    admitted: list[tuple[float, float]] = []
    end = time.monotonic() + 2.5
    while (before := time.monotonic()) < end:
        if asked.hit(limit, "edge"):
            admitted.append((before, time.monotonic()))
    # A fixed window would admit ten within a moment at its edge.
    for (before, _), (_, after) in zip(admitted, admitted[5:], strict=False):
        assert after - before > 0.998
    assert len(admitted) == 15, "what leaves the window is admitted again at once"


@pytest.mark.parametrize("strategy", STRATEGIES)
@EACH
def test_denied_units_are_not_counted(kind: str, strategy: str, shared_redis: RedisServer) -> None:
    asked = limiter(kind, strategy, uri_of(shared_redis.url))
    limit = RateLimitItemPerMinute(10, namespace=f"denied {kind} {strategy}")
    assert asked.hit(limit, "a", cost=7)
    assert not any(asked.hit(limit, "a", cost=4) for _ in range(9))
    assert asked.hit(limit, "a", cost=0)
    assert asked.test(limit, "a", cost=3)
    assert asked.get_window_stats(limit, "a").remaining == 3
    assert asked.hit(limit, "a", cost=3)
    assert not asked.test(limit, "a")
    assert asked.get_window_stats(limit, "a").reset_time == pytest.approx(time.time() + 60, abs=5)
    asked.clear(limit, "a")
    assert asked.get_window_stats(limit, "a").remaining == 10


@EACH
def test_a_storage_behind_a_socket_a_sentinel_and_in_a_cluster(kind: str) -> None:
    with RedisServer("--unixsocket", "redis.sock") as server, sentinel(server) as port, cluster() as nodes:
        named = ",".join(f"127.0.0.1:{node.port}" for node in nodes.nodes)
        for uri in (
            f"lockwatch+unix://{server.directory}/redis.sock",
            f"lockwatch+sentinel://127.0.0.1:{port}/main",
            f"lockwatch+cluster://{named}",
        ):
            limit = RateLimitItemPerMinute(1)
            asked = limiter(kind, "moving-window", uri, key_prefix="own[x]")
            assert [asked.hit(limit, str(at // 2)) for at in range(40)] == [True, False] * 20
            stored = storage(kind, uri, key_prefix="own[x]")
            assert stored.check()
            assert stored.reset() == 20
            assert stored.get(limit.key_for("1")) == 0


@EACH
def test_the_check_fails_where_units_cannot_be_recorded(kind: str, shared_redis: RedisServer) -> None:
    uri = uri_of(shared_redis.url)
    with redis.Redis.from_url(shared_redis.url) as admin:
        stored = storage(kind, uri, key_prefix=f"check-{kind}")
        assert stored.check()
        assert not admin.keys(f"check-{kind}*")
        admin.config_set("maxmemory", "1")
        assert not stored.check()
        admin.config_set("maxmemory", "0")
        assert stored.check()
        admin.replicaof("127.0.0.1", free_port())
        assert not stored.check()
        admin.replicaof("NO", "ONE")
    assert not storage(kind, f"lockwatch://127.0.0.1:{free_port()}").check()


@pytest.mark.parametrize("wrapped", [False, True])
@EACH
def test_a_server_that_is_away_is_an_error(kind: str, wrapped: bool) -> None:
    for strategy in STRATEGIES:
        asked = limiter(kind, strategy, f"lockwatch://127.0.0.1:{free_port()}", wrap_exceptions=wrapped)
        with pytest.raises(StorageError if wrapped else lockwatch.UnavailableError):
            asked.hit(RateLimitItemPerMinute(1), "a")
        with pytest.raises(StorageError if wrapped else lockwatch.UnavailableError):
            asked.get_window_stats(RateLimitItemPerMinute(1), "a")


def limits_of(kind: str, uri: str) -> Any:
    return storage_from_string(uri if kind == "sync" else f"async+{uri}")


class Renamed(RateLimitItemPerMinute):
    """A limit whose keys do not contain it."""

    def key_for(self, *identifiers: Any) -> str:
        return "/".join(str(each) for each in identifiers)


class Other(RateLimitItemPerMinute):
    """A limit whose window is not the one in its keys."""

    def get_expiry(self) -> int:
        return 61


@pytest.mark.parametrize("item", [Renamed(5), Other(5)])
@EACH
def test_a_fixed_window_whose_limit_is_unknown_is_refused(
    kind: str, item: RateLimitItem, shared_redis: RedisServer
) -> None:
    uri = uri_of(shared_redis.url)
    with pytest.raises(lockwatch.ConfigurationError, match="use the strategy 'moving-window'"):
        limiter(kind, "fixed-window", uri).hit(item, "a")
    asked = limiter(kind, "moving-window", uri)
    assert [asked.hit(item, kind, str(type(item))) for _ in range(6)] == [True] * 5 + [False]


@pytest.mark.parametrize(
    "uri",
    [
        "lockwatch://user:s3cret@host:port/0",
        "lockwatch+sentinel://user:s3cret@host:26379",
        "lockwatch+sentinel://host:s3cret/main",
        "lockwatch+cluster://",
        "lockwatch+cluster://:s3cret@host:port",
    ],
)
@EACH
def test_a_wrong_uri_is_an_error_of_limits_without_the_password(kind: str, uri: str) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        storage(kind, uri)
    assert "s3cret" not in str(wrong.value)
    assert "lockwatch+" in str(wrong.value)


@pytest.mark.parametrize("kind", KINDS)
def test_options_go_to_lockwatch_and_to_redis_py(kind: str) -> None:
    with pytest.raises(lockwatch.ConfigurationError, match="command_timeout of"):
        limits_of(kind, "lockwatch://localhost?db=1&command_timeout=soon")
    with pytest.raises(lockwatch.ConfigurationError, match="breaker_timeouts of"):
        limits_of(kind, "lockwatch://localhost?breaker_timeouts=0.5")
    limits_of(kind, "lockwatch://localhost?db=1&command_timeout=500ms&breaker_timeouts=5&breaker_seconds=0.5")
    with RedisServer("--requirepass", "s3cret", url=f"redis://:s3cret@127.0.0.1:{(port := free_port())}", port=port):
        asked = limiter(kind, "moving-window", f"lockwatch://127.0.0.1:{port}", password="s3cret", db=0)
        assert asked.hit(RateLimitItemPerMinute(1), "a")
        with pytest.raises(lockwatch.UnavailableError, match="NOAUTH"):
            limiter(kind, "moving-window", f"lockwatch://127.0.0.1:{port}").hit(RateLimitItemPerMinute(1), "a")
    with pytest.raises(lockwatch.ConfigurationError, match="command_timeout of"):
        storage(kind, "lockwatch://localhost", command_timeout="soon")
    with pytest.raises(lockwatch.ConfigurationError, match="key_prefix"):
        storage(kind, "lockwatch://localhost", key_prefix="{x}")
    with pytest.raises(ConfigurationError, match="'pasword'") as misspelt:
        storage(kind, "lockwatch://localhost", pasword="s3cret")
    assert "s3cret" not in str(misspelt.value)


@EACH
def test_a_user_needs_few_rights(kind: str) -> None:
    with RedisServer() as server:
        with redis.Redis.from_url(server.url) as admin:
            # The rights that the reference names.
            rights = "~lw:* +lw.ratelimit +lw.mratelimit +lw.inspect +unlink"
            admin.execute_command("ACL", "SETUSER", "api", "on", ">s3cret", "-@all", *rights.split())
        for strategy in STRATEGIES:
            asked = limiter(kind, strategy, f"lockwatch://api:s3cret@127.0.0.1:{server.port}")
            limit = RateLimitItemPerMinute(1, namespace=strategy)
            assert [asked.hit(limit, "a") for _ in range(2)] == [True, False]
            assert not asked.test(limit, "a")
            assert asked.get_window_stats(limit, "a").remaining == 0
            asked.clear(limit, "a")
            assert asked.test(limit, "a")
        assert storage(kind, f"lockwatch://api:s3cret@127.0.0.1:{server.port}").check()


def test_a_storage_may_share_a_client() -> None:
    stub = Stub()
    stub.answer("LW.RATELIMIT", [0, 5, 4, 0, 60_000])
    with lockwatch.LockWatch(stub) as client:
        shared = LockWatchStorage("lockwatch://", lockwatch=client)
        item = RateLimitItemPerMinute(5)
        assert shared.incr(item.key_for("a/b"), item.get_expiry()) == 1
        stub.unavailable("TIMEOUT")
        for _ in range(4):
            with pytest.raises(lockwatch.UnavailableError):
                shared.incr(item.key_for("a/b"), item.get_expiry())
        assert client.stats().requests == {"limits": {"allowed": 1, "failed_open": 3, "bypassed": 1}}
        assert client.stats().limits_off
    assert stub.called("LW.RATELIMIT") == [("LW.RATELIMIT", "lw:limits:LIMITER/a/b/5/1/minute", "5", "60")]
    with pytest.raises(NotImplementedError):
        shared.reset()
    with pytest.raises(lockwatch.ConfigurationError, match="needs a LockWatch"):
        LockWatchStorage("lockwatch://", lockwatch=lockwatch.AsyncLockWatch(AsyncStub()))


@EACH
def test_the_reset_of_a_whole_window_is_its_end(kind: str) -> None:
    stub: Any = Stub() if kind == "sync" else AsyncStub()
    window = {b"window_ms": 60_000, b"used": 1, b"first_free_ms": 60_000, b"reset_ms": 60_000}
    report = {b"type": b"limiter", b"bytes": 64, b"entries": 1, b"expires_ms": -1, b"windows": [window]}
    stub.answer("LW.INSPECT", report)
    client: Any = lockwatch.LockWatch(stub) if kind == "sync" else lockwatch.AsyncLockWatch(stub)
    asked = limiter(kind, "sliding-window-counter", "lockwatch://", lockwatch=client)
    assert asked.get_window_stats(RateLimitItemPerMinute(5), "a").reset_time == pytest.approx(time.time() + 60, abs=5)
