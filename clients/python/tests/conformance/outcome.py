"""The outcome of a request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lockwatch import LockWatchState


@dataclass
class Outcome:
    status: int | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    app_called: bool = False
    failure: str | None = None
    error: Exception | None = None

    async def take(self, message: Any) -> None:
        """An ASGI send."""
        kind = message["type"].removeprefix("websocket.")
        if kind in ("http.response.start", "accept"):
            self.status = message.get("status", 101)
            self.headers = [(name.decode(), value.decode()) for name, value in message.get("headers", ())]
        else:
            self.body += message["body"]

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        self.status = int(status[:3])
        self.headers = [(name.lower(), value) for name, value in headers]

    def of_state(self, state: LockWatchState | None) -> None:
        self.failure = None if state is None else state.failure
