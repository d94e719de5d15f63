"""A link that answers what a test says, and remembers what it was asked. It limits nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from ..errors import LockWatchError, RedisAway
from ..link import Call

# What each command answers unless the test says something else: all is well.
_WELL: dict[str, Any] = {
    "LW.RATELIMIT": [0, 100, 99, 0, 60_000],
    "LW.PEEK": [0, 100, 99, 0, 60_000],
    "LW.BURST": [0, 1, 0],
    "LW.AUDIT": b"1764000000000-0000000000000000-1",
    "LW.ALERT": b"1764000000000-0000000000000000-1",
}


class Stub:
    """In place of a URL: `LockWatchFlaskMiddleware(app.wsgi_app, redis=stub)`, `LockWatch(stub)`.

    `stub.answers("LW.RATELIMIT", [1, 100, 0, 12_000, 60_000])` queues replies for a command. An exception among them is
    raised if it is RedisAway, and stands in place of the reply if it is another LockWatchError. Where nothing is
    queued, all is well. `stub.calls` are the commands that were sent, as texts, in their order.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []
        self._answers: dict[str, deque[Any]] = {}

    def answers(self, command: str, *replies: Any) -> None:  # noqa: ANN401  # a reply is anything
        """Queues what a command's next calls are answered."""
        self._answers.setdefault(command.upper(), deque()).extend(replies)

    def called(self, command: str) -> list[tuple[str, ...]]:
        """The calls of one command."""
        return [call for call in self.calls if call[0] == command.upper()]

    def send(self, calls: Sequence[Call]) -> list[Any]:
        """What a link does."""
        return [self._answer(call) for call in calls]

    def _answer(self, call: Call) -> Any:  # noqa: ANN401
        words = tuple(word if isinstance(word, str) else word.decode("utf-8", "backslashreplace") for word in call.args)
        self.calls.append(words)
        queued = self._answers.get(words[0])
        if queued:
            reply = queued.popleft()
        elif words[0] in _WELL:
            reply = _WELL[words[0]]
        else:
            raise AssertionError(f"the stub was sent {words[0]} and has no answer: stub.answers({words[0]!r}, …)")
        if isinstance(reply, RedisAway):
            raise reply
        if isinstance(reply, BaseException) and not isinstance(reply, LockWatchError):
            raise reply
        return reply

    def close(self) -> None:
        """Nothing to close."""


class AsyncStub:
    """The same for `LockWatchMiddleware` and `AsyncLockWatch`."""

    def __init__(self) -> None:
        self._stub = Stub()
        self.calls = self._stub.calls
        self.answers = self._stub.answers
        self.called = self._stub.called

    async def send(self, calls: Sequence[Call]) -> list[Any]:
        """What a link does."""
        return self._stub.send(calls)

    async def aclose(self) -> None:
        """Nothing to close."""
