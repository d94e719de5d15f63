"""Round trips to the nodes of a cluster, by the hash slots of the commands' keys."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any, Protocol, TypeVar

from redis.cluster import ClusterNode, RedisCluster
from redis.exceptions import AskError, ClusterDownError, MovedError

from ..errors import UnavailableError
from .connection import Command, Key, Reply
from .failures import NO_ANSWER, is_not_primary, no_answer, reply_or_error
from .layered import borrow, receive, write
from .pools import pool_like
from .renewal import RenewedPool

_ASKING: Command[Any] = Command(("ASKING",), str)
# Seconds between two refreshes of the slot table.
REFRESH_AFTER = 1.0


class ClusterConnection:
    """A connection to a cluster.

    redis-py's client knows the slots; the connections to the nodes are our own.
    """

    def __init__(
        self,
        client: RedisCluster | Callable[[], RedisCluster],
        server: str,
        connect_timeout: float,
        command_timeout: float,
    ) -> None:
        self.server = server
        # redis-py connects when the client is made, so that is postponed to the first command.
        self._client = client if isinstance(client, RedisCluster) else None
        self._make = None if isinstance(client, RedisCluster) else client
        self._timeouts = (connect_timeout, command_timeout)
        self._pools: dict[str, RenewedPool] = {}
        self._lock = threading.Lock()
        self._refreshed_at = float("-inf")

    def send(self, commands: Sequence[Command[Any]]) -> list[Reply]:
        """Sends the commands, to several nodes at once if need be.

        Follows slots that have moved.
        """
        try:
            cluster = self._client or self._connect()
            replies = self._exchange(cluster, commands)
            self._follow(cluster, commands, replies)
        except UnavailableError:
            # The node may have been replaced. Nothing is sent again, because it may have executed
            # the commands.
            self._refresh()
            raise
        except NO_ANSWER as error:
            self._refresh()
            raise no_answer(error, self.server) from error
        return [reply_or_error(reply, self.server) for reply in replies]

    def _connect(self) -> RedisCluster:
        # Waiting for another thread's attempt takes no longer than an attempt of its own.
        if not self._lock.acquire(timeout=self._timeouts[0]):
            raise UnavailableError(
                "TIMEOUT", f"Redis at {self.server} did not say in time which nodes it has", self.server
            )
        try:
            if self._client is None and self._make is not None:
                self._client = self._make()
        finally:
            self._lock.release()
        if self._client is None:
            raise UnavailableError("CONNECTION", f"no connection to Redis at {self.server}", self.server)
        return self._client

    def _exchange(self, cluster: RedisCluster, commands: Sequence[Command[Any]]) -> list[object]:
        replies: list[object] = [None] * len(commands)
        with ExitStack() as stack:
            # Everything is written before anything is read, so that the nodes work at the same
            # time.
            written = []
            for node, places in group_by_node(commands, partial(_node_for, cluster)):
                renewed = self._pool(cluster, node)
                stack.enter_context(_named(renewed))
                connection = stack.enter_context(borrow(renewed.pool))
                write(connection, [commands[at] for at in places])
                written.append((renewed, connection, places))
            for renewed, connection, places in written:
                with _named(renewed):
                    found = receive(connection, len(places), self._timeouts[1])
                if renewed.check(found, connection):
                    self._refresh()
                for at, reply in zip(places, found, strict=True):
                    replies[at] = reply_or_error(reply, renewed.server) if is_not_primary(reply) else reply
        return replies

    def _follow(self, cluster: RedisCluster, commands: Sequence[Command[Any]], replies: list[object]) -> None:
        """Sends redirected commands to the other node, once.

        The first node has not executed them.
        """
        for at, reply in enumerate(replies):
            if isinstance(reply, (MovedError, ClusterDownError)):
                self._refresh()
            if isinstance(reply, AskError) and (node := cluster.get_node(reply.host, reply.port)) is not None:
                redirected = redirect(reply, commands[at])
                renewed = self._pool(cluster, node)
                with _named(renewed), borrow(renewed.pool) as connection:
                    write(connection, redirected)
                    replies[at] = receive(connection, len(redirected), self._timeouts[1])[-1]

    def _refresh(self) -> None:
        """Refreshes the slot table in the background: a node that is away would delay a caller."""
        cluster, now = self._client, time.monotonic()
        if cluster is not None and now - self._refreshed_at > REFRESH_AFTER:
            self._refreshed_at = now
            threading.Thread(target=_read_slots, args=(cluster,), name="lockwatch-cluster", daemon=True).start()

    def _pool(self, cluster: RedisCluster, node: ClusterNode) -> RenewedPool:
        known = self._pools.get(node.name)
        if known is None:
            pool = pool_like(cluster.get_redis_connection(node).connection_pool, *self._timeouts)
            known = self._pools.setdefault(node.name, RenewedPool(pool, node.name))
        return known

    def close(self) -> None:
        """Closes the sockets."""
        for renewed in self._pools.values():
            renewed.pool.disconnect()


@contextmanager
def _named(renewed: RenewedPool) -> Iterator[None]:
    """Makes failures name the node."""
    try:
        yield
    except NO_ANSWER as error:
        renewed.check([error])
        raise no_answer(error, renewed.server) from error


def redirect(reply: AskError, command: Command[Any]) -> list[Command[Any]]:
    """What the other node is sent.

    While a slot moves, it answers only after ASKING. A MovedError is an AskError.
    """
    return [command] if isinstance(reply, MovedError) else [_ASKING, command]


class _Node(Protocol):
    name: str


N = TypeVar("N", bound=_Node)


def group_by_node(commands: Sequence[Command[Any]], node_for: Callable[[Key | None], N]) -> list[tuple[N, list[int]]]:
    """The nodes of the commands, each with the positions of its commands."""
    # A command without a key goes where the others go, because that connection is open.
    default = next((command.key for command in commands if command.key), None)
    groups: dict[str, tuple[N, list[int]]] = {}
    for at, command in enumerate(commands):
        node = node_for(default if command.key is None else command.key)
        groups.setdefault(node.name, (node, []))[1].append(at)
    return list(groups.values())


def _read_slots(cluster: RedisCluster) -> None:
    # If this fails, the next failure tries again.
    with suppress(*NO_ANSWER):
        cluster.nodes_manager.initialize()


def _node_for(cluster: RedisCluster, key: Key | None) -> ClusterNode:
    node: ClusterNode = (
        random.choice(cluster.get_primaries())  # noqa: S311  # not for security
        if key is None
        else cluster.get_node_from_key(key)
    )
    return node
