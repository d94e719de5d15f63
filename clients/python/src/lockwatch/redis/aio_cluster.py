"""`cluster.py` for asyncio."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.exceptions import AskError, ClusterDownError, MovedError, ResponseError

from ..errors import LockWatchError, UnavailableError, answered_error
from .batches import AsyncBatches
from .cluster import REFRESH_AFTER, group_by_node, redirect
from .connection import Command, Key, Reply
from .failures import NO_ANSWER, is_not_primary, no_answer, reply_or_error
from .pools import async_pool_like
from .timeout import timeout


class AsyncClusterConnection:
    """A connection to a cluster.

    redis-py's client knows the slots; the connections to the nodes are our own.
    """

    def __init__(self, client: RedisCluster, server: str, connect_timeout: float, command_timeout: float) -> None:
        self.server = server
        self._client = client
        self._timeouts = (connect_timeout, command_timeout)
        self._by_node: dict[str, AsyncBatches] = {}
        self._refreshed_at = float("-inf")
        self._refreshing: asyncio.Task[None] | None = None

    async def send(self, commands: Sequence[Command[Any]]) -> list[Reply]:
        """Sends the commands, to several nodes at once if need be.

        Follows slots that have moved.
        """
        try:
            async with timeout(self._timeouts[0]):
                # Reads the slot table the first time, and afterwards returns at once.
                await self._client.initialize()
            replies = await self._exchange(commands)
            await self._follow(commands, replies)
        except UnavailableError:
            # The node may have been replaced. Nothing is sent again, because it may have executed
            # the commands.
            self._refresh()
            raise
        except NO_ANSWER as error:
            raise no_answer(error, self.server) from error
        return [reply_or_error(reply, self.server) for reply in replies]

    async def _exchange(self, commands: Sequence[Command[Any]]) -> list[object]:
        groups = group_by_node(commands, self._node_for)
        if len(groups) == 1:
            return await self._ask(groups[0][0], commands)
        answers = await asyncio.gather(*(self._ask(node, [commands[at] for at in places]) for node, places in groups))
        replies: list[object] = [None] * len(commands)
        for (_, places), found in zip(groups, answers, strict=True):
            for at, reply in zip(places, found, strict=True):
                replies[at] = reply
        return replies

    async def _ask(self, node: ClusterNode, commands: Sequence[Command[Any]]) -> list[object]:
        replies = await self._batches(node).send(commands)
        if any(map(is_not_primary, replies)):
            self._refresh()
        return replies

    async def _follow(self, commands: Sequence[Command[Any]], replies: list[object]) -> None:
        """Sends redirected commands to the other node, once.

        The first node has not executed them.
        """
        for at, reply in enumerate(replies):
            if isinstance(reply, (MovedError, ClusterDownError)):
                self._refresh()
            if isinstance(reply, AskError) and (node := self._client.get_node(reply.host, reply.port)) is not None:
                replies[at] = (await self._batches(node).send(redirect(reply, commands[at])))[-1]

    def _refresh(self) -> None:
        """Refreshes the slot table in the background: a node that is away would delay a caller."""
        now = time.monotonic()
        if now - self._refreshed_at > REFRESH_AFTER:
            self._refreshed_at = now
            self._refreshing = asyncio.get_running_loop().create_task(self._read_slots())

    async def _read_slots(self) -> None:
        # If this fails, the next failure tries again.
        with suppress(*NO_ANSWER):
            await self._client.nodes_manager.initialize()

    def _node_for(self, key: Key | None) -> ClusterNode:
        if key is None:
            return random.choice(self._client.get_primaries())  # noqa: S311  # not for security
        return self._client.nodes_manager.get_node_from_slot(self._client.keyslot(key))

    def _batches(self, node: ClusterNode) -> AsyncBatches:
        batches = self._by_node.get(node.name)
        if batches is None:
            make_pool = partial(async_pool_like, node.connection_class, node.connection_kwargs, self._timeouts[0])
            batches = self._by_node.setdefault(
                node.name, AsyncBatches(make_pool, node.name, *self._timeouts, _error_of)
            )
        return batches

    async def aclose(self) -> None:
        """Closes the sockets of the running event loop."""
        for batches in self._by_node.values():
            await batches.aclose()


_REDIRECTIONS = {"MOVED": MovedError, "ASK": AskError, "CLUSTERDOWN": ClusterDownError}


def _error_of(code: str, message: str, server: str) -> ResponseError | LockWatchError:
    """An error reply. Those about slots are errors of redis-py, which parses them."""
    made = _REDIRECTIONS.get(code)
    return answered_error(code, message, server) if made is None else made(message)
