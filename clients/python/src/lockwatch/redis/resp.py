"""Replies of Redis in RESP2, read from a socket."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse

from ..errors import LockWatchError, answered_error

_CHUNK = 1 << 16
# The most members of an array that is read as a whole.
_MAX_INTEGERS = 16


class Reader:
    """Reads one reply after the other.

    Each read of the socket has its timeout. After the first one of an exchange, none begins after
    the deadline, so that a server which answers byte by byte does not hold up a request.
    """

    def __init__(self, receive: Callable[[int], bytes], server: str) -> None:
        self._receive = receive
        self._deadline = math.inf
        self._has_read = False
        self._server = server
        self._data = b""
        self._at = 0

    @property
    def is_done(self) -> bool:
        """Whether everything that was received has been read."""
        return self._at == len(self._data)

    def read(self) -> object:
        """The next reply. An error reply is a LockWatchError that is returned."""
        try:
            return self._read()
        except ValueError as error:
            raise InvalidResponse("the reply has a number that is none") from error

    def _read(self) -> object:
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b":":
            return int(rest)
        if kind == b"*":
            count = int(rest)
            if count < 0:
                return None
            numbers = self._integers(count) if 0 < count <= _MAX_INTEGERS else None
            return [self._read() for _ in range(count)] if numbers is None else numbers
        if kind == b"$":
            length = int(rest)
            return None if length < 0 else self._bytes(length)
        if kind == b"+":
            return rest
        if kind == b"-":
            return _error(rest, self._server)
        raise InvalidResponse(f"the reply begins with {kind!r}")

    def _integers(self, count: int) -> list[int] | None:
        """An array of integers that has come as a whole; None for any other array."""
        lines = self._data[self._at :].split(b"\r\n", count)
        rest = lines.pop()
        if len(lines) < count or {line[:1] for line in lines} != {b":"}:
            return None
        self._at = len(self._data) - len(rest)
        return [int(line[1:]) for line in lines]

    def _line(self) -> bytes:
        while (end := self._data.find(b"\r\n", self._at)) < 0:
            self._fill()
        line = self._data[self._at : end]
        self._at = end + 2
        return line

    def _bytes(self, length: int) -> bytes:
        while len(self._data) < self._at + length + 2:
            self._fill()
        found = self._data[self._at : self._at + length]
        self._at += length + 2
        return found

    def begin(self, timeout: float) -> None:
        """Starts an exchange. All its replies have to arrive within `timeout` seconds."""
        self._deadline = time.monotonic() + timeout
        self._has_read = False

    def _fill(self) -> None:
        # A thread that gets its turn late still reads the reply that is there.
        if self._has_read and time.monotonic() > self._deadline:
            raise TimeoutError("no reply in time")
        self._has_read = True
        try:
            chunk = self._receive(_CHUNK)
        except BlockingIOError as error:
            raise TimeoutError("no reply in time") from error
        if not chunk:
            raise RedisConnectionError("Connection closed by server.")
        self._data = self._data[self._at :] + chunk
        self._at = 0


def _error(line: bytes, server: str) -> LockWatchError:
    code, _, message = line.decode("utf-8", "replace").partition(" ")
    return answered_error(code, message, server)
