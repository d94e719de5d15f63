"""The client's address: the peer's, or what trusted proxies report in a forwarding header."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from ..errors import ConfigurationError
from .address import Address, Network, hop_address, peer_address

UNIX = "unix"
_NODE = re.compile(r'[^\s;,"]*|"(?:[^"\\]|\\.)*"', re.DOTALL)


class UnixSocketError(ConfigurationError):
    """Requests come over a Unix socket, and no header names their clients."""

    def __init__(self) -> None:
        super().__init__(
            "the server listens on a Unix socket, so that no request has an address: "
            "set trusted_proxies=['unix'] and forwarded_header to what the proxy in front sets"
        )


class TrustedProxies:
    """Addresses, networks, and `unix` for a Unix socket, whose forwarding header is believed."""

    def __init__(self, trusted_proxies: Iterable[str], forwarded_header: str) -> None:
        trusted = list(trusted_proxies)
        self._header = forwarded_header.lower()
        self._trusts_unix = UNIX in trusted
        self._networks = [_parse_network(text) for text in trusted if text != UNIX]
        self._is_trusted = lru_cache(maxsize=1024)(self._find)

    def address(self, peer: str | None, headers: Callable[[str], list[str]]) -> Address | None:
        """The client's address; None for the peer of a Unix socket without a usable header.

        `peer` is the address that the server names, if any. `headers` returns the values of a
        header.
        """
        if not peer and not self._trusts_unix:
            raise UnixSocketError
        address = peer_address(peer) if peer else None
        trusted = self._trusts_unix if address is None else bool(self._networks) and self._is_trusted(address)
        if trusted and (values := headers(self._header)):
            return self._forwarded(",".join(values)) or address
        return address

    def _forwarded(self, value: str) -> Address | None:
        """The rightmost hop that is not a trusted proxy, or the leftmost if all are.

        None if a hop on the way there is not an address. Hops left of the result are not read,
        because clients can write anything there.
        """
        address = None
        for element in parts_from_right(value, ","):
            address = hop_address(forwarded_for(element) if self._header == "forwarded" else element)
            if address is None or not self._is_trusted(address):
                return address
        return address

    def _find(self, address: Address) -> bool:
        return any(address.version == network.version and address in network for network in self._networks)


def parts_from_right(text: str, separator: str) -> Iterator[str]:
    """The parts between separators outside of quoted strings, the last part first.

    Lazy, and one pass over the text, which may be as long as the server allows.
    """
    end = at = len(text)
    quote, found = text.rfind('"'), text.rfind(separator)
    while quote >= 0 or found >= 0:
        if quote > found:
            at = _opening_quote(text, quote)
            if at < 0:
                break
        else:
            yield text[found + 1 : end]
            end = at = found
        # Each position is searched once, because a result that is still to the left is kept.
        quote = text.rfind('"', 0, at) if quote >= at else quote
        found = text.rfind(separator, 0, at) if found >= at else found
    yield text[:end]


def _opening_quote(text: str, closing: int) -> int:
    """Where the quoted string starts that ends at `closing`; -1 if nowhere.

    A backslash escapes a quote.
    """
    quote = closing
    while (quote := text.rfind('"', 0, quote)) >= 0:
        start = quote
        while start > 0 and text[start - 1] == "\\":
            start -= 1
        if (quote - start) % 2 == 0:
            break
    return quote


def forwarded_for(element: str) -> str:
    """The first `for` of an element of `Forwarded` (RFC 7239); empty if missing or malformed."""
    for pair in reversed(list(parts_from_right(element, ";"))):
        name, _, node = pair.partition("=")
        if name.strip().lower() == "for":
            node = node.strip()
            if not _NODE.fullmatch(node):
                return ""
            return re.sub(r"\\(.)", r"\1", node[1:-1]) if node.startswith('"') else node
    return ""


def _parse_network(text: str) -> Network:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise ConfigurationError(
            f"trusted_proxies has {text!r}, which is no address, no network and not 'unix'"
        ) from error
    # IPv4-mapped peers are compared as IPv4.
    if isinstance(network, ipaddress.IPv6Network) and (mapped := network.network_address.ipv4_mapped):
        return ipaddress.ip_network((mapped, max(0, network.prefixlen - 96)), strict=False)
    return network
