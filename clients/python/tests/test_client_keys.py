"""Why was Bob denied? Let Bob in again: `inspect` and `reset`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import redis
from fastapi.testclient import TestClient
from redis.crc import key_slot

from lockwatch import (
    AsyncLockWatch,
    ConfigurationError,
    LockWatch,
    LockWatchWSGIMiddleware,
    UnavailableError,
)
from lockwatch.testing import RedisServer, Stub
from support.audit import events
from support.both import LONG_TIMEOUTS, MAKERS, Blocking
from support.cluster import cluster

STRANGE = ["a*b", "a?b", "a[bc]d", "a\\*", "a]b", "a^-b", "nul\0nul", "line\nbreak", "a}b{c", "bób", "long" * 50]


def use(lw: Any, prefix: str) -> None:
    """Makes a key of each kind."""
    lw.ratelimit(f"{prefix}:default", "10/minute; 100/hour; 1000/day", cost=3)
    lw.ratelimit(f"{prefix}:post-login", "5/minute")
    lw.ratelimit(f"{prefix}:default:unverified", "100/hour", cost=2)
    lw.ratelimit(f"{prefix}:limit:orders", "1/hour")
    lw.burst(f"{prefix}:burst", 50, 10)


@pytest.mark.parametrize("kind", MAKERS)
def test_the_keys_of_a_client(shared_redis: RedisServer, kind: str) -> None:
    lw = MAKERS[kind](shared_redis.url)
    try:
        for name in ("bob", "bobby", "b"):
            use(lw, f"lw:{{key:{name}}}")
        found = lw.client_keys(key="bob")
        assert [(each.key, each.policy, each.kind) for each in found] == [
            ("lw:{key:bob}:burst", None, "burst"),
            ("lw:{key:bob}:default", "default", "limit"),
            ("lw:{key:bob}:default:unverified", "default", "unverified"),
            ("lw:{key:bob}:limit:orders", "orders", "route limit"),
            ("lw:{key:bob}:post-login", "post-login", "limit"),
        ]
        used = [(each.last_minute, each.last_hour, each.last_day) for each in found]
        assert used == [(None, None, None), (3, 3, 3), (2, 2, 2), (1, 1, 1), (1, 1, 1)]
        lifetimes = [10, 86_400, 3_600, 3_600, 60]
        for each, seconds in zip(found, lifetimes, strict=True):
            assert each.expires_in is not None
            assert 0 < each.expires_in <= seconds + 60
        assert [each.key for each in lw.client_keys(client="key:bob")] == [each.key for each in found]
        assert lw.reset(key="bob") == 5
        assert lw.client_keys(key="bob") == []
        assert lw.reset(key="bob") == 0
        assert [len(lw.client_keys(key=name)) for name in ("bobby", "b")] == [5, 5]
        assert [lw.reset(key=name) for name in ("bobby", "b")] == [5, 5]
    finally:
        lw.close()


def test_units_are_those_of_each_window(shared_redis: RedisServer) -> None:
    with LockWatch(shared_redis.url, **LONG_TIMEOUTS) as lw, redis.Redis.from_url(shared_redis.url) as admin:
        lw.ratelimit("lw:{key:windows}:default", "1000/day", cost=7)
        lw.ratelimit("lw:{key:windows}:default", "1000/day", cost=5)
        [found] = lw.client_keys(key="windows")
        assert (found.last_minute, found.last_hour, found.last_day) == (12, 12, 12)
        # A key that lockwatch has not made.
        admin.set("lw:{key:windows}:other", "text")
        assert [(each.policy, each.last_day, each.expires_in) for each in lw.client_keys(key="windows")][1:] == [
            ("other", None, None)
        ]


def test_addresses_long_keys_and_prefixes(shared_redis: RedisServer) -> None:
    with LockWatch(shared_redis.url, **LONG_TIMEOUTS) as lw:
        for client in ("ip:203.0.113.9", "ip:2001:db8:1:2::/64", "key:42"):
            lw.ratelimit(f"shop:{{{client}}}:default", "5/minute")
            lw.ratelimit(f"lw:{{{client}}}:default", "5/minute")
        assert lw.reset(address="203.0.113.9") == 1
        assert lw.reset(address="::ffff:203.0.113.9", key_prefix="shop") == 1
        assert lw.reset(address="2001:db8:1:2:3::4", key_prefix="shop") == 1
        assert lw.reset(key=42) == 1
        assert [each.key for each in lw.client_keys(key=42, key_prefix="shop")] == ["shop:{key:42}:default"]


def test_of_a_service(shared_redis: RedisServer) -> None:
    with LockWatch(shared_redis.url, service="shop", **LONG_TIMEOUTS) as lw:
        for prefix in ("lw:shop", "lw:cafe", "lw"):
            lw.ratelimit(f"{prefix}:{{key:served}}:default", "5/minute")
        assert [each.key for each in lw.client_keys(key="served")] == ["lw:shop:{key:served}:default"]
        assert lw.reset(key="served") == 1


@pytest.mark.parametrize("given", STRANGE)
def test_a_pattern_in_a_key_matches_only_itself(shared_redis: RedisServer, given: str) -> None:
    stub = Stub()
    app = LockWatchWSGIMiddleware(hello, redis=stub, key_func=lambda _request: given)
    list(app({"REQUEST_METHOD": "GET", "PATH_INFO": "/", "REMOTE_ADDR": "203.0.113.9"}, lambda *_: print))
    key = stub.called("LW.RATELIMIT")[0][1]
    with LockWatch(shared_redis.url, **LONG_TIMEOUTS) as lw:
        others = [f"lw:{{key:{other}}}:default" for other in ("aXb", "ab", "acd", "abd", "aXX*", "nul")]
        for each in (key, *others):
            lw.ratelimit(each, "5/minute")
        assert [each.key for each in lw.client_keys(key=given)] == [key]
        assert lw.reset(key=given) == 1
        assert lw.client_keys(key=given) == []
        assert all(len(lw.client_keys(client=each[len("lw:{") : each.rindex("}")])) == 1 for each in others)


@pytest.mark.parametrize("kind", MAKERS)
def test_the_keys_of_a_longer_client_are_left_alone(shared_redis: RedisServer, kind: str) -> None:
    lw = MAKERS[kind](shared_redis.url)
    try:
        # The client is "brace}:x", and its keys start with what those of "brace" start with.
        names = ("brace", "brace}:x")
        for name in names:
            use(lw, f"lw:{{key:{name}}}")
        assert [len(lw.client_keys(key=name)) for name in names] == [5, 5]
        assert lw.reset(key="brace") == 5
        assert [len(lw.client_keys(key=name)) for name in names] == [0, 5]
        assert lw.reset(key="brace}:x") == 5
    finally:
        lw.close()


@pytest.mark.parametrize("kind", MAKERS)
def test_a_key_that_is_not_utf_8(shared_redis: RedisServer, kind: str) -> None:
    lw = MAKERS[kind](shared_redis.url)
    key = b"lw:{key:raw}:\xff\xfe"
    with redis.Redis.from_url(shared_redis.url) as admin:
        admin.execute_command("LW.RATELIMIT", key, 5, 60)
        try:
            [found] = lw.client_keys(key="raw")
            assert (found.key, found.policy, found.last_day) == ("lw:{key:raw}:\\xff\\xfe", "\\xff\\xfe", 1)
            assert lw.reset(key="raw") == 1
            assert not admin.exists(key)
        finally:
            lw.close()


def hello(_environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b"hello"]


def test_among_ten_thousand_other_keys(shared_redis: RedisServer) -> None:
    with LockWatch(shared_redis.url, **LONG_TIMEOUTS) as lw, redis.Redis.from_url(shared_redis.url) as admin:
        with admin.pipeline(transaction=False) as pipe:
            for number in range(10_000):
                pipe.set(f"lw:{{key:crowd{number}}}:default", "")
            pipe.execute()
        use(lw, "lw:{key:crowd}")
        assert len(lw.client_keys(key="crowd")) == 5
        assert lw.reset(key="crowd") == 5
        assert admin.exists("lw:{key:crowd1}:default")
        admin.flushall()


def test_on_a_cluster() -> None:
    with cluster() as nodes:
        clients: list[Any] = [
            LockWatch(nodes.url, cluster=True, **LONG_TIMEOUTS),
            Blocking(nodes.url, {**LONG_TIMEOUTS, "cluster": True}),
        ]
        for lw in clients:
            names = [f"user{number}" for number in range(12)]
            assert len({nodes.owner(key_slot(f"key:{name}".encode())).port for name in names}) == 3
            for name in names:
                use(lw, f"lw:{{key:{name}}}")
            assert [len(lw.client_keys(key=name)) for name in names] == [5] * 12
            assert [lw.reset(key=name) for name in names] == [5] * 12
            assert [lw.client_keys(key=name) for name in names] == [[]] * 12
            lw.close()


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"client": "key:a", "key": "a"},
        {"key": ""},
        {"client": ""},
        {"address": "bob"},
        *({"key": "a", "key_prefix": prefix} for prefix in ("{", "a b", "")),
        *({"key": key} for key in (True, False, b"bob", 1.5, ["bob"], object())),
    ],
)
def test_wrong_arguments(given: Any) -> None:
    with pytest.raises(ConfigurationError):
        LockWatch(Stub()).client_keys(**given)
    with pytest.raises(ConfigurationError):
        asyncio.run(AsyncLockWatch("redis://localhost").reset(**given))


def test_rights() -> None:
    with RedisServer() as server, redis.Redis.from_url(server.url) as admin:
        rights = "on >pw resetkeys ~lw:* resetchannels -@all +lw.peek +scan +pttl +unlink"
        admin.execute_command("ACL", "SETUSER", "support", *rights.split())
        admin.execute_command("LW.RATELIMIT", "lw:{key:bob}:default", "5", "60")
        with LockWatch(f"redis://support:pw@127.0.0.1:{server.port}", **LONG_TIMEOUTS) as lw:
            assert lw.client_keys(key="bob")[0].last_minute == 1
            assert lw.reset(key="bob") == 1
            admin.execute_command("ACL", "SETUSER", "support", "-scan")
            with pytest.raises(UnavailableError, match="scan"):
                lw.client_keys(key="bob")


def test_why_was_bob_denied_and_let_bob_in_again() -> None:
    from fastapi import Depends, FastAPI, Request  # noqa: PLC0415

    from lockwatch import LockWatchMiddleware  # noqa: PLC0415
    from lockwatch.fastapi import limit  # noqa: PLC0415

    with RedisServer() as server:
        lw = AsyncLockWatch(server.url, **LONG_TIMEOUTS)
        app = FastAPI()
        app.add_middleware(LockWatchMiddleware, redis=lw)

        def whose(request: Request) -> str | None:
            return request.headers.get("x-user")

        @app.get("/orders", dependencies=[Depends(limit(lw, "2/hour", key=whose))])
        async def orders() -> str:
            return "orders"

        with TestClient(app, client=("203.0.113.9", 1), headers={"x-user": "bob"}) as client:
            assert [client.get("/orders").status_code for _ in range(3)] == [200, 200, 429]
            [*_, denied] = events(server.url, 3, user="bob")
            assert denied.limited
            assert denied.data == {
                "policy": "get-orders",
                "key": "lw:{key:bob}:limit:get-orders",
                "limit": 2,
                "window": 3600,
                "retry_after": denied.data["retry_after"],
                "client": "key:bob",
            }
            assert 3500 < denied.data["retry_after"] <= 3600
            with LockWatch(server.url, **LONG_TIMEOUTS) as support:
                [key] = support.client_keys(client=denied.data["client"])
                assert (key.key, key.last_hour) == (denied.data["key"], 2)
                assert support.reset(client=denied.data["client"]) == 1
            assert client.get("/orders").status_code == 200
