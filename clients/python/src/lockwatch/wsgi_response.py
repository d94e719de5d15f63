"""Responses of the WSGI middleware: their headers, and the status of the audit event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias, cast

from .http.reply import CLIENT_CLOSED_REQUEST, Reply
from .http.state import LockWatchState

Environ: TypeAlias = dict[str, Any]
StartResponse: TypeAlias = Callable[..., Callable[[bytes], object]]
App: TypeAlias = Callable[[Environ, StartResponse], Iterable[bytes]]
# Takes the status and the headers of a response. It does not refer to the response: requests would
# leave cycles to the garbage collector.
OnEnd: TypeAlias = Callable[[int, list[tuple[str, str]]], None]

_REASONS = {429: "Too Many Requests", 503: "Service Unavailable"}


class Response:
    """Adds the headers to a response, and reports its status once the server is done with it."""

    def __init__(
        self,
        start_response: StartResponse,
        state: LockWatchState,
        on_end: OnEnd,
        *,
        has_body: bool,
        is_handshake: bool,
    ) -> None:
        self._start_response = start_response
        self._has_body = has_body
        self._is_handshake = is_handshake
        # Bytes that a server may wait for before it stops to read the body.
        self._length: int | None = None
        self._state = state
        self._on_end: OnEnd | None = on_end
        # What a server answers if the application fails before its response starts. A WebSocket has
        # taken the connection over, and there is no other response.
        self._status = 101 if is_handshake else 500
        self._headers: list[tuple[str, str]] = []
        self.is_started = False
        """Whether the application has called start_response."""

    def start(
        self,
        status: str,
        headers: list[tuple[str, str]],
        exc_info: Any = None,  # noqa: ANN401  # passed on
    ) -> Callable[[bytes], object]:
        """The start_response that the application is given."""
        self._status = int(status[:3])
        self.is_started = True
        self._headers = headers
        self._has_body = self._has_body and self._status not in (204, 304)
        present = {name.lower() for name, _ in headers}
        if "content-length" in present:
            length = next(value for name, value in headers if name.lower() == "content-length")
            self._length = int(length) if length.isdigit() else None
        own = [(name, value) for name, value in self._state.headers.items() if name.lower() not in present]
        headers = [*headers, *own]
        return self._start_response(status, headers, exc_info) if exc_info else self._start_response(status, headers)

    def wrap(self, body: Iterable[bytes], environ: Environ) -> Iterable[bytes]:
        """The body, with a `close` that ends the response."""
        wrapper = environ.get("wsgi.file_wrapper")
        if isinstance(wrapper, type) and isinstance(body, wrapper):
            # A server sends a file itself only if the body is its wrapper.
            file = cast("Any", body)
            file.close = self._closing(getattr(file, "close", None))
            return body
        return Body(body, self._body_closed(getattr(body, "close", None)))

    def _closing(self, close: Callable[[], None] | None) -> Callable[[], None]:
        def closing() -> None:
            try:
                if close is not None:
                    close()
            finally:
                self.end(self._status)

        return closing

    def _body_closed(self, close: Callable[[], None] | None) -> Callable[[int | None], None]:
        """What to do when the server closes the body, of which it has read a number of bytes."""

        def closed(read: int | None) -> None:
            try:
                if close is not None:
                    close()
            finally:
                is_whole = read is None or not self._has_body or (self._length is not None and read >= self._length)
                self.end(self._status if is_whole else CLIENT_CLOSED_REQUEST)

        return closed

    def fail(self, error: BaseException) -> None:
        """The application has raised an exception, by which some WebSockets end."""
        is_end = self._is_handshake and isinstance(error, (StopIteration, ConnectionError))
        self.end(self._status if is_end else 500)

    def end(self, status: int) -> None:
        """Reports the status and the application's headers, once."""
        if self._on_end is not None:
            on_end, self._on_end = self._on_end, None
            on_end(status, self._headers)

    def send_reply(self, reply: Reply) -> Iterable[bytes]:
        """Answers instead of the application."""
        content = reply.content
        headers = [*reply.pairs, ("Content-Length", str(len(content)))]
        self.start(f"{reply.status} {_REASONS.get(reply.status, 'Denied')}", headers)
        return Body([content], self._body_closed(None))


class Body:
    """A body, and what to do when the server closes it.

    A server that closes a body before its end has lost the client.
    """

    def __init__(self, chunks: Iterable[bytes], on_close: Callable[[int | None], None]) -> None:
        self._chunks = chunks
        self._on_close = on_close
        self._read: int | None = 0
        """Bytes that the server has read; None at the end."""

    def __iter__(self) -> Iterator[bytes]:
        """The chunks."""
        read = 0
        try:
            for chunk in self._chunks:
                # Counted before the server gets the chunk: it may not come back for the next.
                self._read = read = read + len(chunk)
                yield chunk
        except GeneratorExit:
            raise
        except BaseException:
            # The application has failed, and the client is still there.
            self._read = None
            raise
        self._read = None

    def close(self) -> None:
        """The server is done with the body."""
        self._on_close(self._read)
