"""Round trips of asyncio to the nodes of a cluster, by the slots of the calls' keys."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.exceptions import AskError, ClusterDownError, MovedError

from ..errors import RedisAway
from . import Call, Reply
from .cluster import LEARN_AGAIN, redirected
from .deadline import timeout
from .failures import NO_ANSWER, of_silence
from .lane import Lane
from .pools import async_pool_like
from .sync import settled


class AsyncClusterLink:
    """The link to a cluster. Which node has a slot is the cluster client's knowledge; the connections are ours."""

    def __init__(self, client: RedisCluster, connect_timeout: float, command_timeout: float) -> None:
        self._client = client
        self._timeouts = (connect_timeout, command_timeout)
        self._lanes: dict[str, Lane] = {}
        self._learnt_at = float("-inf")
        self._learning: asyncio.Task[None] | None = None

    async def send(self, calls: Sequence[Call]) -> list[Reply]:
        """Sends calls in one round trip, to several nodes at once if need be; more if slots have moved."""
        try:
            async with timeout(self._timeouts[0]):
                # The first time it asks who has which slot; afterwards it returns at once.
                await self._client.initialize()
            replies = await self._exchange(calls)
            await self._follow(calls, replies)
        except RedisAway:
            # The node may have been replaced. The calls are not repeated: who knows what it has done.
            self._learn_again()
            raise
        except NO_ANSWER as error:
            raise of_silence(error) from error
        return [settled(reply) for reply in replies]

    async def _exchange(self, calls: Sequence[Call]) -> list[object]:
        by_node: dict[str, tuple[ClusterNode, list[int]]] = {}
        for at, call in enumerate(calls):
            node = self._node_for(calls, call)
            by_node.setdefault(node.name, (node, []))[1].append(at)
        groups = list(by_node.values())
        if len(groups) == 1:
            return await self._lane(groups[0][0]).send(calls)
        answers = await asyncio.gather(
            *(self._lane(node).send([calls[at] for at in places]) for node, places in groups)
        )
        replies: list[object] = [None] * len(calls)
        for (_, places), found in zip(groups, answers, strict=True):
            for at, reply in zip(places, found, strict=True):
                replies[at] = reply
        return replies

    async def _follow(self, calls: Sequence[Call], replies: list[object]) -> None:
        """Sends on, once, what a node has turned away: it has not executed it."""
        for at, reply in enumerate(replies):
            if isinstance(reply, (MovedError, ClusterDownError)):
                self._learn_again()
            if isinstance(reply, AskError) and (node := self._client.get_node(reply.host, reply.port)) is not None:
                replies[at] = (await self._lane(node).send(redirected(reply, calls[at])))[-1]

    def _learn_again(self) -> None:
        """Asks who has which slot, in the background: a node that is away would hold up whoever waits for it."""
        now = time.monotonic()
        if now - self._learnt_at > LEARN_AGAIN:
            self._learnt_at = now
            self._learning = asyncio.get_running_loop().create_task(self._learn())

    async def _learn(self) -> None:
        # The next failure asks again.
        with suppress(*NO_ANSWER):
            await self._client.nodes_manager.initialize()

    def _node_for(self, calls: Sequence[Call], call: Call) -> ClusterNode:
        # What has no key goes where its neighbours go, for the sake of a connection that is open; alone, anywhere.
        key = call.key if call.key is not None else next((other.key for other in calls if other.key is not None), None)
        if key is None:
            return random.choice(self._client.get_primaries())  # noqa: S311  # any will do
        return self._client.nodes_manager.get_node_from_slot(self._client.keyslot(key))

    def _lane(self, node: ClusterNode) -> Lane:
        lane = self._lanes.get(node.name)
        if lane is None:
            pool = partial(async_pool_like, node.connection_class, node.connection_kwargs, self._timeouts[0])
            lane = self._lanes.setdefault(node.name, Lane(pool, *self._timeouts))
        return lane

    async def aclose(self) -> None:
        """Ends the connections."""
        for lane in self._lanes.values():
            await lane.aclose()
