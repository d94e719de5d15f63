"""A connection of an event loop, which reads replies as they come.

redis-py opens it, and knows about addresses, TLS, passwords and sentinels. Commands and replies
then bypass its layers, where every line of a reply costs several calls.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from .failures import NO_ANSWER
from .resp import Replies

if TYPE_CHECKING:
    from redis.asyncio.connection import AbstractConnection


class Channel(Protocol):
    """An open connection. It carries one batch of commands at a time."""

    connection: AbstractConnection
    used_at: float
    """When the last batch was sent, by the clock of the event loop."""

    @property
    def is_open(self) -> bool:
        """Whether the server has kept it open, and has sent nothing that nobody asked for."""
        ...

    def begin(self, data: bytes, count: int) -> None:
        """Sends a batch, which has a number of replies."""
        ...

    def close(self) -> None:
        """Closes it at once, and tells nobody."""
        ...


class Owner(Protocol):
    """Who is told how a batch has ended, once."""

    def answered(self, wire: Channel, replies: list[object]) -> None:
        """All replies have come."""
        ...

    def failed(self, wire: Channel, error: BaseException) -> None:
        """Nothing more will come."""
        ...


class Wire(asyncio.Protocol):
    """A `Channel`, as the protocol of its transport."""

    def __init__(
        self, connection: AbstractConnection, transport: asyncio.Transport, replies: Replies, owner: Owner
    ) -> None:
        self.connection = connection
        self.used_at = 0.0
        self._transport = transport
        self._owner = owner
        self._parser = replies
        self._replies: list[object] = []
        self._awaited = 0
        self._has_ended = False
        # redis-py's, which has to learn of the end of the connection.
        self._before = transport.get_protocol()
        transport.set_protocol(self)

    @property
    def is_open(self) -> bool:
        """Whether it can be used."""
        return not self._has_ended and self._parser.is_done and not self._transport.is_closing()

    def begin(self, data: bytes, count: int) -> None:
        """Sends a batch, which has a number of replies."""
        self._replies = []
        self._awaited = count
        self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        """Reads replies."""
        self._parser.feed(data)
        if not self._awaited:
            # Nobody asked for it.
            self.close()
            return
        try:
            is_whole = self._parser.read(self._replies, self._awaited)
        except RedisError as error:
            self._fail(error)
            return
        if is_whole:
            self._awaited = 0
            self._owner.answered(self, self._replies)

    def eof_received(self) -> None:
        """The server has closed the connection, and asyncio closes it too."""
        self._has_ended = True

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        self._has_ended = True
        self._before.connection_lost(None)
        lost = RedisConnectionError("Connection closed by server.")
        self._fail(exc if isinstance(exc, NO_ANSWER) else lost)

    def _fail(self, error: BaseException) -> None:
        if self._awaited:
            self._awaited = 0
            self._owner.failed(self, error)

    def close(self) -> None:
        """Closes it at once, and tells nobody."""
        self._awaited = 0
        self._has_ended = True
        self._transport.abort()


def transport_of(connection: AbstractConnection) -> asyncio.Transport | None:
    """The transport of a connection, for which redis-py has no public name.

    None if it has moved.
    """
    writer = getattr(connection, "_writer", None)
    found = getattr(writer, "transport", None)
    # Those of uvloop are no asyncio.Transport.
    return found if hasattr(found, "set_protocol") else None
