"""The cookie by which a guard knows a browser again from which somebody has logged in."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from .errors import ConfigurationError
from .rules import BOOLEAN, Rules, read_options, required, text

_BYTES = 16
_DEVICE = re.compile(r"[0-9a-f]{32}")
# Seconds for which a guard knows a device: 90 days.
_MAX_AGE = 90 * 86_400
# Browsers accept such names under conditions only, and compare them without case.
_HOST, _SECURE = "__host-", "__secure-"

DEVICE_COOKIE: Rules = {
    "name": required(text(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", "the name of a cookie, like 'lw_device'")),
    # RFC 6265: no control characters and no semicolon.
    "path": required(text(r"/[\x20-\x3a\x3c-\x7e]*", "a path like '/', without a semicolon")),
    "domain": text(
        r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])?",
        "a host name like 'example.com', without scheme, port and leading dot",
    ),
    "secure": required(BOOLEAN),
}


@dataclass(frozen=True, slots=True)
class DeviceCookie:
    """Where the device is kept: a random number in a cookie that scripts can't read."""

    name: str = "lw_device"
    path: str = "/"
    domain: str | None = None
    """The domain whose hosts all get the cookie; only the host of the request unless given."""
    secure: bool = True
    """False lets browsers send the cookie over plain HTTP, for development on one's own machine."""

    def __post_init__(self) -> None:
        """Rejects what cannot work."""
        read_options({each.name: getattr(self, each.name) for each in fields(self)}, DEVICE_COOKIE, " of DeviceCookie")
        prefix = self.name.lower()
        if prefix.startswith((_HOST, _SECURE)) and not self.secure:
            raise _wrong("secure", False, f"True, because browsers refuse the name {self.name!r} otherwise")
        if prefix.startswith(_HOST) and (self.domain is not None or self.path != "/"):
            raise _wrong("name", self.name, "another name, because browsers take this one for path='/' without domain")

    def read(self, cookies: Mapping[str, str]) -> str | None:
        """The device of a request, from its cookies; None if it has none that `new` has made."""
        device = cookies.get(self.name)
        return device if device is not None and _DEVICE.fullmatch(device) else None

    def new(self) -> str:
        """A device that no browser has yet: 16 random bytes in hexadecimal digits."""
        return secrets.token_hex(_BYTES)

    def set(self, response: Any, device: str) -> None:  # noqa: ANN401  # of any framework
        """Sets the cookie on a response of Starlette, FastAPI, Flask or Django."""
        response.set_cookie(
            self.name,
            device,
            max_age=_MAX_AGE,
            path=self.path,
            domain=self.domain,
            secure=self.secure,
            httponly=True,
            samesite="Lax",
        )

    def header(self, device: str) -> str:
        """The value of a `Set-Cookie` header."""
        domain = f"; Domain={self.domain}" if self.domain is not None else ""
        secure = "; Secure" if self.secure else ""
        return f"{self.name}={device}; Max-Age={_MAX_AGE}; Path={self.path}{domain}; HttpOnly{secure}; SameSite=Lax"


def _wrong(option: str, value: object, expected: str) -> ConfigurationError:
    return ConfigurationError(f"{option} of DeviceCookie is {value!r}: expected {expected}")
