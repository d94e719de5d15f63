"""A primary becomes a replica, and another server takes its place."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
import redis
import redis.asyncio.sentinel
import redis.sentinel
from flask import Flask

from lockwatch import LockWatch, LockWatchWSGIMiddleware, UnavailableError
from lockwatch.testing import RedisServer
from support.audit import recorded
from support.both import LONG_TIMEOUTS, MAKERS, Blocking
from support.cluster import cluster, node
from support.proxy import Proxy
from support.sentinel import sentinel as watching
from support.waiting import wait_for

# A replica is sent its copy without a delay.
AT_ONCE = ("--repl-diskless-sync-delay", "0")


class Service:
    """Two servers behind one address."""

    def __init__(self, old: RedisServer, new: RedisServer, proxy: Proxy) -> None:
        self.old, self.new, self.proxy = old, new, proxy

    def fail_over(self) -> None:
        """The old primary stays up and follows the new one. Open connections still lead to it."""
        self.proxy.target = self.new.port
        with redis.Redis.from_url(self.old.url) as admin:
            admin.replicaof("127.0.0.1", self.new.port)
            wait_for("the replica", lambda: admin.info("replication")["master_link_status"] == "up")


@pytest.fixture
def service() -> Iterator[Service]:
    with RedisServer() as old, RedisServer(*AT_ONCE) as new, Proxy(old.port) as proxy:
        yield Service(old, new, proxy)


def code_of(call: Callable[[], Any]) -> str | None:
    try:
        call()
    except UnavailableError as error:
        return error.code
    return None


@pytest.mark.parametrize("maker", MAKERS)
def test_after_one_refused_call_the_next_reaches_the_new_primary(maker: str, service: Service) -> None:
    client = MAKERS[maker](service.proxy.url)
    calls: list[Callable[[], Any]] = [lambda: client.ratelimit("a", 1, 60), lambda: client.issue("auth", "alice")]
    for call in calls:
        assert code_of(call) is None
    service.fail_over()
    for call in calls:
        assert [code_of(call) for _ in range(3)] == ["READONLY", None, None]
    client.close()


def test_every_pooled_connection_is_replaced_at_once(service: Service) -> None:
    everybody = threading.Barrier(4)
    with LockWatch(service.proxy.url, **LONG_TIMEOUTS) as lockwatch, ThreadPoolExecutor(4) as threads:

        def call(_: int) -> str | None:
            everybody.wait(10)
            return code_of(lambda: lockwatch.ratelimit("a", 100, 60))

        # Calls that run at the same time open a connection each.
        wait_for(
            "several connections", lambda: bool(list(threads.map(call, range(4)))) and service.proxy.connections > 2
        )
        service.fail_over()
        assert code_of(lambda: lockwatch.ratelimit("a", 100, 60)) == "READONLY"
        assert set(threads.map(call, range(4))) == {None}


def test_limits_and_audit_events_reach_the_new_primary(service: Service) -> None:
    app = Flask(__name__)
    app.add_url_rule("/", view_func=lambda: "hello")
    middleware = LockWatchWSGIMiddleware(app.wsgi_app, redis_url=service.proxy.url, limits="1/hour", **LONG_TIMEOUTS)
    app.wsgi_app = middleware  # type: ignore[method-assign]

    def get() -> int:
        with app.test_client().get("/") as response:
            return response.status_code

    assert get() == 200
    wait_for("its event", lambda: recorded(service.old.url) == 1)
    service.fail_over()
    # The first request is let through, because the old primary does not count it.
    assert [get() for _ in range(3)] == [200, 200, 429]
    wait_for("an event", lambda: get() and recorded(service.new.url) > 0)
    middleware.close()


class Scripted:
    """A server whose first connection answers an error, and every later one a result."""

    def __init__(self, error: str, *, always: bool = False) -> None:
        self._error = error
        self._always = always
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._server.getsockname()[1]}"
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                self.connections += 1
                answer = (
                    f"-{self._error}\r\n"
                    if self._always or self.connections == 1
                    else "*5\r\n:0\r\n:9\r\n:8\r\n:0\r\n:9\r\n"
                )
                threading.Thread(target=self._serve, args=(connection, answer), daemon=True).start()

    def _serve(self, connection: socket.socket, answer: str) -> None:
        with contextlib.suppress(OSError), connection:
            while chunk := connection.recv(65_536):
                # Commands of the handshake are short, and come whole.
                count = chunk.count(b"\r\n*") + 1
                connection.sendall((answer if b"LW." in chunk else "+OK\r\n" * count).encode())

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


ANSWERS = {
    "READONLY": "READONLY You can't write against a read only replica.",
    "MASTERDOWN": "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "LOADING": "LOADING Redis is loading the dataset in memory",
    "UNBLOCKED": "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
    "NOREPLICAS": "NOREPLICAS Not enough good replicas to write.",
}


@pytest.mark.parametrize("maker", ["sync, URL", "async, URL"])
@pytest.mark.parametrize("code", ANSWERS)
def test_every_answer_of_a_server_that_is_no_primary_replaces_the_connection(maker: str, code: str) -> None:
    server = Scripted(ANSWERS[code])
    client = MAKERS[maker](server.url)
    assert [code_of(lambda: client.ratelimit("a", 9, 60)) for _ in range(2)] == [code, None]
    client.close()
    server.close()


@pytest.mark.parametrize("maker", ["sync, URL", "async, URL"])
def test_a_server_that_stays_read_only_does_not_get_a_connection_for_every_call(maker: str) -> None:
    server = Scripted(ANSWERS["READONLY"], always=True)
    client = MAKERS[maker](server.url)
    assert {code_of(lambda: client.ratelimit("a", 9, 60)) for _ in range(50)} == {"READONLY"}
    assert server.connections <= 5
    client.close()
    server.close()


@pytest.fixture
def sentinel() -> Iterator[int]:
    """The port of a sentinel that watches a primary with a replica."""
    with (
        RedisServer(*AT_ONCE) as primary,
        RedisServer("--replicaof", f"127.0.0.1 {primary.port}") as _,
        watching(primary, replicas=1) as port,
    ):
        yield port


def test_through_a_sentinel_the_new_primary_is_found(sentinel: int) -> None:
    nodes = [("127.0.0.1", sentinel)]
    clients: list[Any] = [
        LockWatch(redis.sentinel.Sentinel(nodes).master_for("main"), **LONG_TIMEOUTS),
        Blocking(redis.asyncio.sentinel.Sentinel(nodes).master_for("main")),
    ]
    for client in clients:
        assert client.ratelimit("a", 9, 60)
    with redis.Redis(port=sentinel) as admin:
        before = admin.sentinel_master("main")["port"]
        # Refused until the sentinel has seen the replica's state.
        wait_for("the failover", lambda: code(lambda: admin.execute_command("SENTINEL", "FAILOVER", "main")) is None)
        wait_for("the new primary", lambda: admin.sentinel_master("main")["port"] != before, 60)
    for client in clients:
        call = partial(client.ratelimit, "a", 99, 60)
        # The old primary may take calls until the sentinel has made it a replica.
        wait_for("twenty calls in a row", partial(works, call))
        client.close()


def works(call: Callable[[], Any]) -> bool:
    return {code_of(call) for _ in range(20)} == {None}


def code(call: Callable[[], Any]) -> str | None:
    try:
        call()
    except redis.ResponseError as error:
        return str(error)
    return None


def test_in_a_cluster_commands_without_a_key_leave_the_demoted_node() -> None:
    with cluster(*AT_ONCE) as nodes, node() as replica:
        first = nodes.nodes[0]
        with redis.Redis.from_url(first.url) as admin, redis.Redis.from_url(replica.url) as follower:
            follower.execute_command("CLUSTER", "MEET", "127.0.0.1", first.port)
            identity = admin.execute_command("CLUSTER", "MYID").decode()
            wait_for("the meeting", lambda: identity in str(follower.execute_command("CLUSTER", "NODES")))
            wait_for(
                "replication", lambda: code(lambda: follower.execute_command("CLUSTER", "REPLICATE", identity)) is None
            )
            wait_for("the slots", lambda: follower.execute_command("CLUSTER INFO")["cluster_slots_ok"] == "16384")
            wait_for("the copy", lambda: follower.info("replication").get("master_link_status") == "up")
            clients: list[Any] = [
                LockWatch(nodes.url, cluster=True, **LONG_TIMEOUTS),
                Blocking(nodes.url, {**LONG_TIMEOUTS, "cluster": True}),
            ]
            for client in clients:
                assert client.audit(user="alice")
            follower.execute_command("CLUSTER", "FAILOVER", "TAKEOVER")
            wait_for("the failover", lambda: admin.info("replication")["role"] == "slave")
            wait_for("all nodes to know", lambda: all(knows(each, follower) for each in nodes.nodes))
        for client in clients:
            wait_for("the new node", partial(answers, client))
            client.close()


def knows(each: RedisServer, primary: redis.Redis) -> bool:
    identity = primary.execute_command("CLUSTER", "MYID").decode()
    with redis.Redis.from_url(each.url, decode_responses=True) as client:
        lines = client.execute_command("CLUSTER NODES")
    return any(identity in str(value.get("node_id")) and "master" in value["flags"] for value in lines.values())


def answers(client: Any) -> bool:
    """Whether thirty events in a row are recorded: each goes to a primary at random."""
    return {code_of(lambda: client.audit(user="alice")) for _ in range(30)} == {None}
