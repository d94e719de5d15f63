"""A Redis Cluster of three nodes."""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import redis

from lockwatch.testing import RedisServer

from .waiting import wait_for

SLOTS = [(0, 5460), (5461, 10922), (10923, 16383)]


@dataclass
class Cluster:
    """Its nodes, in the order of their slots."""

    nodes: list[RedisServer]

    @property
    def url(self) -> str:
        """The URL of one node."""
        return self.nodes[0].url

    def owner(self, slot: int) -> RedisServer:
        """The node that owns a slot."""
        return next(node for node, (first, last) in zip(self.nodes, SLOTS, strict=True) if first <= slot <= last)


@contextlib.contextmanager
def cluster(*arguments: str) -> Iterator[Cluster]:
    """Starts a cluster, and waits until each node knows the others."""
    with contextlib.ExitStack() as stack:
        nodes = [stack.enter_context(node(*arguments)) for _ in SLOTS]
        clients = [stack.enter_context(redis.Redis.from_url(node.url, decode_responses=True)) for node in nodes]
        for epoch, (client, (first, last)) in enumerate(zip(clients, SLOTS, strict=True), start=1):
            client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", epoch)
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
        for client in clients[1:]:
            client.execute_command("CLUSTER", "MEET", "127.0.0.1", nodes[0].port)
        wait_for("the cluster", lambda: all(_knows_all(client) for client in clients), 30)
        yield Cluster(nodes)


def _knows_all(client: redis.Redis) -> bool:
    info = client.execute_command("CLUSTER INFO")
    wanted = {"cluster_state": "ok", "cluster_known_nodes": "3", "cluster_slots_ok": "16384"}
    return all(info[name] == value for name, value in wanted.items())


def node(*arguments: str) -> RedisServer:
    """A node that is in no cluster yet."""
    return RedisServer("--cluster-enabled", "yes", *arguments, port=_port_with_free_bus_port())


def _port_with_free_bus_port() -> int:
    # The cluster bus uses the port number plus ten thousand.
    while True:
        port = random.randint(20_000, 32_000)
        with contextlib.suppress(OSError), socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", port))
            other.bind(("127.0.0.1", port + 10_000))
            return port
