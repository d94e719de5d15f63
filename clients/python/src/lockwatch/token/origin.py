"""Origins as people write them, and as browsers send them (RFC 6454)."""

from __future__ import annotations

import ipaddress
import re

from ..errors import ConfigurationError

_DEFAULT_PORTS = {"http": 80, "https": 443}
_MAX_PORT = 65_535
_PARTS = re.compile(r"([a-z][a-z0-9+.-]*)://([^/?#]*)(.*)", re.ASCII | re.DOTALL)
_AUTHORITY = re.compile(r"(?:\[([0-9a-f:]+)\]|([a-z0-9_-]+(?:\.[a-z0-9_-]+)*))(?::(\d{1,5}))?", re.ASCII)
_EXAMPLE = "like 'https://app.example.com'"


def parse_origin(text: object) -> str:
    """The origin in the form of the header `Origin`.

    That is lower case, without a default port. Raises ConfigurationError for what no page sends.
    """
    if not isinstance(text, str):
        raise ConfigurationError(f"origins has {text!r}: write texts, {_EXAMPLE}")
    written = text.strip().lower()
    if "*" in written:
        raise _refused(text, "which would let many sites use the cookie", f"each page's origin, {_EXAMPLE}")
    if written == "null":
        raise _refused(text, "which sandboxed pages of every site send", f"the page's origin, {_EXAMPLE}")
    parts = _PARTS.fullmatch(written)
    if parts is None and "/" not in written and _AUTHORITY.fullmatch(written):
        raise _refused(text, "which has no scheme", f"'https://{written}'")
    authority = _authority(parts[1], parts[2]) if parts else None
    if parts is None or authority is None:
        raise _refused(text, "which is not an origin", f"a scheme, a host and the port, if any, {_EXAMPLE}")
    origin = f"{parts[1]}://{authority}"
    if parts[3] not in ("", "/"):
        raise _refused(text, "which has more than a scheme, a host and a port", f"'{origin}'")
    return origin


def _refused(text: str, why: str, instead: str) -> ConfigurationError:
    return ConfigurationError(f"origins has {text!r}, {why}: write {instead}")


def _authority(scheme: str, text: str) -> str | None:
    parts = _AUTHORITY.fullmatch(text)
    host = parts and (_ipv6(parts[1]) if parts[1] else _host(parts[2]))
    if not parts or not host:
        return None
    port = int(parts[3]) if parts[3] else None
    if port is None or port == _DEFAULT_PORTS.get(scheme):
        return host
    return f"{host}:{port}" if 1 <= port <= _MAX_PORT else None


def _host(text: str) -> str | None:
    # A host that ends in a number is an IPv4 address for browsers.
    if not text.rpartition(".")[2].isdigit():
        return text
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        return None


def _ipv6(text: str) -> str | None:
    try:
        return f"[{ipaddress.IPv6Address(text)}]"
    except ValueError:
        return None
