"""The connections of threads to one server.

redis-py opens them, and knows about addresses, TLS, passwords and sentinels. Commands and replies
then bypass its layers: for a round trip of a hundred bytes these layers cost more time than the
round trip, and make the threads of a server wait for each other.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import redis
from redis.exceptions import RedisError

from .connection import Command, packed
from .failures import is_not_primary, reply_or_error
from .layered import receive, write
from .renewal import Renewals
from .resp import Reader

if TYPE_CHECKING:
    from redis.connection import Connection as RedisConnection

# A connection that was idle for longer, in seconds, is checked: the server may have closed it.
CHECK_AFTER = 0.1


class Channel:
    """An open connection."""

    def __init__(self, connection: RedisConnection, server: str, timeout: float) -> None:
        self.connection = connection
        self._server = server
        self._timeout = timeout
        self._socket = socket_of(connection)
        self._reader: Reader | None = None
        if self._socket is not None:
            self._has_kernel_timeout = has_kernel_timeout(self._socket, timeout)
            self._set_timeout(self._socket)
            self._reader = Reader(self._socket.recv, server)
        self._used_at = time.monotonic()

    def exchange(self, commands: Sequence[Command[Any]]) -> list[object]:
        """Sends commands in one write, and returns their replies."""
        if self._socket is None or self._reader is None:
            write(self.connection, commands)
            found = receive(self.connection, len(commands), self._timeout)
            replies = [reply_or_error(reply, self._server) for reply in found]
        else:
            self._reader.begin(self._timeout)
            try:
                self._socket.sendall(packed(commands))
            except BlockingIOError as error:
                raise TimeoutError("the commands were not sent in time") from error
            replies = self._reader.read_all(len(commands))
        self._used_at = time.monotonic()
        return replies

    def is_usable(self) -> bool:
        """Whether the server has kept it open, and has sent nothing that nobody asked for."""
        if self._reader is not None and not self._reader.is_done:
            return False
        if time.monotonic() - self._used_at <= CHECK_AFTER:
            return True
        try:
            is_quiet = not self.connection.can_read()
            if self._socket is not None:
                self._set_timeout(self._socket)
        except (RedisError, OSError):
            return False
        return is_quiet

    def _set_timeout(self, channel: socket.socket) -> None:
        """Sets the timeout of commands, which redis-py replaces by its own now and then.

        With a timeout of Python's, each call waits with poll() before it sends or receives. That of
        the kernel saves these calls; a call that takes longer ends in a BlockingIOError.
        """
        if not self._has_kernel_timeout:
            channel.settimeout(self._timeout)
        elif channel.gettimeout() is not None:
            channel.settimeout(None)


def has_kernel_timeout(channel: socket.socket, timeout: float) -> bool:
    """Sets the timeout in the kernel, and says whether that holds for the calls of this socket.

    It does not for sockets of other classes: TLS reads and writes several times, and sockets of
    gevent and eventlet never wait in the kernel.
    """
    if not sys.platform.startswith("linux") or type(channel).__module__ != "socket":
        return False
    seconds, rest = divmod(timeout, 1)
    # A time of 0 would mean none.
    timeval = struct.pack("@ll", int(seconds), max(int(rest * 1e6), 1))
    try:
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            channel.setsockopt(socket.SOL_SOCKET, option, timeval)
    except OSError:
        return False
    return True


def socket_of(connection: RedisConnection) -> socket.socket | None:
    """The socket of a connection, for which redis-py has no public name; None if it has moved."""
    found = getattr(connection, "_sock", None)
    return found if isinstance(found, socket.socket) else None


class Channels:
    """The idle connections to a server. The last used one is the next to be used."""

    def __init__(self, pool: redis.ConnectionPool, server: str, timeout: float) -> None:
        self._pool = pool
        self._server = server
        self._timeout = timeout
        self._renewals = Renewals()
        self._idle: deque[Channel] = deque()
        self._pid = os.getpid()

    def exchange(self, commands: Sequence[Command[Any]]) -> list[object]:
        """Sends commands over a connection that nobody else uses meanwhile."""
        channel = self._take()
        try:
            replies = channel.exchange(commands)
        except BaseException:
            # Late replies would be taken for those of the next commands. What ended this connection
            # has probably ended the idle ones too.
            self._discard(channel)
            self._discard_idle()
            raise
        if any(map(is_not_primary, replies)) and self._is_renewed(channel):
            return replies
        self._idle.append(channel)
        return replies

    def _take(self) -> Channel:
        if self._pid != os.getpid():
            # The connections belong to the process that this one was forked from.
            self._pid, self._idle = os.getpid(), deque()
        while True:
            try:
                channel = self._idle.pop()
            except IndexError:
                return Channel(self._pool.get_connection(), self._server, self._timeout)
            if channel.is_usable():
                return channel
            self._discard(channel)

    def _is_renewed(self, channel: Channel) -> bool:
        """Closes connections to a server that is not the primary, each at most once per second."""
        if self._renewals.is_due(self):
            self._discard_idle()
        is_due = self._renewals.is_due(channel.connection)
        if is_due:
            self._discard(channel)
        return is_due

    def _discard(self, channel: Channel) -> None:
        channel.connection.disconnect()
        self._pool.release(channel.connection)

    def _discard_idle(self) -> None:
        with suppress(IndexError):
            while True:
                self._discard(self._idle.pop())

    def close(self) -> None:
        """Closes the connections."""
        self._discard_idle()
        self._pool.disconnect()
