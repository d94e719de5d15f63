"""The refresh token in a cookie that scripts cannot read and that other sites cannot send."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from urllib.parse import quote

from ..errors import ConfigurationError
from ..rules import BOOLEAN, Rules, read_options, required, text, texts
from .origin import parse_origin

COOKIE: Rules = {
    "origins": required(
        texts(parse_origin, "a list of the pages' origins, like ['https://app.example.com']", empty=False)
    ),
    "name": required(text(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", "the name of a cookie, like 'lw_refresh'")),
    # RFC 6265: no control characters and no semicolon.
    "path": text(r"/[\x20-\x3a\x3c-\x7e]*", "a path like '/auth', without a semicolon"),
    "domain": text(
        r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])?",
        "a host name like 'example.com', without scheme, port and leading dot",
    ),
    "secure": required(BOOLEAN),
}
# What `quote` leaves as it is: everything that a path may contain, but for the semicolon.
_PATH_CHARACTERS = "/:@!$&'()*+,=~%"
# Browsers accept such names under conditions only, and compare them without case.
_HOST, _SECURE = "__host-", "__secure-"


@dataclass(frozen=True, slots=True)
class CookieOptions:
    """Keeps the refresh token in a cookie, so that a page's scripts never hold it."""

    origins: Collection[str]
    """The origins of the pages that log in:

    `https://app.example.com`. Other requests are answered 403.
    """
    name: str = "lw_refresh"
    path: str | None = None
    """Where browsers send the cookie to.

    Unless given, the path of the request up to `/login`. A proxy that strips a prefix from paths
    needs it: `/api/auth`.
    """
    domain: str | None = None
    """The domain whose hosts all get the cookie; only the host of the request unless given."""
    secure: bool = True
    """False lets browsers send the cookie over plain HTTP, for development on one's own machine."""

    def __post_init__(self) -> None:
        """Rejects what cannot work."""
        options = {each.name: getattr(self, each.name) for each in fields(self)}
        origins = read_options(options, COOKIE, " of CookieOptions")["origins"]
        object.__setattr__(self, "origins", tuple(map(parse_origin, origins)))
        self._check_security()

    def _check_security(self) -> None:
        prefix = self.name.lower()
        if not self.secure:
            if safe := [origin for origin in self.origins if not origin.startswith("http://")]:
                raise _wrong("secure", False, f"True, since {safe[0]} is not plain HTTP: leave secure out")
            if prefix.startswith((_HOST, _SECURE)):
                raise _wrong("secure", False, f"True, because browsers refuse the name {self.name!r} otherwise")
        if prefix.startswith(_HOST):
            if self.domain is not None:
                raise _wrong("domain", self.domain, f"none, because browsers refuse the name {self.name!r} otherwise")
            if self.path not in (None, "/"):
                raise _wrong("path", self.path, f"'/', because browsers refuse the name {self.name!r} otherwise")
            object.__setattr__(self, "path", "/")

    def allows(self, origin: str | None) -> bool:
        """Whether the request comes from an allowed page.

        `SameSite` admits other hosts of the same site.
        """
        return origin in self.origins

    def read(self, cookies: Mapping[str, str]) -> str | None:
        """The refresh token of a request."""
        return cookies.get(self.name) or None

    def header(self, token: str, max_age: int, mount: str) -> str:
        """A `Set-Cookie` header. An empty token with age 0 deletes the cookie.

        `mount` is the path of the request without the action. It is encoded, because it could add
        attributes to the cookie otherwise.
        """
        path = self.path or quote(mount, _PATH_CHARACTERS) or "/"
        domain = f"; Domain={self.domain}" if self.domain is not None else ""
        secure = "; Secure" if self.secure else ""
        return f"{self.name}={token}; Max-Age={max_age}; Path={path}{domain}; HttpOnly{secure}; SameSite=Strict"


def _wrong(option: str, value: object, expected: str) -> ConfigurationError:
    return ConfigurationError(f"{option} of CookieOptions is {value!r}: expected {expected}")
