"""A response of either kind of server."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class HttpResponse:
    """What `count_when` is given, once the response has been sent."""

    status: int
    """499 if the client left before the response was complete."""
    raw_headers: Iterable[tuple[Any, Any]]
    """Pairs in order: of bytes under ASGI, of text under WSGI."""

    def headers(self, name: str) -> list[str]:
        """The values of a header in order."""
        wanted = name.lower()
        return [_text(value) for header, value in self.raw_headers if _text(header).lower() == wanted]

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        values = self.headers(name)
        return values[0] if values else None


def _text(value: bytes | str) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
