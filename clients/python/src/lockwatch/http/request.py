"""A request of either kind of server."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from .address import Address

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}")


@dataclass(slots=True)
class HttpRequest:
    """What `key_func`, `plan_func` and `on_denied` are given."""

    method: str
    path: str
    """Percent-decoded, without the query, which may hold secrets."""
    headers: Callable[[str], list[str]]
    """The values of a header in order, by its name in lower case."""
    address: Address | None
    """The client's address, found through trusted proxies; None for a Unix socket."""
    raw: Any
    """The ASGI scope or the WSGI environ."""

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        values = self.headers(name.lower())
        return values[0] if values else None

    @property
    def method_argument(self) -> str | None:
        """The method; None if it is no HTTP token of up to 32 characters."""
        return self.method if _TOKEN.fullmatch(self.method) else None


# Returns whose request it is: a text or a number, ADDRESS, or None if the limit does not apply.
KeyFunction: TypeAlias = Callable[[HttpRequest], Any]
