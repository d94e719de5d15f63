"""Where a request comes from: the peer, or what trusted proxies say of it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import TypeAlias

from ..errors import ConfigurationError

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

UNIX = "unix"

# No chain of proxies makes a longer one.
_LONGEST_FORWARDED = 4096

_FORWARDED_PAIR = re.compile(r'\s*([!#$%&\'*+.^_`|~\w-]+)=("(?:[^"\\]|\\.)*"|[^\s;,"]*)\s*(;|,|$)', re.ASCII)


def unmapped(text: str) -> Address | None:
    """An address without brackets, port or zone, an IPv4 one in IPv6 clothes undressed; None if it is none."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address


def hop(text: str) -> Address | None:
    """An element of a forwarding header: an address, maybe in brackets, maybe with a port."""
    text = text.strip()
    if text.startswith("["):
        inner, closed, port = text[1:].partition("]")
        if not closed or (port and not _is_port(port)) or ":" not in inner:
            return None
        return unmapped(inner)
    if text.count(":") == 1:
        text, port = text.split(":")
        if not _is_port(f":{port}"):
            return None
    return unmapped(text)


def _is_port(text: str) -> bool:
    return text.startswith(":") and text[1:].isascii() and text[1:].isdigit() and int(text[1:]) < 65536


def forwarded_for(value: str) -> Iterator[str]:
    """The `for` of each element of RFC 7239's header; what is not there or not understood is an empty text."""
    at, found = 0, ""
    while at < len(value):
        if (pair := _FORWARDED_PAIR.match(value, at)) is None:
            yield ""
            return
        if pair[1].lower() == "for":
            found = re.sub(r"\\(.)", r"\1", pair[2][1:-1]) if pair[2].startswith('"') else pair[2]
        at = pair.end()
        if pair[3] == ",":
            yield found
            found = ""
    yield found


class UnixSocket(ConfigurationError):
    """Requests come over a Unix socket, and nothing says from whom: all the world would be one client."""

    def __init__(self) -> None:
        super().__init__(
            "the server listens on a Unix socket, so that no request has an address: "
            "set trusted_proxies=['unix'] and forwarded_header to what the proxy in front sets"
        )


class Proxies:
    """The proxies whose word is taken."""

    def __init__(self, trusted: Iterable[str], header: str) -> None:
        self.header = header.lower()
        self._standard = self.header == "forwarded"
        self._networks: list[Network] = []
        self.unix = False
        for name in trusted:
            if name == UNIX:
                self.unix = True
            else:
                self._networks.append(_network(name))
        self._trusts = lru_cache(maxsize=1024)(self._find)

    def resolve(self, host: str | None, headers: Callable[[str], list[str]]) -> Address | None:
        """The address of a request, from the peer that the server names, if any, and the request's headers."""
        if not host and not self.unix:
            raise UnixSocket
        peer = peer_address(host) if host else None
        trusted = self.unix if peer is None else bool(self._networks) and self._trusts(peer)
        if trusted and (values := headers(self.header)):
            return self._client(peer, values)
        return peer

    def _find(self, address: Address) -> bool:
        return any(address.version == network.version and address in network for network in self._networks)

    def _client(self, peer: Address | None, values: list[str]) -> Address | None:
        """The rightmost hop that is not a trusted proxy; the peer if a hop on the way to it makes no sense."""
        joined = ",".join(values)
        client = peer
        if self._standard and len(joined) > _LONGEST_FORWARDED:
            return peer
        hops = list(forwarded_for(joined)) if self._standard else joined.split(",")
        for text in reversed(hops):
            if (address := hop(text)) is None:
                return peer
            client = address
            if not self._trusts(address):
                break
        return client


def _network(text: str) -> Network:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise ConfigurationError(
            f"trusted_proxies has {text!r}, which is no address, no network and not 'unix'"
        ) from error
    # A peer is compared unmapped: so is what it is compared with.
    if isinstance(network, ipaddress.IPv6Network) and (mapped := network.network_address.ipv4_mapped):
        return ipaddress.ip_network((mapped, max(0, network.prefixlen - 96)), strict=False)
    return network


@lru_cache(maxsize=4096)
def client_key(address: Address | None) -> str:
    """What an address is called in a key. A home or a server has a /64 of IPv6 to itself: that is one client."""
    if address is None:
        return UNIX
    if isinstance(address, ipaddress.IPv6Address):
        return f"ip:{ipaddress.IPv6Network((address, 64), strict=False)}"
    return f"ip:{address}"


@lru_cache(maxsize=4096)
def peer_address(host: str) -> Address | None:
    """The address a server names as the peer."""
    return unmapped(host)
