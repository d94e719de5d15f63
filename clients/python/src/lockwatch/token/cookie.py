"""The refresh token in a cookie that scripts cannot read and that other sites cannot send."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields

from ..rules import Rules, expect, read_options, required, text, texts

COOKIE: Rules = {
    "origins": required(texts(expect, "a list of the pages' origins, like ['https://app.example.com']", empty=False)),
    "name": required(text(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", "the name of a cookie, like 'lw_refresh'")),
    # RFC 6265: no control characters and no semicolon.
    "path": text(r"/[\x20-\x3a\x3c-\x7e]*", "a path like '/auth', without a semicolon"),
}


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
        read_options({each.name: getattr(self, each.name) for each in fields(self)}, COOKIE, " of CookieOptions")

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
