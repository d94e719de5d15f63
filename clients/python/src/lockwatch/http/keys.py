"""The keys that clients are counted under: `prefix:{client}:policy` and `prefix:{client}:burst`.

Their layout is part of the contract and the same in every language. The braces are a hash tag,
which keeps the keys of a client in one slot.
"""

from __future__ import annotations

import hashlib
import re

from ..errors import ConfigurationError
from .address import Address, client_network

# A longer key of the application becomes a digest.
_MAX_KEY_BYTES = 128
_PREFIX = re.compile(r"[^{}\s]+")


class Keys:
    """The keys below a prefix."""

    def __init__(self, prefix: str) -> None:
        # The first brace of a key starts the part that decides its slot.
        if not _PREFIX.fullmatch(prefix):
            raise ConfigurationError(f"key_prefix is {prefix!r}: one or more characters, no braces, no spaces")
        self._prefix = prefix

    def limit(self, client: str, policy: str) -> str:
        """The key of a client's limit."""
        return f"{self._prefix}:{{{client}}}:{policy}"

    def burst(self, client: str) -> str:
        """The key of a client's burst."""
        return f"{self._prefix}:{{{client}}}:burst"


def address_client(address: Address | None) -> str:
    """The client at an address; None is the peer of a Unix socket."""
    return "unix" if address is None else f"ip:{client_network(address)}"


def key_client(key: object) -> str | None:
    """The client of a key that the application returned; None for None and an empty text."""
    text = "" if key is None else str(key)
    if not text:
        return None
    encoded = text.encode("utf-8", "surrogatepass")
    return f"key:{text}" if len(encoded) <= _MAX_KEY_BYTES else f"long:{_digest(encoded)}"


def credential_client(header: str, value: str) -> str | None:
    """The client of a credential, of which only a digest goes into the key; None if it is empty."""
    value = value.strip()
    if not value:
        return None
    if header == "authorization":
        # One token in two spellings is one client: the scheme is case-insensitive, and space around
        # the token is not part of it.
        scheme, *token = value.split(maxsplit=1)
        value = f"{scheme.lower()} {token[0]}" if token else value
    return f"cred:{_digest(value.encode('utf-8', 'surrogatepass'))}"


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:32]
