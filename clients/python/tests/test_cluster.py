"""Both clients and the middleware on a Redis Cluster."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from collections.abc import Iterator
from os import kill
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.asyncio.cluster import RedisCluster as AsyncRedisCluster
from redis.cluster import RedisCluster
from redis.crc import key_slot
from redis.exceptions import RedisClusterException

from lockwatch import AsyncLockWatch, LockWatch, UnavailableError
from lockwatch.http.keys import credential_client
from lockwatch.redis.connection import Command
from lockwatch.testing.server import free_port
from support.audit import recorded
from support.both import Blocking
from support.cluster import Cluster, cluster
from support.waiting import wait_for
from support.web import FRAMEWORKS, Web

README = (Path(__file__).resolve().parents[1] / "README.md").read_text("utf-8")
# How to send commands without a key with redis-py itself.
KEYLESS = (Path(__file__).resolve().parents[3] / "docs" / "guides" / "operate" / "cluster.md").read_text("utf-8")
LONG_TIMEOUTS: dict[str, Any] = {"connect_timeout": 5, "command_timeout": 5}


@pytest.fixture(scope="module")
def nodes() -> Iterator[Cluster]:
    with cluster() as started:
        yield started


@pytest.fixture(params=["a URL", "a client"])
def lockwatch(request: pytest.FixtureRequest, nodes: Cluster) -> Iterator[LockWatch]:
    if request.param == "a URL":
        with LockWatch(nodes.url, cluster=True, **LONG_TIMEOUTS) as made:
            yield made
    else:
        client = RedisCluster.from_url(nodes.url, decode_responses=True)
        with LockWatch(client, **LONG_TIMEOUTS) as made:
            yield made
        client.close()


def test_commands_find_their_nodes(lockwatch: LockWatch, nodes: Cluster, request: pytest.FixtureRequest) -> None:
    keys = [f"{request.node.name}:{number}" for number in range(30)]
    assert len({nodes.owner(key_slot(key.encode())).port for key in keys}) == 3
    for key in keys:
        assert lockwatch.ratelimit(key, 10, 60).remaining == 9
        assert lockwatch.burst(f"{{{key}}}:burst", 5, 10).count == 1
    assert lockwatch.audit(user="alice")
    assert lockwatch.audit_log(count=1) is not None


def test_asynchronous_commands_find_their_nodes(nodes: Cluster) -> None:
    async def check() -> None:
        clients = [AsyncRedisCluster.from_url(nodes.url, decode_responses=decode) for decode in (False, True)]
        for made in (
            AsyncLockWatch(nodes.url, cluster=True, **LONG_TIMEOUTS),
            *(AsyncLockWatch(c, **LONG_TIMEOUTS) for c in clients),
        ):
            answers = await asyncio.gather(*(made.ratelimit(f"{id(made)}:{n}", 10, 60) for n in range(30)))
            assert [answer.remaining for answer in answers] == [9] * 30
            assert await made.audit(user="alice")
            await made.aclose()
        for client in clients:
            await client.aclose()

    asyncio.run(check())


def test_calls_to_several_nodes_come_back_in_order(lockwatch: LockWatch) -> None:
    commands: list[Command[Any]] = [
        Command(("LW.PEEK", f"k{limit}", str(limit), "60"), list, f"k{limit}") for limit in range(1, 40)
    ]
    replies: list[Any] = lockwatch.link.send(commands)
    assert [reply[1] for reply in replies] == list(range(1, 40))


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_middleware(framework: str, nodes: Cluster) -> None:
    before = sum(recorded(node.url) for node in nodes.nodes)
    with Web(
        framework,
        redis_url=nodes.url,
        redis_cluster=True,
        key="credential",
        key_prefix=framework,
        limits="2/hour",
        burst_threshold=2,
        **LONG_TIMEOUTS,
    ) as web:
        for credential in ("a", "b", "c", "d"):
            headers = {"Authorization": f"Bearer {credential}"}
            assert [web.http.get("/items", headers=headers).status_code for _ in range(3)] == [200, 200, 429]
    wait_for("12 audit events", lambda: sum(recorded(node.url) for node in nodes.nodes) == before + 12)
    keys = [key for node in nodes.nodes for key in keys_of(node.url, f"{framework}:*")]
    assert len(keys) == 6, "four credentials, the address, its burst"
    # The limit and the burst of one client are in one slot.
    assert len({key_slot(key) for key in keys if b"{ip:127.0.0.1}" in key}) == 1


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_an_audit_event_goes_to_the_node_of_the_limit(framework: str, nodes: Cluster) -> None:
    before = [recorded(node.url) for node in nodes.nodes]
    expected = list(before)
    with Web(
        framework,
        redis_url=nodes.url,
        redis_cluster=True,
        key="credential",
        key_prefix=f"audit-{framework}",
        **LONG_TIMEOUTS,
    ) as web:
        for credential in "abcdefghi":
            authorization = f"Bearer {credential}"
            assert web.http.get("/items", headers={"Authorization": authorization}).status_code == 200
            client = credential_client("authorization", authorization)
            owner = nodes.owner(key_slot(f"{{{client}}}".encode()))
            expected[nodes.nodes.index(owner)] += 1
    wait_for("the audit events", lambda: sum(recorded(node.url) for node in nodes.nodes) == sum(expected))
    assert [recorded(node.url) for node in nodes.nodes] == expected
    assert expected != before


def test_a_moved_slot_is_followed(nodes: Cluster) -> None:
    """A node that answers MOVED or ASK has not executed the call, which may be sent on."""
    key = "moving"
    slot = key_slot(key.encode())
    source = nodes.owner(slot)
    target = next(node for node in nodes.nodes if node is not source)
    clients = {node.port: redis.Redis.from_url(node.url) for node in nodes.nodes}
    ids = {port: client.execute_command("CLUSTER", "MYID").decode() for port, client in clients.items()}

    async def ask(made: AsyncLockWatch) -> int:
        return (await made.ratelimit(key, 10, 60)).remaining

    async def check() -> None:
        made = AsyncLockWatch(nodes.url, cluster=True, **LONG_TIMEOUTS)
        with LockWatch(nodes.url, cluster=True, **LONG_TIMEOUTS) as lockwatch:
            # Both clients know the owner before the slot moves. Meanwhile the old owner answers ASK
            # for keys that it lacks.
            assert lockwatch.peek(key, 10, 60).remaining == 9
            assert (await made.peek(key, 10, 60)).remaining == 9
            clients[target.port].execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source.port])
            clients[source.port].execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target.port])
            assert lockwatch.ratelimit(key, 10, 60).remaining == 9
            assert await ask(made) == 8
            for node in (target, source, *nodes.nodes):
                clients[node.port].execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[target.port])
            assert lockwatch.ratelimit(key, 10, 60).remaining == 7
            assert await ask(made) == 6
        await made.aclose()

    try:
        asyncio.run(check())
        assert keys_of(target.url, key) == [key.encode()]
    finally:
        clients[target.port].delete(key)
        for node in (source, target, *nodes.nodes):
            clients[node.port].execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[source.port])
        for client in clients.values():
            client.close()


def keys_of(url: str, pattern: str) -> list[bytes]:
    with redis.Redis.from_url(url) as client:
        return list(client.scan_iter(pattern, count=1000))


def test_a_cluster_that_is_away_fails_quickly() -> None:
    url = f"redis://127.0.0.1:{free_port()}"
    began = time.monotonic()
    with LockWatch(url, cluster=True) as lockwatch, pytest.raises(UnavailableError) as away:
        lockwatch.ratelimit("a", 1, 60)
    assert away.value.code == "CONNECTION"

    async def check() -> str:
        made = AsyncLockWatch(url, cluster=True)
        with pytest.raises(UnavailableError) as away:
            await made.ratelimit("a", 1, 60)
        return away.value.code

    # redis-py may spend the time on retries.
    assert asyncio.run(check()) in ("CONNECTION", "TIMEOUT")
    assert time.monotonic() - began < 2


def test_a_node_that_hangs_costs_no_more_than_the_timeout(nodes: Cluster) -> None:
    hung = nodes.nodes[2]
    keys = [key for key in (f"hung:{n}" for n in range(200)) if nodes.owner(key_slot(key.encode())) is hung]
    others = [key for key in (f"well:{n}" for n in range(200)) if nodes.owner(key_slot(key.encode())) is not hung]
    # The timeouts of the caller's client do not apply.
    client = RedisCluster.from_url(nodes.url, socket_timeout=30, socket_connect_timeout=30)
    with LockWatch(client, connect_timeout=0.3, command_timeout=0.3, breaker_timeouts=100) as lockwatch:
        assert lockwatch.ratelimit(keys[0], 10, 60)
        kill(hung.pid, signal.SIGSTOP)
        try:
            for attempt in range(3):
                began = time.monotonic()
                with pytest.raises(UnavailableError) as away:
                    lockwatch.ratelimit(keys[attempt], 10, 60)
                assert away.value.code == "TIMEOUT"
                assert lockwatch.ratelimit(others[attempt], 10, 60)
                assert time.monotonic() - began < 2
        finally:
            kill(hung.pid, signal.SIGCONT)
        wait_for("the node", lambda: answers(lockwatch, keys[5]))
    client.close()


def answers(lockwatch: LockWatch, key: str) -> bool:
    try:
        return lockwatch.ratelimit(key, 10_000, 60).allowed
    except UnavailableError:
        return False


def test_the_rights_of_the_readme_are_sufficient(nodes: Cluster) -> None:
    [line] = re.findall(r"^ACL SETUSER .*$", README, re.MULTILINE)
    [more] = re.findall(r"A cluster needs `([^`]*)`", README)
    for node in nodes.nodes:
        with redis.Redis.from_url(node.url) as admin:
            admin.execute_command(*line.replace(">PASSWORD", ">s3cret").split(), *more.split())
    url = nodes.url.replace("redis://", "redis://api:s3cret@")
    with LockWatch(url, cluster=True, **LONG_TIMEOUTS) as lockwatch:
        assert all(lockwatch.ratelimit(f"lw:{{{n}}}:rights", 10, 60) for n in range(20))
        assert lockwatch.audit(user="alice")

    async def check() -> None:
        made = AsyncLockWatch(url, cluster=True, **LONG_TIMEOUTS)
        assert all([await made.ratelimit(f"lw:{{{n}}}:rights", 10, 60) for n in range(20)])
        await made.aclose()

    asyncio.run(check())


@pytest.mark.parametrize("maker", ["sync, URL", "sync, client", "async, URL", "async, client"])
def test_the_right_that_a_user_lacks_is_named(maker: str, nodes: Cluster) -> None:
    rights = ["on", ">s3cret", "resetkeys", "~lw:*", "-@all", "+lw.ratelimit"]
    for node in nodes.nodes:
        with redis.Redis.from_url(node.url) as admin:
            admin.execute_command("ACL", "SETUSER", "poor", "reset", *rights)
    url = nodes.url.replace("redis://", "redis://poor:s3cret@")
    missing: list[str] = []
    while (client := poor_client(maker, url)) is not None and (error := error_of(client)) is not None:
        assert error.code == "NOPERM"
        assert f"127.0.0.1:{nodes.nodes[0].port}" in str(error)
        [right] = re.findall(r"add it with ACL SETUSER (?:poor|<user>) (\+\S+)", str(error))
        assert right not in missing
        missing.append(right)
        for node in nodes.nodes:
            with redis.Redis.from_url(node.url) as admin:
                admin.execute_command("ACL", "SETUSER", "poor", right)
    assert (missing[:1] == ["+cluster|slots"]) is (client is not None)


def error_of(client: Any) -> UnavailableError | None:
    try:
        assert client.ratelimit("lw:{a}:rights", 10, 60)
    except UnavailableError as error:
        return error
    finally:
        client.close()
    return None


def poor_client(maker: str, url: str) -> Any:
    if maker == "sync, URL":
        return LockWatch(url, cluster=True, **LONG_TIMEOUTS)
    if maker == "async, URL":
        return Blocking(url, {**LONG_TIMEOUTS, "cluster": True})
    if maker == "async, client":
        return Blocking(AsyncRedisCluster.from_url(url))
    # redis-py reads the slots when it makes this client, which therefore fails by itself.
    with pytest.raises(RedisClusterException):
        RedisCluster.from_url(url)
    return None


def test_commands_without_a_key_are_sent_as_documented(nodes: Cluster) -> None:
    [example] = re.findall(r"^```python\n(.*?)^```$", KEYLESS, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(example.replace("6381", str(nodes.nodes[0].port)), names)
    with names["r"] as client:
        # Two events of the user were recorded, and each primary was asked to erase its own.
        assert len(names["erased"]) == 3
        assert sum(reply["journal"] for reply in names["erased"].values()) >= 2
        # What the page says that does not work.
        for target in ({}, {"target_nodes": RedisCluster.RANDOM}, {"target_nodes": RedisCluster.PRIMARIES}):
            with pytest.raises(redis.exceptions.RedisClusterException, match="No way to dispatch"):
                client.execute_command("LW.AUDIT", "USER", "alice", **target)
