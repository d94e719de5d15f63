"""The client's address: the peer's, or what trusted proxies report in a forwarding header."""

from __future__ import annotations

import ipaddress
import itertools
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from ..errors import ConfigurationError
from ..notices import is_said, say_once
from .address import Address, Network, embedded_ipv4, hop_address, peer_address

UNIX = "unix"
# Headers in which proxies name the client.
_FORWARDING = ("X-Forwarded-For", "Forwarded", "X-Real-IP")
_EMBEDDING_LENGTH = 96
# The first _LOOKED_AT requests are searched for forwarding headers, then one in _LOOKED_AT_LATER.
_LOOKED_AT = 1000
_LOOKED_AT_LATER = 16
# Elements of a header that are searched for the peer before a warning.
_MAX_SEARCHED = 20
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
        self._header_name = forwarded_header
        names = {name.lower(): name for name in (forwarded_header, *_FORWARDING)}
        self._forwarding = tuple(names.items())
        self._requests = 0
        self._trusts_unix = UNIX in trusted
        self._networks = [parse_network(text) for text in trusted if text != UNIX]
        self._is_trusted = lru_cache(maxsize=1024)(self._find)

    def address(self, peer: str | None, headers: Callable[[str], list[str]]) -> Address | None:
        """The client's address; None for the peer of a Unix socket without a usable header.

        `peer` is the address that the server names, if any. `headers` returns the values of a
        header.
        """
        address = parse_peer(peer, trusts_unix=self._trusts_unix)
        trusted = self._trusts_unix if address is None else bool(self._networks) and self._is_trusted(address)
        if not trusted:
            if not is_said("untrusted") and self._looks():
                self._warn_of_untrusted(address, headers)
            return address
        if values := headers(self._header):
            return self._forwarded(",".join(values)) or address
        if not is_said("no header"):
            self._warn_of_no_header(address, headers)
        return address

    def _looks(self) -> bool:
        """Whether to look for forwarding headers, which costs as much as the rest of this class."""
        self._requests += 1
        return self._requests <= _LOOKED_AT or self._requests % _LOOKED_AT_LATER == 0

    def _warn_of_untrusted(self, address: Address | None, headers: Callable[[str], list[str]]) -> None:
        for header, name in self._forwarding:
            values = headers(header)
            # A server that has put the client of this header in place of the peer needs no trust.
            if values and not _names(",".join(values), address):
                say_once(
                    "untrusted",
                    logging.WARNING,
                    f"{name} of the peer {address} is not read, because trusted_proxies does not have this address: "
                    "if it is a proxy of yours, all clients behind it share one counter until you put it there",
                )

    def _warn_of_no_header(self, address: Address | None, headers: Callable[[str], list[str]]) -> None:
        other = next((name for header, name in self._forwarding if headers(header)), None)
        there = "" if other is None else f", but {other}"
        say_once(
            "no header",
            logging.WARNING,
            f"the trusted proxy {UNIX if address is None else address} sends no {self._header_name}{there}: all "
            "clients behind it share one counter until it does, or until forwarded_header names what it sends",
        )

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


def parse_peer(peer: str | None, *, trusts_unix: bool) -> Address | None:
    """The address of the peer that the server names; None for the peer of a Unix socket."""
    # waitress calls the peer of a Unix socket "localhost".
    if not peer or peer == "localhost":
        if not trusts_unix:
            raise UnixSocketError
        return None
    if (address := peer_address(peer)) is None:
        raise ConfigurationError(
            f"the server calls the peer of a request {peer[:64]!r}, which is not an address: let the server name "
            "the peer's address, and set trusted_proxies and forwarded_header for the proxy in front of it"
        )
    return address


def _names(value: str, address: Address | None) -> bool:
    """Whether a forwarding header has this address, in one of its last elements."""
    for element in itertools.islice(parts_from_right(value, ","), _MAX_SEARCHED):
        if address in (hop_address(element), hop_address(forwarded_for(element))):
            return True
    return False


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


def check_proxy(text: str) -> None:
    """Raises ConfigurationError for what is neither an address, nor a network, nor `unix`."""
    if text != UNIX:
        parse_network(text)


def parse_network(text: str) -> Network:
    """A network, as IPv4 if it embeds one. Raises ConfigurationError."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise ConfigurationError(f"{text!r} is no address, no network and not 'unix'") from error
    # Peers with an IPv4 address that is embedded in IPv6 are compared as IPv4.
    if (
        isinstance(network, ipaddress.IPv6Network)
        and network.prefixlen >= _EMBEDDING_LENGTH
        and (embedded := embedded_ipv4(network.network_address)) is not None
    ):
        return ipaddress.ip_network((embedded, network.prefixlen - _EMBEDDING_LENGTH), strict=False)
    return network
