"""Responses of the ASGI middleware: their headers, and the status of the audit event."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from functools import lru_cache
from typing import Any, TypeAlias

from .http.reply import CLIENT_CLOSED_REQUEST, Reply
from .http.state import LockWatchState

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

# Within this time a client that leaves cannot be told from one that leaves after the response.
_SECONDS_UNTIL_LOOK = 0.01


def with_headers(given: Any, own: Mapping[str, str]) -> list[tuple[bytes, bytes]]:  # noqa: ANN401  # iterable of pairs
    """The headers of a response, with those of `own` that it does not have."""
    headers = [*given]
    present = {name.lower() for name, _ in headers}
    for name, value in own.items():
        raw = _raw_name(name)
        if raw not in present:
            headers.append((raw, value.encode()))
    return headers


@lru_cache(maxsize=64)
def _raw_name(name: str) -> bytes:
    return name.lower().encode()


class Response:
    """Adds the headers to a response, and keeps its status for the audit event.

    The status is 499 if the client left before the response was complete, as in nginx's log.
    """

    def __init__(self, receive: Receive, send: Send, state: LockWatchState) -> None:
        self._receive = receive
        self._send = send
        self._state = state
        self._started = time.perf_counter()
        # Messages that `_look_for_client` has received, for the application.
        self._unread: list[Message] = []
        self._receiving = 0
        self._is_ending = False
        # What a server answers if the application fails before its response starts.
        self.status = 500
        self.headers: Iterable[tuple[bytes, bytes]] = ()
        self.ended: float | None = None

    def lose_client(self) -> None:
        """The client has left. Does nothing once the whole response has been sent."""
        if not self._is_ending:
            self._is_ending = True
            self.status = CLIENT_CLOSED_REQUEST

    async def receive(self) -> Message:
        """The receive that the application is given."""
        if self._unread:
            return self._unread.pop(0)
        self._receiving += 1
        try:
            message = await self._receive()
        finally:
            self._receiving -= 1
        if message["type"] == "http.disconnect":
            self.lose_client()
        return message

    async def send(self, message: Message) -> None:
        """Passes a message on."""
        kind = message["type"]
        ends = kind == "http.response.body" and not message.get("more_body")
        if kind == "http.response.start":
            if not self._is_ending:
                self.status = message["status"]
                self.headers = message.get("headers", ())
            if self._state.headers:
                message = {**message, "headers": with_headers(message.get("headers", ()), self._state.headers)}
        elif ends and not self._is_ending and time.perf_counter() - self._started >= _SECONDS_UNTIL_LOOK:
            await self._look_for_client()
        try:
            await self._send(message)
        except Exception:
            self.lose_client()
            raise
        if ends:
            self._is_ending = True
            self.ended = time.perf_counter()

    async def _look_for_client(self) -> None:
        """Asks the server whether the client has left, which it tells only those who receive.

        Only for a response that took a while, because it costs a turn of the event loop. An
        application that waits for a disconnect itself will be told.
        """
        if self._receiving or self._unread:
            return
        task = asyncio.ensure_future(self._receive())
        try:
            await asyncio.wait((task,), timeout=0)
        finally:
            task.cancel()
        await asyncio.wait((task,))
        if task.cancelled() or task.exception() is not None:
            return
        message = task.result()
        if message["type"] == "http.disconnect":
            self.lose_client()
        else:
            self._unread.append(message)

    async def send_reply(self, reply: Reply) -> None:
        """Answers instead of the application."""
        await self.send({"type": "http.response.start", "status": reply.status, "headers": raw_headers(reply)})
        await self.send({"type": "http.response.body", "body": reply.content})


def raw_headers(reply: Reply) -> list[tuple[bytes, bytes]]:
    """The headers of a reply, with the length of its body."""
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in reply.pairs]
    headers.append((b"content-length", str(len(reply.content)).encode()))
    return headers
