"""IP addresses: parsed strictly, and grouped into what counts as one client."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

# An IPv6 address with a zone, brackets and a port is shorter.
_MAX_LENGTH = 100
# NAT64 (RFC 6052) puts the IPv4 address of a client into the last 32 bits of `64:ff9b::/96`.
_NAT64 = 0x64_FF9B << 64
_PORT = re.compile(r":[0-9]{1,5}")


def parse_address(text: str) -> Address | None:
    """An address without its zone, as IPv4 if it embeds one; None if it is not an address."""
    address, percent, _zone = text.partition("%")
    if percent and ":" not in address:
        return None
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    return (embedded_ipv4(parsed) or parsed) if isinstance(parsed, ipaddress.IPv6Address) else parsed


def embedded_ipv4(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The address of an IPv4 client that is written as IPv6: IPv4-mapped, or by NAT64."""
    if int(address) >> 32 == _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped


def hop_address(hop: str) -> Address | None:
    """The address of a hop in a forwarding header, without brackets and port; None if invalid."""
    hop = hop.strip()
    if len(hop) > _MAX_LENGTH:
        return None
    if hop.startswith("["):
        inner, closed, port = hop[1:].partition("]")
        if not closed or (port and not _is_port(port)) or ":" not in inner:
            return None
        return parse_address(inner)
    if hop.count(":") == 1:
        hop, port = hop.split(":")
        if not _is_port(f":{port}"):
            return None
    return parse_address(hop)


def _is_port(text: str) -> bool:
    return _PORT.fullmatch(text) is not None and int(text[1:]) < 65536


@lru_cache(maxsize=4096)
def peer_address(host: str) -> Address | None:
    """`hop_address` with a cache, for the peer that the server names, with a port at times."""
    # The test client of Starlette runs in the process of the application.
    return hop_address("127.0.0.1" if host == "testclient" else host)


@lru_cache(maxsize=4096)
def address_text(address: Address) -> str:
    """The address as a text, with a cache: `ipaddress` makes it anew each time."""
    return str(address)


@dataclass(frozen=True, slots=True)
class AddressPrefixes:
    """How many bits of an address are one client. A home or server has an IPv6 /64."""

    ipv4: int = 32
    ipv6: int = 64


WHOLE_CLIENTS = AddressPrefixes()


def client_network(address: Address, prefixes: AddressPrefixes = WHOLE_CLIENTS) -> str:
    """What counts as one client: an IPv4 address, or a network."""
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((address, prefixes.ipv6), strict=False))
    if prefixes.ipv4 == address.max_prefixlen:
        return str(address)
    return str(ipaddress.IPv4Network((address, prefixes.ipv4), strict=False))
