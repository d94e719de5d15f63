"""Each command, through both clients, over URLs and clients of redis-py."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from os import kill
from typing import Any

import pytest
import redis

from lockwatch import (
    CommandError,
    ConfigurationError,
    FullError,
    Limit,
    LockWatch,
    ModuleMissingError,
    RateLimitResult,
    UnavailableError,
)
from lockwatch.redis import channels
from lockwatch.testing import RedisServer
from lockwatch.testing.server import free_port
from support.both import MAKERS


@pytest.fixture(params=MAKERS)
def client(request: pytest.FixtureRequest, shared_redis: RedisServer) -> Iterator[Any]:
    made = MAKERS[request.param](shared_redis.url)
    yield made
    made.close()


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


def test_ratelimit(client: Any, key: str) -> None:
    first, second = client.ratelimit(key, 1, 60), client.ratelimit(key, 1, 60)
    assert first
    assert (first.allowed, first.limit, first.remaining) == (True, 1, 0)
    assert first.retry_after == timedelta(0)
    assert first.reset_after == timedelta(seconds=60)
    assert not second
    assert timedelta(0) < second.retry_after <= timedelta(seconds=60)
    assert second.headers()["Retry-After"] == "60"


@pytest.mark.parametrize(
    "limits", ["2/minute; 100/hour", [(2, 60), (100, "1h")], [Limit(2, 60_000), Limit(100, 3_600_000)]]
)
def test_every_spelling_of_limits(client: Any, key: str, limits: Any) -> None:
    answer = client.ratelimit(key, limits)
    assert (answer.limit, answer.remaining) == (2, 1)
    assert answer.headers()["RateLimit-Policy"] == '"default-60s";q=2;w=60, "default-3600s";q=100;w=3600'


def test_cost_and_never(client: Any, key: str) -> None:
    assert client.ratelimit(key, 10, timedelta(minutes=1), cost=4).remaining == 6
    never = client.ratelimit(key, 10, 60, cost=11)
    assert not never
    assert never.never
    assert never.retry_after is None
    assert "Retry-After" not in never.headers()


def test_peek(client: Any, key: str) -> None:
    assert client.peek(key, 1, 60)
    assert client.ratelimit(key, 1, 60)
    assert not client.peek(key, 1, 60)
    assert client.peek(key, 1, 60, cost=0).remaining == 0


def test_keys_are_bytes(client: Any, key: str) -> None:
    odd = key.encode() + b"\x00\r\n\xff"
    assert client.ratelimit(odd, 1, 60)
    assert not client.ratelimit(odd, 1, 60)


def test_burst(client: Any, key: str) -> None:
    quiet = client.burst(key, 2, 10)
    loud = client.burst(key, 2, 10, cooldown=300, ip="203.0.113.9", endpoint="/café", method="GET", agent=b"\xff probe")
    assert (bool(quiet), quiet.count, quiet.alerted) == (False, 1, False)
    assert (bool(loud), loud.count, loud.alerted) == (True, 2, True)


def test_alert(client: Any, key: str) -> None:
    assert client.alert("payment.failed", {"order": 7, "name": "Ünal"}, dedup=key, cooldown=60)
    assert client.alert("payment.failed", {"order": 7}, dedup=key, cooldown="1m") is None


def test_audit_and_its_log(client: Any, key: str) -> None:
    moment = (datetime.now(timezone.utc) - timedelta(days=1)).replace(microsecond=678_000)
    event = client.audit(
        kind="export",
        user=key,
        ip="2001:db8::1",
        method="POST",
        endpoint="/v1/items",
        status=201,
        limited=True,
        anomaly=True,
        latency_ms=12.5,
        time=moment,
        data={"rows": [1, None, "x"]},
    )
    plain = client.audit(user=key)
    [newest, found] = client.audit_log(user=key)
    assert (newest.id, newest.kind, newest.ip, newest.status, newest.latency_ms, newest.data) == (
        plain,
        "request",
        None,
        None,
        None,
        None,
    )
    assert found.id == event
    assert (found.timestamp, found.kind, found.user, found.ip) == (moment, "export", key, "2001:db8::1")
    assert (found.method, found.endpoint, found.status) == ("POST", "/v1/items", 201)
    assert found.limited
    assert found.anomaly
    assert found.latency_ms == 12.5
    assert found.data == {"rows": [1, None, "x"]}
    assert [row.id for row in client.audit_log(user=key, count=1, before=plain)] == [event]
    assert client.audit_log(user=key, kind="export", endpoint="/v1", ip="2001:db8::/32", limited=True, anomaly=True)
    assert not client.audit_log(user=key, until=moment - timedelta(seconds=1))
    assert len(client.audit_log(user=key, since=moment)) == 2


def test_errors_have_the_codes(client: Any, key: str) -> None:
    client.burst(key, 2, 10)
    with pytest.raises(CommandError) as wrong_type:
        client.ratelimit(key, 1, 60)
    assert wrong_type.value.code == "WRONGTYPE"
    with pytest.raises(CommandError, match="threshold") as malformed:
        client.burst(f"{key} 2", -1, 10)
    assert malformed.value.code == "ERR"


def test_invalid_arguments_are_refused_before_anything_is_sent(client: Any, key: str) -> None:
    for limits in ([], [(1, n) for n in range(1, 10)], "1/fortnight", [(-1, 60)], [(1, 0)]):
        with pytest.raises(ConfigurationError):
            client.ratelimit(key, limits)
    with pytest.raises(ConfigurationError, match="has no window"):
        client.ratelimit(key, 1)
    with pytest.raises(ConfigurationError, match="one of token=, session=, subject="):
        client.revoke("auth", token="a", subject="b")


@pytest.mark.parametrize("maker", MAKERS)
def test_errors_without_a_server_without_the_module_and_with_a_full_queue(maker: str) -> None:
    nobody = MAKERS[maker](f"redis://127.0.0.1:{free_port()}")
    began = time.monotonic()
    with pytest.raises(UnavailableError) as refused:
        nobody.ratelimit("a", 1, 60)
    assert refused.value.code == "CONNECTION"
    assert time.monotonic() - began < 1, "the retries of the caller's client do not apply"
    nobody.close()
    with RedisServer(module=None) as server:
        without = MAKERS[maker](server.url)
        with pytest.raises(ModuleMissingError, match=r"load liblockwatch\.so"):
            without.ratelimit("a", 1, 60)
        without.close()
    with RedisServer() as server:
        only_one_alert_fits(server)
        full = MAKERS[maker](server.url)
        assert full.alert("a", {})
        with pytest.raises(FullError):
            full.alert("a", {})
        full.close()


def only_one_alert_fits(server: RedisServer) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.config_set("lockwatch.ship", "no")
        client.config_set("lockwatch.webhook-urls", "https://example.com/hook")
        client.config_set("lockwatch.alert-max-events", "1")


def test_the_fixture_starts_a_real_server(lockwatch_redis: RedisServer) -> None:
    with LockWatch(lockwatch_redis.url) as lockwatch:
        assert [lockwatch.ratelimit("a", 1, 60).allowed for _ in range(2)] == [True, False]


def test_a_call_that_timed_out_is_not_sent_again(shared_redis: RedisServer, key: str) -> None:
    """A server that hangs receives the call once, and counts it once when it continues."""
    with LockWatch(shared_redis.url, connect_timeout=1, command_timeout=0.2) as lockwatch:
        assert lockwatch.ratelimit(key, 10, 60).remaining == 9
        kill(shared_redis.pid, signal.SIGSTOP)
        try:
            with pytest.raises(UnavailableError) as late:
                lockwatch.ratelimit(key, 10, 60)
        finally:
            kill(shared_redis.pid, signal.SIGCONT)
        assert late.value.code == "TIMEOUT"
        # This call must not receive the late reply to the one that timed out.
        assert lockwatch.peek(key, 10, 60).remaining == 7


def kill_clients(server: RedisServer) -> None:
    with redis.Redis.from_url(server.url) as admin:
        admin.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


def test_a_connection_that_the_server_closed_while_it_was_idle_is_replaced(
    shared_redis: RedisServer, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if it had been idle for long enough to be checked.
    monkeypatch.setattr(channels, "CHECK_AFTER", 0)
    with LockWatch(shared_redis.url, connect_timeout=5, command_timeout=5) as lockwatch:
        assert lockwatch.ratelimit(key, 10, 60)
        kill_clients(shared_redis)
        assert lockwatch.ratelimit(key, 10, 60).remaining == 8


def test_after_one_closed_connection_no_other_idle_one_is_used(
    shared_redis: RedisServer, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # None is checked before it is used.
    monkeypatch.setattr(channels, "CHECK_AFTER", 60)
    everybody = threading.Barrier(4)
    with LockWatch(shared_redis.url, connect_timeout=5, command_timeout=5) as lockwatch:

        def call() -> None:
            everybody.wait(10)
            lockwatch.ratelimit(key, 100, 60)

        threads = [threading.Thread(target=call) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        kill_clients(shared_redis)
        with pytest.raises(UnavailableError):
            lockwatch.ratelimit(key, 100, 60)
        assert all(lockwatch.ratelimit(key, 100, 60) for _ in range(5))


def test_without_the_socket_of_redis_py_its_own_layers_are_used(
    shared_redis: RedisServer, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "socket_of", lambda _connection: None)
    with LockWatch(shared_redis.url, connect_timeout=5, command_timeout=5) as lockwatch:
        assert lockwatch.ratelimit(key, 10, 60).remaining == 9
        lockwatch.ratelimit(f"{key} text", 1, 60)
        with redis.Redis.from_url(shared_redis.url) as admin:
            admin.set(f"{key} text", "x")
        with pytest.raises(CommandError, match="WRONGTYPE"):
            lockwatch.ratelimit(f"{key} text", 1, 60)
        assert lockwatch.ratelimit(key, 10, 60).remaining == 8


def test_the_socket_of_redis_py_is_found(shared_redis: RedisServer) -> None:
    with redis.Redis.from_url(shared_redis.url) as client:
        connection = client.connection_pool.get_connection()
        assert channels.socket_of(connection) is not None
        client.connection_pool.release(connection)


def test_threads_share_a_client(shared_redis: RedisServer, key: str) -> None:
    answers: list[RateLimitResult] = []
    with LockWatch(shared_redis.url, connect_timeout=5, command_timeout=5) as lockwatch:

        def call() -> None:
            answers.extend(lockwatch.ratelimit(key, 100, 60) for _ in range(50))

        threads = [threading.Thread(target=call) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sum(answer.allowed for answer in answers) == 100
