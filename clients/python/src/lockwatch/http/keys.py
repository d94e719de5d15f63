"""The keys that clients are counted under: `prefix:{client}:policy` and `prefix:{client}:burst`.

With a service they start with `prefix:service`. Their layout is part of the contract and the same
in every language. The braces are a hash tag, which keeps the keys of a client in one slot.
"""

from __future__ import annotations

import enum
import hashlib
import logging
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, Literal
from uuid import UUID

from ..errors import ConfigurationError
from ..notices import say_once
from .address import WHOLE_CLIENTS, Address, AddressPrefixes, client_network
from .shortened import shortened_name

# A longer key of the application becomes a digest.
_MAX_KEY_BYTES = 128
_DEFAULT_PREFIX = "lw"
_WHITE_SPACE = re.compile("[ \\t]+")


class _Constant(enum.Enum):
    ADDRESS = "address"


ADDRESS: Final[Literal[_Constant.ADDRESS]] = _Constant.ADDRESS
"""A key function returns this to limit a request by its address."""


class Keys:
    """The keys below a prefix, `lw` unless given, and of a service."""

    def __init__(self, prefix: str | None, service: str | None) -> None:
        if prefix is None and service is None:
            _hint_at_service()
        prefix = _DEFAULT_PREFIX if prefix is None else prefix
        self._prefix = prefix if service is None else f"{prefix}:{service}"

    def limit(self, client: str, policy: str) -> str:
        """The key of a client's limit."""
        return f"{self._prefix}:{{{client}}}:{policy}"

    def burst(self, client: str) -> str:
        """The key of a client's burst."""
        return f"{self._prefix}:{{{client}}}:burst"


def client_of(key: str) -> str:
    """The client of a key that `Keys` has made.

    Neither prefixes nor names of policies have braces.
    """
    return key[key.index("{") + 1 : key.rindex("}")]


def address_clients(prefixes: AddressPrefixes) -> Callable[[Address | None], str]:
    """`address_client` for other prefixes, with a cache."""
    return lru_cache(maxsize=4096)(lambda address: address_client(address, prefixes))


def address_client(address: Address | None, prefixes: AddressPrefixes = WHOLE_CLIENTS) -> str:
    """The client at an address; None is the peer of a Unix socket."""
    return "unix" if address is None else f"ip:{client_network(address, prefixes)}"


def key_client(key: object) -> str | None:
    """The client of a key that the application returned.

    None means the address: for ADDRESS, and for an empty text, which a client can send in a header.
    """
    if key is ADDRESS:
        return None
    if isinstance(key, bool) or not isinstance(key, (str, int, UUID)):
        raise ConfigurationError(
            f"the key function returned a {type(key).__name__}: "
            "it is to return a text, an integer, a UUID, ADDRESS or None"
        )
    text = str(key)
    if not text:
        return None
    encoded = text.encode("utf-8", "surrogatepass")
    return f"key:{text}" if len(encoded) <= _MAX_KEY_BYTES else f"long:{_digest(encoded)}"


def key_text(key: object) -> str | None:
    """The text of a key that the application returned, as the user of an audit event."""
    return None if key_client(key) is None else shortened_name(str(key))


def credential_client(header: str, value: str) -> str | None:
    """The client of a credential, of which only a digest goes into the key; None if it is empty."""
    # The white space of HTTP: bytes beyond ASCII are a part of the credential.
    value = value.strip(" \t")
    if not value:
        return None
    if header == "authorization":
        # One token in two spellings is one client: the scheme is case-insensitive, and space around
        # the token is not part of it.
        scheme, *token = _WHITE_SPACE.split(value, 1)
        value = f"{scheme.lower()} {token[0]}" if token else value
    return f"cred:{_digest(header_bytes(value))}"


def header_bytes(value: str) -> bytes:
    """The value of a header as the client sent it. Servers decode each byte to one character."""
    return value.encode("latin-1", "replace")


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:32]


def _hint_at_service() -> None:
    say_once(
        "service",
        logging.INFO,
        "every service that uses this Redis with the key prefix 'lw' and no service name shares its counters with this "
        "one: name it with service='shop' in the options of LockWatch, AsyncLockWatch or the middleware; "
        "key_prefix='lw' keeps the counters shared, without this line",
    )
