"""The handshake of a WebSocket under ASGI, which is a request like any other GET."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from .asgi_response import Message, Receive, Scope, Send, raw_headers, with_headers
from .http.reply import CLIENT_CLOSED_REQUEST, Reply
from .http.state import LockWatchState

# Takes the status and the headers of the response.
OnEnd: TypeAlias = Callable[[int, Iterable[tuple[bytes, bytes]]], None]

_SWITCHING_PROTOCOLS = 101
_FORBIDDEN = 403
# The reason that a client is told if the server cannot send a response of our own.
_POLICY_VIOLATION = 1008
_CAN_RESPOND = "websocket.http.response"


class Handshake:
    """Adds the headers to the response of a handshake, and reports its status once.

    A server that can only close a connection that it has not accepted answers 403.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, state: LockWatchState, on_end: OnEnd) -> None:
        self._can_respond = _CAN_RESPOND in (scope.get("extensions") or {})
        self._receive = receive
        self._send = send
        self._state = state
        self._on_end: OnEnd | None = on_end
        self._headers: Iterable[tuple[bytes, bytes]] = ()

    def end(self, status: int = 500) -> None:
        """The handshake has its response: 500 if the application has sent none."""
        if self._on_end is not None:
            on_end, self._on_end = self._on_end, None
            on_end(status, self._headers)

    async def receive(self) -> Message:
        """The receive that the application is given."""
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            self.end(CLIENT_CLOSED_REQUEST)
        return message

    async def send(self, message: Message) -> None:
        """Passes a message on."""
        kind = message["type"]
        status = None
        if kind in ("websocket.accept", f"{_CAN_RESPOND}.start"):
            self._headers = message.get("headers", ())
            if self._state.headers:
                message = {**message, "headers": with_headers(self._headers, self._state.headers)}
            status = message.get("status", _SWITCHING_PROTOCOLS)
        elif kind == "websocket.close":
            status = _FORBIDDEN
        await self._send(message)
        if status is not None:
            self.end(status)

    async def send_reply(self, reply: Reply) -> None:
        """Refuses the handshake."""
        message = await self.receive()
        if message["type"] != "websocket.connect":
            return
        if not self._can_respond:
            await self.send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return
        start = {"type": f"{_CAN_RESPOND}.start", "status": reply.status, "headers": raw_headers(reply)}
        await self.send(start)
        await self.send({"type": f"{_CAN_RESPOND}.body", "body": reply.content})
