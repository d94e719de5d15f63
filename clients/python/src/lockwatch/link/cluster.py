"""Round trips to the nodes of a cluster, by the slots of the calls' keys."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress

from redis.cluster import ClusterNode, RedisCluster
from redis.exceptions import AskError, ClusterDownError, MovedError

from ..errors import RedisAway
from . import Call, Reply
from .connections import Connections
from .failures import NO_ANSWER, of_silence
from .pools import pool_like
from .sync import answers, settled, write

ASKING = Call(("ASKING",))
# Seconds between two questions of who has which slot.
LEARN_AGAIN = 1.0


class ClusterLink:
    """The link to a cluster. Which node has a slot is the cluster client's knowledge; the connections are ours."""

    def __init__(
        self, client: RedisCluster | Callable[[], RedisCluster], connect_timeout: float, command_timeout: float
    ) -> None:
        # A client that can't be made while the cluster is away is made when it is first needed.
        self._client: RedisCluster | None = None
        self._make: Callable[[], RedisCluster] | None = None
        if isinstance(client, RedisCluster):
            self._client = client
        else:
            self._make = client
        self._timeouts = (connect_timeout, command_timeout)
        self._connections: dict[str, Connections] = {}
        self._lock = threading.Lock()
        self._learnt_at = float("-inf")

    def send(self, calls: Sequence[Call]) -> list[Reply]:
        """Sends calls in one round trip, to several nodes at once if need be; more if slots have moved."""
        try:
            cluster = self._client or self._first_time()
            replies = self._exchange(cluster, calls)
            self._follow(cluster, calls, replies)
        except NO_ANSWER as error:
            # The node may have been replaced. The calls are not repeated: who knows what it has done.
            self._learn_again()
            raise of_silence(error) from error
        return [settled(reply) for reply in replies]

    def _first_time(self) -> RedisCluster:
        # Who waits for another thread's attempt waits no longer than for one of its own.
        if not self._lock.acquire(timeout=self._timeouts[0]):
            raise RedisAway("the cluster did not say in time which nodes it has", "timeout")
        try:
            if self._client is None and self._make is not None:
                self._client = self._make()
        finally:
            self._lock.release()
        if self._client is None:
            raise RedisAway("there is no cluster", "connection")
        return self._client

    def _exchange(self, cluster: RedisCluster, calls: Sequence[Call]) -> list[object]:
        by_node: dict[str, tuple[ClusterNode, list[int]]] = {}
        for at, call in enumerate(calls):
            node = _node_for(cluster, calls, call)
            by_node.setdefault(node.name, (node, []))[1].append(at)
        replies: list[object] = [None] * len(calls)
        with ExitStack() as stack:
            # All are written before any is read, so that the nodes work at the same time.
            waiting = []
            for node, places in by_node.values():
                connection = stack.enter_context(self._to(cluster, node).borrowed())
                write(connection, [calls[at] for at in places])
                waiting.append((connection, places))
            for connection, places in waiting:
                for at, reply in zip(places, answers(connection, len(places), self._timeouts[1]), strict=True):
                    replies[at] = reply
        return replies

    def _follow(self, cluster: RedisCluster, calls: Sequence[Call], replies: list[object]) -> None:
        """Sends on, once, what a node has turned away: it has not executed it."""
        for at, reply in enumerate(replies):
            if isinstance(reply, (MovedError, ClusterDownError)):
                self._learn_again()
            if isinstance(reply, AskError) and (node := cluster.get_node(reply.host, reply.port)) is not None:
                with self._to(cluster, node).borrowed() as connection:
                    write(connection, redirected(reply, calls[at]))
                    replies[at] = answers(connection, len(redirected(reply, calls[at])), self._timeouts[1])[-1]

    def _learn_again(self) -> None:
        """Asks who has which slot, in the background: a node that is away would hold up whoever waits for it."""
        cluster, now = self._client, time.monotonic()
        if cluster is not None and now - self._learnt_at > LEARN_AGAIN:
            self._learnt_at = now
            threading.Thread(target=_learn, args=(cluster,), name="lockwatch-cluster", daemon=True).start()

    def _to(self, cluster: RedisCluster, node: ClusterNode) -> Connections:
        known = self._connections.get(node.name)
        if known is None:
            pool = pool_like(cluster.get_redis_connection(node).connection_pool, *self._timeouts)
            known = self._connections.setdefault(node.name, Connections(pool))
        return known

    def close(self) -> None:
        """Ends the connections."""
        for connections in self._connections.values():
            connections.close()


def redirected(reply: AskError, call: Call) -> list[Call]:
    """What the other node is sent: while a slot moves, it answers only those who were told to ask."""
    return [call] if isinstance(reply, MovedError) else [ASKING, call]


def _learn(cluster: RedisCluster) -> None:
    # The next failure asks again.
    with suppress(*NO_ANSWER):
        cluster.nodes_manager.initialize()


def _node_for(cluster: RedisCluster, calls: Sequence[Call], call: Call) -> ClusterNode:
    # What has no key goes where its neighbours go, for the sake of a connection that is open; alone, anywhere.
    key = call.key if call.key is not None else next((other.key for other in calls if other.key is not None), None)
    node: ClusterNode = (
        random.choice(cluster.get_primaries())  # noqa: S311  # any will do
        if key is None
        else cluster.get_node_from_key(key)
    )
    return node
