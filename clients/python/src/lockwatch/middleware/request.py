"""A request, as both kinds of server tell it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .address import Address

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}")


@dataclass(slots=True)
class HttpRequest:
    """What key functions and plan functions are given."""

    method: str
    path: str
    """Percent-decoded, without the query: queries hold secrets."""
    headers: Callable[[str], list[str]]
    """The values of a header, by its name in lower case, in their order."""
    address: Address | None
    """Where it comes from, through trusted proxies; None for a Unix socket."""
    raw: Any
    """The ASGI scope or the WSGI environ."""

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        values = self.headers(name.lower())
        return values[0] if values else None

    @property
    def method_token(self) -> str | None:
        """The method as the module takes it; None for what it would refuse the call over."""
        return self.method if _TOKEN.fullmatch(self.method) else None
