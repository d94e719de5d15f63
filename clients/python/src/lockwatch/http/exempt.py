"""Members of `exempt`: patterns of paths, and addresses and networks of clients."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .address import Address
from .pattern import exact_pattern
from .trusted_proxies import UNIX, check_proxy, parse_network

# A slash, or methods and a space, which no address has.
_PATTERN = re.compile(r"(?:[A-Za-z]+(?:,[A-Za-z]+)* +)?/")


def is_pattern(member: str) -> bool:
    """Whether a member of `exempt` is a pattern of paths."""
    return _PATTERN.match(member) is not None


def check_exempt(member: object) -> None:
    """Raises ConfigurationError for what is neither a pattern nor the address of clients."""
    text = str(member)
    if is_pattern(text):
        exact_pattern(text)
    else:
        check_proxy(text)


class ExemptClients:
    """The addresses among the members of `exempt`."""

    def __init__(self, members: Iterable[str]) -> None:
        texts = [text for text in members if not is_pattern(text)]
        self._networks = [parse_network(text) for text in texts if text != UNIX]
        self._has_unix = UNIX in texts
        self.any = bool(texts)
        """Whether there is one."""

    def has(self, address: Address | None) -> bool:
        """Whether a client is exempt. `address` is None for a Unix socket."""
        if address is None:
            return self._has_unix
        return any(address.version == network.version and address in network for network in self._networks)
