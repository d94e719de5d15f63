"""A connection with scripted replies, which records the commands that it was sent.

It limits nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from ..errors import LockWatchError, UnavailableError
from ..redis.connection import Command
from .tokens import StubTokens

# The replies to commands for which nothing is scripted.
_DEFAULT_REPLIES: dict[str, Any] = {
    "LW.RATELIMIT": [0, 100, 99, 0, 60_000],
    "LW.PEEK": [0, 100, 99, 0, 60_000],
    "LW.REFUND": 1,
    "LW.SETTLE": [0, 0, 0],
    "LW.RENEW": 1,
    "LW.RELEASE": 1,
    "LW.BURST": [0, 1, 0],
    "LW.AUDIT": b"1764000000000-0000000000000000-1",
    "LW.ALERT": b"1764000000000-0000000000000000-1",
    "LW.AUDITLOG": [],
    "LW.ATTEMPT": [0, 0, None, 0, 0, 0],
    "LW.EVENT": [0, 0, None, 0, 0, 0],
    "LW.CHECK": [0, 0, None, 0, 0, 0],
    "LW.BAN": 1_764_000_000_000,
    "LW.ALLOW": 1_764_000_000_000,
    "LW.LIFT": 1,
    "LW.BANS": [],
    "LW.WHY": {
        **dict.fromkeys(("subject", "hash", "rule")),
        **dict.fromkeys(("verdict", "would"), b"allow"),
        **dict.fromkeys(("retry_after_ms", "known_networks", "known_devices"), 0),
        **dict.fromkeys(("entries", "challenges", "counts"), ()),
    },
    "LW.RULES": [],
}


class Stub:
    """Takes the place of a URL.

    `LockWatchWSGIMiddleware(app.wsgi_app, redis=stub)`, `LockWatch(stub)`.

    `stub.answer("LW.RATELIMIT", [1, 100, 0, 12_000, 60_000])` queues replies to a command. An
    UnavailableError among them is raised; any other LockWatchError is an error reply. `stub.calls`
    are the commands in order, as texts. Tokens are valid unless a reply says otherwise.

    Between `stub.unavailable()` and `stub.available()` Redis is away.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []
        self._replies: dict[str, deque[Any]] = {}
        self._tokens = StubTokens()
        self._failure: UnavailableError | None = None

    def answer(self, command: str, *replies: Any) -> None:  # noqa: ANN401  # a reply is anything
        """Queues the replies to a command's next calls."""
        self._replies.setdefault(command.upper(), deque()).extend(replies)

    def called(self, command: str) -> list[tuple[str, ...]]:
        """The calls of one command."""
        return [call for call in self.calls if call[0] == command.upper()]

    def unavailable(self, code: str = "CONNECTION") -> None:
        """From now on Redis is away: refused connections, or `code="TIMEOUT"`."""
        self._failure = UnavailableError(code, f"the stub is unavailable ({code})")

    def available(self) -> None:
        """Redis answers again."""
        self._failure = None

    def send(self, commands: Sequence[Command[Any]]) -> list[Any]:
        """Answers from the script."""
        if self._failure is not None:
            raise self._failure
        return [self._reply(command) for command in commands]

    def _reply(self, command: Command[Any]) -> Any:  # noqa: ANN401
        words = tuple(arg if isinstance(arg, str) else arg.decode("utf-8", "backslashreplace") for arg in command.args)
        self.calls.append(words)
        queued = self._replies.get(words[0])
        if queued:
            reply = queued.popleft()
        elif words[0] in _DEFAULT_REPLIES:
            reply = _DEFAULT_REPLIES[words[0]]
        elif (reply := self._tokens.answer(words)) is None:
            raise AssertionError(f"the stub was sent {words[0]} and has no answer: stub.answer({words[0]!r}, …)")
        if isinstance(reply, UnavailableError):
            raise reply
        if isinstance(reply, BaseException) and not isinstance(reply, LockWatchError):
            raise reply
        return reply

    def close(self) -> None:
        """Does nothing."""


class AsyncStub:
    """`Stub` for `LockWatchMiddleware` and `AsyncLockWatch`."""

    def __init__(self) -> None:
        self._stub = Stub()
        self.calls = self._stub.calls
        self.answer = self._stub.answer
        self.called = self._stub.called
        self.unavailable = self._stub.unavailable
        self.available = self._stub.available

    async def send(self, commands: Sequence[Command[Any]]) -> list[Any]:
        """Answers from the script."""
        return self._stub.send(commands)

    async def aclose(self) -> None:
        """Does nothing."""
