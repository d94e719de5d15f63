"""IP addresses: parsed strictly, and grouped into what counts as one client."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

# An IPv6 address with a zone, brackets and a port is shorter.
_MAX_LENGTH = 100


def parse_address(text: str) -> Address | None:
    """An address without its zone, IPv4-mapped IPv6 as IPv4; None if it is not an address."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address


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
    return text.startswith(":") and text[1:].isascii() and text[1:].isdigit() and int(text[1:]) < 65536


@lru_cache(maxsize=4096)
def peer_address(host: str) -> Address | None:
    """`parse_address` with a cache, for the peer that the server names."""
    return parse_address(host)


@lru_cache(maxsize=4096)
def client_network(address: Address) -> str:
    """What counts as one client: an IPv4 address, or the /64 that a home or server has."""
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((address, 64), strict=False))
    return str(address)
