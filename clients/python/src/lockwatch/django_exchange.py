"""A request of Django on its way through the middleware for WSGI or ASGI, and its response."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from .http.reply import Reply
from .http.state import LockWatchState


class Exchange:
    """A request, what Django answers, and what the middleware makes of that."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self.response: HttpResponseBase | None = None
        """What Django answers; None if the middleware answers."""
        self._status = 500
        self._headers: list[tuple[str, str]] = []
        self._content: list[bytes] = []

    def keep(self, state: LockWatchState | None) -> None:
        """Lets views, and middlewares around this one, find the state in `request.lockwatch`."""
        if state is not None:
            self.request.lockwatch = state  # type: ignore[attr-defined]  # of lockwatch

    def start_response(
        self,
        status: str,
        headers: list[tuple[str, str]],
        exc_info: Any = None,  # noqa: ANN401, ARG002  # of WSGI
    ) -> Callable[[bytes], object]:
        """The start_response of WSGI."""
        self._status, self._headers = int(status[:3]), headers
        return self._content.append

    def take(self, body: Iterable[bytes]) -> None:
        """Takes the body that WSGI returned."""
        try:
            self._content.extend(body)
        finally:
            close = getattr(body, "close", None)
            if close is not None:
                close()

    async def send(self, message: Any) -> None:  # noqa: ANN401  # of ASGI
        """The send of ASGI."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message["headers"]]
        else:
            self._content.append(message.get("body", b""))

    def result(self) -> HttpResponseBase:
        """The response, with the headers that the middleware adds."""
        if self.response is None:
            return _response(self._status, b"".join(self._content), self._headers)
        add_headers(self.response, self._headers)
        return self.response


def add_headers(response: HttpResponseBase, headers: Iterable[tuple[str, str]]) -> None:
    """Adds headers that the response does not have."""
    for name, value in headers:
        if not response.has_header(name):
            response[name] = value


def response_of(reply: Reply) -> HttpResponseBase:
    """A reply as a response of Django."""
    return _response(reply.status, reply.content, reply.pairs)


def _response(status: int, content: bytes, headers: Iterable[tuple[str, str]]) -> HttpResponseBase:
    response = HttpResponse(content, status=status)
    del response["Content-Type"]
    for name, value in headers:
        if name.lower() == "set-cookie":
            response.cookies.load(value)
        else:
            response[name] = value
    return response


def environ_of(request: HttpRequest) -> dict[str, Any]:
    """The environ of a request, of either kind of server, as WSGI has it."""
    # Django has decoded the path, and WSGI passes bytes as Latin-1.
    script = request.META.get("SCRIPT_NAME") or ""
    return {
        **request.META,
        "PATH_INFO": request.path_info.encode("utf-8", "surrogatepass").decode("latin-1"),
        "SCRIPT_NAME": script.encode("utf-8", "surrogatepass").decode("latin-1"),
    }


def scope_of(request: HttpRequest) -> dict[str, Any]:
    """The scope of a request, of either kind of server, as ASGI has it."""
    if (scope := getattr(request, "scope", None)) is not None:
        return dict(scope)
    peer = request.META.get("REMOTE_ADDR")
    found = {
        "type": "http",
        "method": request.method,
        "path": request.path,
        "root_path": request.META.get("SCRIPT_NAME") or "",
        "headers": [
            (name.lower().encode("latin-1"), value.encode("latin-1", "replace"))
            for name, value in request.headers.items()
        ],
        "client": (peer, 0) if peer else None,
    }
    if (outer := request.META.get("lockwatch")) is not None:
        found["lockwatch"] = outer
    return found


def state_of(request: Any) -> LockWatchState | None:  # noqa: ANN401  # a request of Django or of its REST framework
    """What the middleware has found out about a request; None without it."""
    state = getattr(request, "lockwatch", None)
    return state if isinstance(state, LockWatchState) else None
