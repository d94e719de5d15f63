"""The refresh token in a cookie that scripts cannot read and that other sites cannot send."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ..errors import ConfigurationError

# RFC 6265: no control characters and no semicolon.
_PATH = re.compile(r"[\x20-\x3a\x3c-\x7e]+")


@dataclass(frozen=True, slots=True)
class CookieOptions:
    """Keeps the refresh token in a cookie, so that a page's scripts never hold it."""

    origins: Collection[str]
    """The origins of the pages that log in:

    `https://app.example.com`. Other requests are answered 403.
    """
    name: str = "lw_refresh"
    path: str | None = None
    """Where the cookie is sent to; the prefix of the routes unless given."""

    def __post_init__(self) -> None:
        """Rejects what cannot work."""
        if not self.origins or isinstance(self.origins, str):
            raise ConfigurationError("a cookie needs origins=[…]: a cookie alone does not say who sent the request")
        if self.path is not None and not _PATH.fullmatch(self.path):
            raise ConfigurationError(f"the cookie's path {self.path!r} has characters that would end the attribute")

    def allows(self, origin: str | None) -> bool:
        """Whether the request comes from an allowed page.

        `SameSite` admits other hosts of the same site.
        """
        return origin in self.origins

    def read(self, cookies: Mapping[str, str]) -> str | None:
        """The refresh token of a request."""
        return cookies.get(self.name) or None

    def header(self, token: str, max_age: float, prefix: str) -> str:
        """A `Set-Cookie` header. An empty token with age 0 deletes the cookie."""
        path = self.path or prefix or "/"
        age = max(0, round(max_age))
        return f"{self.name}={token}; Max-Age={age}; Path={path}; HttpOnly; Secure; SameSite=Strict"
