"""Replies of Redis in RESP2, however the network cuts them.

`Replies` is given bytes. `Reader` takes them from a socket.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Generator
from typing import TypeAlias

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse

from ..errors import answered_error

_CHUNK = 1 << 16
# What the commands of a limiter answer: up to 16 integers.
_INTEGERS = re.compile(rb"\*([1-9]|1[0-6])\r\n:(-?[0-9]+(?:\r\n:-?[0-9]+)*)\r\n")
# Waits for bytes at each `yield`.
_Waiting: TypeAlias = Generator[None, None, object]
# Takes the code and the message of an error reply, and the server. Returns what to return for it.
ErrorOf: TypeAlias = Callable[[str, str, str], object]


class Replies:
    """Parses replies from bytes that come in any pieces."""

    def __init__(self, server: str, error_of: ErrorOf = answered_error) -> None:
        self._server = server
        self._error_of = error_of
        self._data = b""
        self._at = 0
        self._unfinished: _Waiting | None = None

    @property
    def is_done(self) -> bool:
        """Whether everything that has come has been read."""
        return self._at == len(self._data) and self._unfinished is None

    def feed(self, data: bytes) -> None:
        """Adds what has come."""
        self._data = self._data[self._at :] + data
        self._at = 0

    def read(self, into: list[object], count: int) -> bool:
        """Appends replies until there are `count`. Returns whether there are.

        An error reply is a LockWatchError in the list.
        """
        try:
            while len(into) < count:
                if self._unfinished is None and self._read_integers(into):
                    continue
                if not self._go_on(into):
                    return False
        except ValueError as error:
            raise InvalidResponse("the reply has a number that is none") from error
        return True

    def _read_integers(self, into: list[object]) -> bool:
        """Appends the next reply if it is an array of integers that has come as a whole."""
        found = _INTEGERS.match(self._data, self._at)
        if found is None:
            return False
        numbers = found[2].split(b"\r\n:")
        # An integer may be a reply of its own behind the array.
        if len(numbers) != int(found[1]):
            return False
        into.append([*map(int, numbers)])
        self._at = found.end()
        return True

    def _go_on(self, into: list[object]) -> bool:
        """Appends the next reply, whatever it is. Returns False if a part of it is missing."""
        if self._unfinished is None:
            if self._at == len(self._data):
                return False
            self._unfinished = self._reply()
        try:
            next(self._unfinished)
        except StopIteration as stop:
            into.append(stop.value)
            self._unfinished = None
            return True
        return False

    def _reply(self) -> _Waiting:
        """Any reply."""
        while (end := self._data.find(b"\r\n", self._at)) < 0:
            yield
        kind, rest = self._data[self._at : self._at + 1], self._data[self._at + 1 : end]
        self._at = end + 2
        if kind == b":":
            return int(rest)
        if kind == b"*":
            count, members = int(rest), []
            for _ in range(count):
                members.append((yield from self._reply()))  # noqa: PERF401  # `yield` may not be in a comprehension
            return None if count < 0 else members
        if kind == b"$":
            length = int(rest)
            return None if length < 0 else (yield from self._bytes(length))
        if kind == b"+":
            return rest
        if kind == b"-":
            code, _, message = rest.decode("utf-8", "replace").partition(" ")
            return self._error_of(code, message, self._server)
        raise InvalidResponse(f"the reply begins with {kind!r}")

    def _bytes(self, length: int) -> _Waiting:
        while len(self._data) < self._at + length + 2:
            yield
        found = self._data[self._at : self._at + length]
        self._at += length + 2
        return found


class Reader:
    """Reads one reply after the other.

    Each read of the socket has its timeout. After the first one of an exchange, none begins after
    the deadline, so that a server which answers byte by byte does not hold up a request.
    """

    def __init__(self, receive: Callable[[int], bytes], server: str) -> None:
        self._receive = receive
        self._deadline = math.inf
        self._has_read = False
        self._replies = Replies(server)

    @property
    def is_done(self) -> bool:
        """Whether everything that was received has been read."""
        return self._replies.is_done

    def read(self) -> object:
        """The next reply. An error reply is a LockWatchError that is returned."""
        return self.read_all(1)[0]

    def read_all(self, count: int) -> list[object]:
        """The next replies. An error reply is a LockWatchError in the list."""
        replies: list[object] = []
        while not self._replies.read(replies, count):
            self._fill()
        return replies

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
        self._replies.feed(chunk)
